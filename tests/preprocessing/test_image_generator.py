"""`ImageDataGenerator`: settings, standardisation, batches of arrays; more stands in test_golden.py."""

import pickle

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.layers import Dense, Flatten
from gpukeras.models import Sequential
from gpukeras.preprocessing import image
from gpukeras.preprocessing.image import ImageDataGenerator

pytest.importorskip("PIL")
pytest.importorskip("scipy")


def pictures(n=10, channels=3, size=6):
    return np.random.randint(0, 256, (n, size, size, channels)).astype("float32")


@pytest.mark.parametrize(
    "settings,message",
    [
        (dict(data_format="last"), "`data_format` should be"),
        (dict(zoom_range=(1, 2, 3)), "`zoom_range` should be a float, or"),
        (dict(validation_split=1.5), "`validation_split` must be strictly between 0 and 1"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator(**settings)


@pytest.mark.parametrize(
    "settings,on,off",
    [
        (dict(zca_whitening=True), ["featurewise_center"], []),
        (
            dict(zca_whitening=True, featurewise_center=True, featurewise_std_normalization=True),
            [],
            ["featurewise_std_normalization"],
        ),
        (dict(featurewise_std_normalization=True), ["featurewise_center"], []),
        (dict(samplewise_std_normalization=True), ["samplewise_center"], []),
    ],
)
def test_settings_that_bring_others(settings, on, off):
    with pytest.warns(UserWarning, match="is now o"):
        made = ImageDataGenerator(**settings)
    assert all(getattr(made, name) for name in on) and not any(getattr(made, name) for name in off)


def test_defaults_follow_the_configuration():
    K.set_image_data_format("channels_first")
    K.set_floatx("float64")
    made = ImageDataGenerator()
    assert (made.data_format, made.dtype, made.channel_axis, made.row_axis) == ("channels_first", "float64", 1, 2)
    assert next(made.flow(pictures().transpose(0, 3, 1, 2))).dtype == "float64"


@pytest.mark.parametrize(
    "settings",
    [
        dict(rotation_range=20, zoom_range=0.2),
        dict(brightness_range=(0.5, 1.5)),
        dict(channel_shift_range=20.0, horizontal_flip=True),
        dict(rescale=1 / 2),
        dict(featurewise_center=True, featurewise_std_normalization=True),
        dict(samplewise_center=True, samplewise_std_normalization=True),
        dict(zca_whitening=True, zca_epsilon=1.0, featurewise_center=True),
        dict(preprocessing_function=lambda x: x / 3),
    ],
)
def test_small_types_are_computed_in_float32(settings):
    """Batches of float16 and of integers hold what batches of float32 hold, as far as they can."""
    x = pictures(5)
    batches = {}
    for dtype in ("float32", "float16", "uint8", "int16", "float64"):
        K.set_floatx(dtype if dtype.startswith("float") else "float16")
        made = ImageDataGenerator(dtype=dtype, **settings)
        made.fit(x)
        np.random.seed(3)
        batches[dtype] = next(made.flow(x, shuffle=False))
        assert batches[dtype].dtype == dtype
    np.testing.assert_allclose(batches["float64"], batches["float32"], rtol=1e-2, atol=0.05)
    np.testing.assert_allclose(batches["float16"], batches["float32"], rtol=2e-3, atol=1e-3)
    np.testing.assert_array_equal(batches["int16"], batches["float32"].astype("int16"))
    if batches["float32"].min() >= 0:
        np.testing.assert_array_equal(batches["uint8"], batches["float32"].astype("uint8"))


def test_standardize_by_sample():
    x = pictures()
    found = ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True).standardize(x[0].copy())
    np.testing.assert_allclose(found, (x[0] - x[0].mean()) / x[0].std(), rtol=1e-4, atol=1e-5)
    # Floats are changed in place, other numbers cannot be.
    given = x.copy()
    assert ImageDataGenerator(rescale=0.5).standardize(given) is given
    np.testing.assert_array_equal(given, x / 2)
    ints = x.astype("uint8")
    np.testing.assert_array_equal(ImageDataGenerator(rescale=0.5).standardize(ints), x / 2)
    np.testing.assert_array_equal(ints, x)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_standardize_by_feature(data_format):
    x = pictures(50) * [1, 0.5, 0.1] + [0, 7, 3]
    axes = (0, 1, 2)
    mean, std = x.mean(axis=axes), x.std(axis=axes)
    expected = (x - mean) / std
    if data_format == "channels_first":
        x, expected = x.transpose(0, 3, 1, 2), expected.transpose(0, 3, 1, 2)
    made = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True, data_format=data_format)
    given = x.copy()
    made.fit(given)
    np.testing.assert_array_equal(given, x)
    np.testing.assert_allclose(made.mean.ravel(), mean, rtol=1e-5)
    np.testing.assert_allclose(made.std.ravel(), std, rtol=1e-5)
    np.testing.assert_allclose(next(made.flow(x, shuffle=False, batch_size=50)), expected, rtol=1e-3, atol=1e-4)


def test_zca_decorrelates():
    mixed = np.random.normal(size=(400, 8)) @ np.random.normal(size=(8, 8))
    x = mixed.reshape(400, 2, 4, 1)
    made = ImageDataGenerator(zca_whitening=True, featurewise_center=True, dtype="float64")
    made.fit(x)
    white = made.standardize(x - 0.0).reshape(400, 8)
    np.testing.assert_allclose(white.T @ white / 400, np.eye(8), atol=0.05)


@pytest.mark.parametrize("settings", [dict(featurewise_center=True), dict(featurewise_center=True, zca_whitening=True)])
def test_unfitted_says_so(settings):
    x = pictures(1)[0]
    with pytest.warns(UserWarning, match=r"needs statistics of the training data"):
        np.testing.assert_array_equal(ImageDataGenerator(**settings).standardize(x), x)


def test_what_fit_and_flow_refuse():
    made = ImageDataGenerator(validation_split=0.5)
    x = pictures(4)
    with pytest.raises(ValueError, match="rank 4"):
        made.fit(x[0])
    with pytest.raises(ValueError, match="rank 4"):
        made.flow(x[0])
    for wrong in (np.zeros(3), np.zeros(5)):
        with pytest.raises(ValueError, match=r"`x` \(images tensor\) and `y` \(labels\) should have the same length"):
            made.flow(x, wrong)
        with pytest.raises(ValueError, match=r"`x` \(images tensor\) and `sample_weight` should have the same length"):
            made.flow(x, np.zeros(4), sample_weight=wrong)
        with pytest.raises(ValueError, match="All of the arrays in `x` need as many rows .* images, 4; one has "):
            made.flow((x, wrong))
    with pytest.raises(ValueError, match="Invalid subset name"):
        made.flow(x, subset="test")
    with pytest.raises(ValueError, match="other classes for training than for validation"):
        made.flow(x, [0, 0, 1, 1], subset="training")
    with pytest.warns(UserWarning, match="1, 3 or 4 channels"):
        made.flow(np.zeros((4, 5, 5, 7)))
    with pytest.warns(UserWarning, match="1, 3 or 4 channels"):
        made.fit(np.zeros((4, 5, 5, 7)))
    made.brightness_range = (1,)
    with pytest.raises(ValueError, match="`brightness_range` should be"):
        made.get_random_transform((5, 5, 3))


def test_batches_keep_together():
    x = pictures(10)
    x[:, 0, 0, 0] = np.arange(10)
    y, w, misc = np.arange(10), np.arange(10) / 10, np.arange(20).reshape(10, 2)
    flow = ImageDataGenerator().flow((x, [misc, y]), y, sample_weight=w, batch_size=4, seed=1)
    assert len(flow) == 3
    seen = []
    for _, ((batch, m, again), labels, weights) in zip(range(3), flow):
        np.testing.assert_array_equal(batch[:, 0, 0, 0], labels)
        np.testing.assert_array_equal(m, misc[labels])
        np.testing.assert_array_equal(again, labels)
        np.testing.assert_array_equal(weights, labels / 10)
        seen += labels.tolist()
    assert sorted(seen) == list(range(10)) and seen != sorted(seen)
    assert isinstance(ImageDataGenerator().flow((x, misc)).next(), list)


def test_parts_for_training_and_validation():
    x, y, w = pictures(10), np.arange(10) % 2, np.arange(10.0)
    made = ImageDataGenerator(validation_split=0.3)
    for subset, expected in (("validation", w[:3]), ("training", w[3:])):
        batch, labels, weights = next(made.flow(x, y, sample_weight=w, shuffle=False, subset=subset))
        # The weights stay with their images.
        np.testing.assert_array_equal(weights, expected)
        np.testing.assert_array_equal(labels, y[expected.astype(int)])
        np.testing.assert_array_equal(batch, x[expected.astype(int)])


def test_as_a_sequence():
    x, y = pictures(10), np.arange(10)
    flow = ImageDataGenerator(horizontal_flip=True).flow(x, y, batch_size=4, seed=3)
    first = [labels.tolist() for _, labels in (flow[i] for i in range(3))]
    assert sorted(sum(first, [])) == list(range(10))
    flow.on_epoch_end()
    assert [flow[i][1].tolist() for i in range(3)] != first
    with pytest.raises(ValueError, match="element 3, but the Sequence has length 3"):
        flow[3]
    next(flow)
    flow.reset()
    assert flow.batch_index == 0
    twin = pickle.loads(pickle.dumps(flow))
    for a, b in zip(flow[1], twin[1]):
        np.testing.assert_array_equal(a, b)
    assert len(next(twin)[0]) == 4


def test_nothing_to_iterate_over():
    with pytest.raises(ValueError, match="no images"):
        next(ImageDataGenerator().flow(np.zeros((0, 4, 4, 3))))


def test_the_given_images_stay_as_they_are():
    x = pictures()
    kept = x.copy()
    made = ImageDataGenerator(rescale=1 / 255, samplewise_center=True, horizontal_flip=True, brightness_range=(0.5, 2))
    next(made.flow(x))
    np.testing.assert_array_equal(x, kept)


def test_saved_images(tmp_path):
    x = pictures(5)
    flow = ImageDataGenerator().flow(x, shuffle=False, save_to_dir=tmp_path, save_prefix="s", save_format="png")
    next(flow)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.split("_")[:2] for name in names] == [["s", str(i)] for i in range(5)]
    again = image.img_to_array(image.load_img(tmp_path / names[2]))
    # Saving stretches the values to 255.
    np.testing.assert_allclose(again, x[2] * 255 / x[2].max(), atol=1)


