"""K's convolutions, pooling and enlarging, in both layouts, against plain loops; what they refuse."""

import itertools

import numpy as np
import pytest

from gpukeras import backend as K
from tests.ops.cases.conv import conv_loops, transpose_loops

FORMATS = ("channels_last", "channels_first")
RNG = np.random.RandomState(0)


def _to(x, data_format):
    return np.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def _evaluate(call, x, *others, data_format="channels_last", unknown=False):
    """Result in channels_last of a function of a channels_last array, run in either layout."""
    x = _to(x, data_format)
    inputs = K.placeholder((None,) * x.ndim if unknown else x.shape)
    y = call(inputs, *[K.variable(v) for v in others], data_format=data_format)
    out = K.function([inputs], [y])([x])[0]
    assert all(n in (None, m) for n, m in zip(K.int_shape(y), out.shape, strict=True))
    return np.moveaxis(out, 1, -1) if data_format == "channels_first" else out


def _close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=2e-5)


CONVOLUTIONS = {
    "1d": (K.conv1d, (2, 7, 3), (3, 3, 4), dict(strides=2, padding="same")),
    "1d causal": (K.conv1d, (2, 7, 3), (3, 3, 4), dict(padding="causal", dilation_rate=2)),
    "2d": (K.conv2d, (2, 5, 6, 3), (3, 2, 3, 4), dict(strides=(1, 2), padding="same")),
    "2d dilated": (K.conv2d, (2, 7, 6, 3), (3, 2, 3, 4), dict(dilation_rate=(2, 3))),
    "2d one number": (K.conv2d, (2, 5, 6, 3), (3, 2, 3, 4), dict(strides=2)),
    "3d": (K.conv3d, (1, 4, 3, 5, 2), (2, 2, 3, 2, 3), dict(strides=(2, 1, 1), padding="same")),
}


def _each(value, n):
    return (value,) * n if isinstance(value, int) else value


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name, data_format, unknown):
    function, shape, kernel, settings = CONVOLUTIONS[name]
    x, w, n = RNG.randn(*shape), RNG.randn(*kernel), len(shape) - 2
    strides, dilation = (_each(settings.get(key, 1), n) for key in ("strides", "dilation_rate"))
    want = conv_loops(x, w, strides, settings.get("padding", "valid"), dilation, 1)
    call = lambda *args, **kwargs: function(*args, **kwargs, **settings)
    _close(_evaluate(call, x, w, data_format=data_format, unknown=unknown), want)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("rank, padding", list(itertools.product((2, 3), ("valid", "same"))))
def test_transposed(rank, padding, data_format):
    spatial, kernel, strides = (6, 5, 4)[:rank], (3, 2, 2)[:rank], (2, 1, 2)[:rank]
    w = RNG.randn(*kernel, 4, 3)
    y = conv_loops(np.zeros((2, *spatial, 4)), w, strides, padding, (1,) * rank, 1)
    x = RNG.randn(*y.shape)
    want = transpose_loops(x, w, spatial, strides, padding, (1,) * rank, 1)
    shape = _to(np.empty((2, *spatial, 4)), data_format).shape
    function = (K.conv2d_transpose, K.conv3d_transpose)[rank - 2]
    for given in (shape, list(shape), K.constant(shape, dtype="int32")):
        call = lambda x, w, data_format, given=given: function(x, w, given, strides, padding, data_format)
        _close(_evaluate(call, x, w, data_format=data_format), want)


def test_transposed_to_the_shape_of_another_tensor():
    x, like = K.placeholder((None, None, None, 3)), K.placeholder((None, None, None, 2))
    y = K.conv2d_transpose(x, K.ones((3, 3, 2, 3)), K.shape(like), (2, 2), "same")
    f = K.function([x, like], [y])
    for size in (5, 6):
        assert f([np.ones((1, 3, 3, 3)), np.ones((1, size, size, 2))])[0].shape == (1, size, size, 2)


def _depthwise_as_groups(kernel):
    *sizes, c, m = kernel.shape
    return kernel.reshape(*sizes, 1, c * m)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("settings", [dict(), dict(strides=2, padding="same"), dict(dilation_rate=2)])
@pytest.mark.parametrize("rank", [1, 2])
def test_separable(rank, settings, data_format):
    x = RNG.randn(2, *(7, 6)[:rank], 3)
    depthwise, pointwise = RNG.randn(*(3, 2)[:rank], 3, 2), RNG.randn(*(1,) * rank, 6, 4)
    strides, dilation = (_each(settings.get(key, 1), rank) for key in ("strides", "dilation_rate"))
    middle = conv_loops(x, _depthwise_as_groups(depthwise), strides, settings.get("padding", "valid"), dilation, 3)
    want = middle @ pointwise.reshape(6, 4)
    function = (K.separable_conv1d, K.separable_conv2d)[rank - 1]
    call = lambda *args, **kwargs: function(*args, **kwargs, **settings)
    _close(_evaluate(call, x, depthwise, pointwise, data_format=data_format), want)
    if rank == 2:
        call = lambda *args, **kwargs: K.depthwise_conv2d(*args, **kwargs, **settings)
        _close(_evaluate(call, x, depthwise, data_format=data_format), middle)


def test_arrays_take_the_type_of_the_tensor_beside_them():
    x = K.placeholder((2, 5, 5, 3), dtype="float64")
    assert K.dtype(K.conv2d(x, np.ones((3, 3, 3, 2)))) == "float64"
    assert K.dtype(K.pool2d(np.ones((1, 4, 4, 1)), 2)) == K.floatx()


