"""to_categorical and normalize."""

import numpy as np
import pytest

from gpukeras.utils import normalize, to_categorical


def test_to_categorical():
    np.testing.assert_array_equal(to_categorical([0, 2]), [[1, 0, 0], [0, 0, 1]])
    assert to_categorical([[1], [0]], 4).shape == (2, 4), "a last axis of one is dropped"
    assert to_categorical(np.zeros((3, 2)), 5, dtype="int8").shape == (3, 2, 5)
    assert to_categorical([0], dtype="int8").dtype == "int8"


@pytest.mark.parametrize("label", [3, 7, -4])
def test_labels_out_of_range_are_named(label):
    with pytest.raises(ValueError, match="label %d is out of range for num_classes=3" % label):
        to_categorical([0, label], 3)


def test_normalize():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(normalize(x), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(normalize(x, axis=0, order=1), [[1, 1], [0, 0]])