def test_transform_parameters():
    x = pictures(1)[0]
    made = ImageDataGenerator()
    np.testing.assert_array_equal(made.apply_transform(x, {}), x)
    np.testing.assert_array_equal(made.apply_transform(x, {"flip_horizontal": True}), x[:, ::-1])
    np.testing.assert_array_equal(made.apply_transform(x, {"flip_vertical": True}), x[::-1])
    np.testing.assert_array_equal(made.apply_transform(x, {"tx": 1})[:-1], x[1:])
    np.testing.assert_array_equal(made.apply_transform(x, {"channel_shift_intensity": 0.0}), x)
    made = ImageDataGenerator(rotation_range=90, zoom_range=0.5)
    np.testing.assert_array_equal(
        made.random_transform(x, seed=5), made.apply_transform(x, made.get_random_transform(x.shape, seed=5))
    )


@pytest.mark.parametrize("workers,processes", [(1, False), (3, False), (2, True)])
def test_training_with_workers(workers, processes):
    x = pictures(40)
    y = np.arange(40) % 2
    x[y == 1] /= 4
    made = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, preprocessing_function=lambda image: image)
    model = Sequential([Flatten(input_shape=(6, 6, 3)), Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    history = model.fit_generator(
        made.flow(x, y, batch_size=8, seed=2), epochs=6, workers=workers, use_multiprocessing=processes, verbose=0
    )
    assert history.history["loss"][-1] < history.history["loss"][0]
