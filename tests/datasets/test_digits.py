"""The shipped handwritten digits."""

import numpy as np
import pytest

from gpukeras.datasets import digits


def test_shapes_types_and_ranges():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1438, 8, 8) and x_test.shape == (359, 8, 8)
    assert y_train.shape == (1438,) and y_test.shape == (359,)
    for images, labels in [(x_train, y_train), (x_test, y_test)]:
        assert images.dtype == np.uint8 and labels.dtype == np.uint8
        assert images.min() == 0 and images.max() == 16
        assert set(labels.tolist()) == set(range(10))


def test_split_and_seed():
    (x_train, y_train), (x_test, _) = digits.load_data(test_split=0.5, seed=1)
    assert len(x_train) == 899 and len(x_test) == 898
    again, other = digits.load_data(0.5, 1), digits.load_data(0.5, 2)
    np.testing.assert_array_equal(again[0][0], x_train)
    assert not np.array_equal(other[0][1], y_train)


def test_every_image_is_in_one_part():
    from sklearn.datasets import load_digits

    (x_train, y_train), (x_test, y_test) = digits.load_data()

    def rows(images, labels):
        return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels))

    # scikit-learn ships a copy of the same UCI file.
    copy = load_digits()
    ours = rows(np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test]))
    assert ours == rows(copy.images.astype(np.uint8), copy.target)


def test_global_random_state_is_left_alone():
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    digits.load_data()
    assert np.random.rand() == expected


@pytest.mark.parametrize("split", [0, 1, -0.1, 1.5])
def test_bad_split(split):
    with pytest.raises(ValueError, match="digits.load_data: expected test_split between 0 and 1"):
        digits.load_data(test_split=split)