def test_pooling_of_numbers():
    x = np.arange(25.0).reshape(1, 5, 5, 1)
    for padding, want in (("valid", [[6, 8], [16, 18]]), ("same", [[6, 8, 9], [16, 18, 19], [21, 23, 24]])):
        np.testing.assert_array_equal(K.eval(K.pool2d(K.constant(x), 2, 2, padding))[0, :, :, 0], want)
    want = [[3, 5, 6.5], [13, 15, 16.5], [20.5, 22.5, 24]]  # padding does not count
    np.testing.assert_allclose(K.eval(K.pool2d(K.constant(x), 2, 2, "same", pool_mode="avg"))[0, :, :, 0], want)


def test_bilinear_samples_at_i_over_factor():
    x = np.array([0.0, 4.0, 2.0]).reshape(1, 1, 3, 1)
    got = K.eval(K.resize_images(K.constant(x), 1, 4, "channels_last", "bilinear")).ravel()
    np.testing.assert_allclose(got, [0, 1, 2, 3, 4, 3.5, 3, 2.5, 2, 2, 2, 2])


@pytest.mark.parametrize("data_format", FORMATS)
def test_resize_volumes(data_format):
    x = RNG.randn(1, 2, 3, 2, 2)
    want = x.repeat(2, 1).repeat(1, 2).repeat(3, 3)
    call = lambda x, data_format: K.resize_volumes(x, 2, 1, 3, data_format)
    _close(_evaluate(call, x, data_format=data_format), want)


X, W = np.ones((2, 5, 6, 3), "float32"), np.ones((3, 3, 3, 4), "float32")
REFUSED = {
    "both": (lambda: K.conv2d(X, W, strides=2, dilation_rate=2), "strides > 1 not supported in conjunction"),
    "channels": (lambda: K.conv2d(X, np.ones((3, 3, 5, 4))), r"has 3 channels.*\(3, 3, 5, 4\) expects 5"),
    "rank of x": (lambda: K.conv1d(X, np.ones((3, 3, 4))), r"conv1d: expected an input with 3 axes.*\(2, 5, 6, 3\)"),
    "rank of kernel": (lambda: K.conv2d(X, np.ones((3, 3, 4))), r"conv2d: expected a kernel with 4 axes.*\(3, 3, 4\)"),
    "too large": (lambda: K.conv2d(X, np.ones((6, 3, 3, 4))), r"output sizes \(0, 4\)"),
    "padding": (lambda: K.conv2d(X, W, padding="full"), "Invalid padding: 'full'.*'valid' or 'same'"),
    "causal": (lambda: K.conv2d(X, W, padding="causal"), "Invalid padding: 'causal'"),
    "format": (lambda: K.conv2d(X, W, data_format="nhwc"), "nhwc"),
    "strides": (lambda: K.conv2d(X, W, strides=(1, 2, 3)), r"strides must be 2 positive.*\(1, 2, 3\)"),
    "strides-0": (lambda: K.conv2d(X, W, strides=0), "strides must be 2 positive"),
    "transpose-shape": (
        lambda: K.conv2d_transpose(X, np.ones((3, 3, 4, 3)), (7, 8, 4)),
        "4 entries, batch axis included",
    ),
    "transpose-none": (
        lambda: K.conv2d_transpose(X, np.ones((3, 3, 4, 3)), (2, None, 8, 4)),
        "spatial entries of output_shape must be given",
    ),
    "transpose-size": (lambda: K.conv2d_transpose(X, np.ones((3, 3, 4, 3)), (2, 9, 9, 4)), r"size \(7, 7\).*\(5, 6\)"),
    "depthwise": (lambda: K.depthwise_conv2d(X, np.ones((3, 3, 4, 1))), "has 3 channels, the depthwise kernel"),
    "separable": (
        lambda: K.separable_conv2d(X, np.ones((3, 3, 3, 1)), np.ones((1, 1, 4, 2))),
        r"has 3 channels.*\(1, 1, 4, 2\) expects 4",
    ),
    "pointwise": (
        lambda: K.separable_conv2d(X, np.ones((3, 3, 3, 1)), np.ones((1, 2, 3, 2))),
        "pointwise kernel has size 1",
    ),
    "pool_mode": (lambda: K.pool2d(X, 2, pool_mode="min"), "Invalid pool_mode: 'min'"),
    "pool rank": (lambda: K.pool3d(X, 2), "5 axes"),
    "pool size": (lambda: K.pool2d(X, (2, 2, 2)), "pool_size must be 2"),
    "pool too large": (lambda: K.pool2d(X, 7), r"output sizes \(-1, 0\)"),
    "fraction": (lambda: K.resize_images(X, 1.5, 2, "channels_last"), r"positive integers, got \(1.5, 2\)"),
    "interpolation": (lambda: K.resize_images(X, 2, 2, "channels_last", "cubic"), "cubic"),
    "resize rank": (lambda: K.resize_volumes(X, 2, 2, 2, "channels_last"), "5 axes"),
    "local": (lambda: K.local_conv2d(X, np.ones((12, 27, 2)), (3, 3), (1, 1), (4, 3)), r"\(4, 3\), but.*\(3, 4\)"),
    "local kernel": (lambda: K.local_conv2d(X, np.ones((12, 9, 2)), (3, 3), (1, 1), (3, 4)), "27 numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()
