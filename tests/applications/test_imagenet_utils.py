"""Images in, class names out."""

import json
import lzma
import os

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import backend as K
from gpukeras import utils
from gpukeras.applications import imagenet_utils
from gpukeras.layers import Input, Lambda
from tests.golden import applications_cases as cases

PATH = os.path.join(os.path.dirname(os.path.dirname(__file__)), "golden", "applications.json.xz")


def stored():
    with lzma.open(PATH, "rt") as f:
        return json.load(f)["preprocess"]


def test_arrays_as_keras_does():
    mine, expected = cases.preprocessed(imagenet_utils), stored()
    assert mine.keys() == expected.keys() and len(mine) == 36
    for name in mine:
        assert mine[name][0] == expected[name][0], name
        tolerance = 1e-12 if name.endswith("float64") else 2e-5
        np.testing.assert_allclose(mine[name][1], expected[name][1], rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
def test_tensors_as_arrays(mode, data_format, rank, dtype):
    shape = {"channels_last": (2, 5, 4, 3), "channels_first": (2, 3, 5, 4)}[data_format][4 - rank :]
    x = cases.pixels(dtype, shape)
    tensor = imagenet_utils.preprocess_input(K.constant(x, dtype=dtype), data_format, mode=mode)
    expected = imagenet_utils.preprocess_input(x.copy(), data_format, mode=mode)
    assert K.int_shape(tensor) == shape and K.dtype(tensor) == "float32"
    np.testing.assert_allclose(K.eval(tensor), expected, rtol=1e-5, atol=1e-5)


def test_in_a_lambda_layer():
    x = cases.pixels("float32", (2, 5, 4, 3))
    inputs = Input((5, 4, 3))
    model = keras.models.Model(inputs, Lambda(imagenet_utils.preprocess_input)(inputs))
    np.testing.assert_allclose(model.predict(x), imagenet_utils.preprocess_input(x.copy()), rtol=1e-5, atol=1e-5)


def test_float_arrays_change_in_place_and_integers_do_not():
    x = cases.pixels("float64", (5, 4, 3))
    answer = imagenet_utils.preprocess_input(x, mode="tf")
    assert answer is x and x.max() <= 1
    x = cases.pixels("float32", (5, 4, 3))
    answer = imagenet_utils.preprocess_input(x)
    np.testing.assert_array_equal(answer[..., ::-1], x)
    x = cases.pixels("int64", (5, 4, 3))
    before = x.copy()
    imagenet_utils.preprocess_input(x, mode="torch")
    np.testing.assert_array_equal(x, before)


def test_the_configured_layout_is_the_default():
    x = cases.pixels("int32", (3, 4, 5))
    K.set_image_data_format("channels_first")
    expected = x[::-1] - np.array([103.939, 116.779, 123.68]).reshape(3, 1, 1)
    np.testing.assert_allclose(imagenet_utils.preprocess_input(x), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    "module, mode",
    [
        ("vgg16", "caffe"),
        ("vgg19", "caffe"),
        ("resnet50", "caffe"),
        ("resnet", "caffe"),
        ("resnet_v2", "tf"),
        ("inception_v3", "tf"),
        ("inception_resnet_v2", "tf"),
        ("xception", "tf"),
        ("mobilenet", "tf"),
        ("nasnet", "tf"),
        ("densenet", "torch"),
    ],
)
def test_mode_of_each_network(module, mode):
    import importlib

    module = importlib.import_module("gpukeras.applications." + module)
    x = cases.pixels("int32", (1, 4, 5, 3))
    np.testing.assert_array_equal(module.preprocess_input(x), imagenet_utils.preprocess_input(x, mode=mode))


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_mobilenet_v2_divides_by_128(dtype):
    from gpukeras.applications.mobilenet_v2 import preprocess_input

    x = (np.arange(12).reshape(2, 2, 3) * 20).astype(dtype)
    expected = preprocess_input(x.copy())
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(expected.ravel()[:4], [-1, -0.84375, -0.6875, -0.53125])
    np.testing.assert_array_equal(K.eval(preprocess_input(K.constant(x, dtype=dtype))), expected)


def test_unknown_layout_and_mode():
    x = np.zeros((4, 4, 3))
    with pytest.raises(ValueError, match="`data_format` must be 'channels_first' or 'channels_last', got 'NHWC'"):
        imagenet_utils.preprocess_input(x, "NHWC")
    with pytest.raises(ValueError, match="`mode` must be 'caffe', 'tf' or 'torch', got 'pytorch'"):
        imagenet_utils.preprocess_input(x, mode="pytorch")


def test_lists_and_pictures_of_pillow():
    Image = pytest.importorskip("PIL.Image")
    x = cases.pixels("uint8", (5, 4, 3))
    expected = imagenet_utils.preprocess_input(x)
    np.testing.assert_array_equal(imagenet_utils.preprocess_input(x.tolist()), expected)
    np.testing.assert_array_equal(imagenet_utils.preprocess_input(Image.fromarray(x)), expected)


@pytest.mark.parametrize("mode", ["caffe", "torch"])
def test_images_that_are_not_of_three_colours(mode):
    grey = np.zeros((2, 5, 4, 1))
    for x in (grey, K.constant(grey), Input((5, 4, 1)), np.zeros((5, 4)), np.zeros((2, 3, 5, 4))):
        with pytest.raises(ValueError, match=f"mode='{mode}' needs images of three colours .* got shape"):
            imagenet_utils.preprocess_input(x, mode=mode)
    assert imagenet_utils.preprocess_input(grey, mode="tf").shape == grey.shape
    assert imagenet_utils.preprocess_input(np.zeros((2, 3, 5, 4)), "channels_first", mode=mode).shape == (2, 3, 5, 4)
    unknown = K.placeholder((None, None, None, None))
    assert K.ndim(imagenet_utils.preprocess_input(unknown, mode=mode)) == 4


def test_shapes_for_networks_outside_of_the_package():
    obtain = imagenet_utils._obtain_input_shape
    assert obtain(None, 224, 32, "channels_last", True) == (224, 224, 3)
    assert obtain(None, 224, 32, "channels_first", require_flatten=False) == (3, None, None)
    assert obtain((40, 50, 1), 224, 32, "channels_last", True, weights=None) == (40, 50, 1)
    with pytest.raises(ValueError, match="at least 48"):
        obtain((40, 50, 3), default_size=224, min_size=48, data_format="channels_last", require_flatten=False)


@pytest.fixture
def class_index(tmp_path, monkeypatch):
    path = tmp_path / "index.json"
    path.write_text(json.dumps({str(i): [f"n{i:08d}", f"thing_{i}"] for i in range(1000)}))
    asked = []

    def get_file(name, origin, **kwargs):
        asked.append((name, kwargs))
        return str(path)

    monkeypatch.setattr(utils, "get_file", get_file)
    monkeypatch.setattr(imagenet_utils, "_class_index", None)
    return asked


def test_decode_predictions(class_index):
    x = np.zeros((2, 1000), dtype="float32")
    x[0, [7, 500, 3]] = 0.5, 0.3, 0.2
    x[1, 999] = 1
    answer = imagenet_utils.decode_predictions(x, top=3)
    assert [row[:2] for row in answer[0]] == [
        ("n00000007", "thing_7"),
        ("n00000500", "thing_500"),
        ("n00000003", "thing_3"),
    ]
    np.testing.assert_allclose([row[2] for row in answer[0]], [0.5, 0.3, 0.2], rtol=1e-6)
    assert answer[1][0] == ("n00000999", "thing_999", 1)
    assert len(imagenet_utils.decode_predictions(x)[0]) == 5
    # Fetched once, with its check sum.
    assert class_index == [
        (
            "imagenet_class_index.json",
            {"cache_subdir": "models", "file_hash": "c2c37ea517e94d9795004a39431a14cb"},
        )
    ]


@pytest.mark.parametrize("shape", [(1000,), (2, 100), (1, 1, 1000)])
def test_decode_predictions_of_another_shape(shape, class_index):
    with pytest.raises(ValueError, match="expected predictions for the 1000 ImageNet classes.*got shape"):
        imagenet_utils.decode_predictions(np.zeros(shape))
    assert class_index == []
