"""Matrix products and convolutions on oneDNN against the NumPy kernels."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from gpukeras.kernels.native.primitive import extension

from .engines import assert_engines_agree, kernels, normal, placeholder, rng

pytestmark = pytest.mark.skipif(extension() is None, reason="the extension is built without oneDNN")

# (shape of a, shape of b), as multiplied.
PRODUCTS = [
    ((1, 1), (1, 1)), ((3, 5), (5, 7)), ((1, 784), (784, 512)), ((128, 512), (512, 10)), ((32, 64), (64, 1)),
    ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((6, 2, 3, 4), (1, 2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)),
]  # fmt: skip


@pytest.mark.parametrize("shapes", PRODUCTS)
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
def test_products_of_all_ranks_and_layouts(shapes, transposed):
    arrays = [np.swapaxes(normal(*s), -1, -2) if t else normal(*s) for s, t in zip(shapes, transposed, strict=True)]
    a, b = (placeholder(x.shape) for x in arrays)
    assert_engines_agree([ops.matmul(a, b, *transposed)], dict(zip((a, b), arrays, strict=True)), 4e-6)


def test_a_product_of_strided_views():
    x = placeholder((4, 6, 8))
    y = ops.matmul(x[:, ::2, :4], ops.transpose(x, (0, 2, 1))[:, 1:5, ::3])
    assert_engines_agree([y], {x: normal(4, 6, 8)})


def test_a_product_with_repeated_operands():
    x, y = placeholder((3, 1)), placeholder((4,))
    z = ops.matmul(ops.broadcast_to(x, (3, 4)), ops.broadcast_to(y, (4, 4)))
    assert_engines_agree([z], {x: normal(3, 1), y: normal(4)})


@pytest.mark.parametrize("shapes", [((0, 3), (3, 4)), ((3, 0), (0, 4)), ((3, 4), (4, 0))])
def test_empty_products(shapes):
    a, b = (placeholder(s) for s in shapes)
    assert_engines_agree([ops.matmul(a, b)], {a: normal(*shapes[0]), b: normal(*shapes[1])})


def test_float16_is_computed_in_float32():
    a, b = placeholder((3, 4), "float16"), placeholder((4, 5), "float16")
    feeds = {a: rng.integers(-4, 5, (3, 4)).astype("float16"), b: rng.integers(-4, 5, (4, 5)).astype("float16")}
    names = kernels([ops.matmul(a, b)], feeds)
    assert len(names) == 3 and names[1].startswith("onednn") and names[0] == "fused:2" and names[2] == "fused:1"
    assert_engines_agree([ops.matmul(a, b)], feeds)


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_other_dtypes_fall_back(dtype):
    a, b = placeholder((3, 4), dtype), placeholder((4, 5), dtype)
    feeds = {a: rng.integers(-4, 5, (3, 4)).astype(dtype), b: rng.integers(-4, 5, (4, 5)).astype(dtype)}
    y = ops.matmul(a, b)
    assert kernels([y], feeds) == [""]
    assert_engines_agree([y], feeds)


@pytest.mark.parametrize("activation", [None, ops.relu, ops.sigmoid, ops.tanh, ops.hard_sigmoid, ops.elu])
@pytest.mark.parametrize("bias", [False, True])
def test_product_bias_and_relu_are_one_kernel(activation, bias):
    x, w, b = placeholder((33, 20)), placeholder((20, 17)), placeholder((17,))
    y = ops.matmul(x, w)
    y = y + b if bias else y
    y = activation(y) if activation else y
    feeds = {x: normal(33, 20), w: normal(20, 17), b: normal(17)}
    assert_engines_agree([y], feeds, 4e-6)
    assert len(kernels([y], feeds)) == 1 + (activation not in (None, ops.relu))


def test_what_is_read_elsewhere_is_not_joined():
    x, w, b = placeholder((4, 5)), placeholder((5, 6)), placeholder((6,))
    product = ops.matmul(x, w)
    total = product + b
    feeds = {x: normal(4, 5), w: normal(5, 6), b: normal(6)}
    assert_engines_agree([ops.relu(total), total], feeds)
    assert_engines_agree([ops.relu(total), product], feeds)
    assert_engines_agree([ops.relu(product + ops.reshape(b, (1, 6))), ops.relu(product + product)], feeds)


def test_a_bias_computed_after_the_product():
    x, w = placeholder((4, 5)), placeholder((5, 5))
    product = ops.matmul(x, w)
    assert_engines_agree([product + ops.sum(ops.matmul(w, w), 0)], {x: normal(4, 5), w: normal(5, 5)})


# (shape of x, shape of w, strides, padding, dilation, groups)
CONVOLUTIONS = [
    ((2, 9, 8, 1), (3, 3, 1, 5), 1, "valid", 1, 1),
    ((2, 9, 8, 3), (3, 2, 3, 5), (2, 1), "same", 1, 1),
    ((2, 12, 13, 4), (3, 3, 4, 6), 1, "same", (2, 3), 1),
    ((1, 10, 10, 16), (1, 1, 16, 32), 1, "valid", 1, 1),
    ((1, 10, 10, 16), (1, 1, 16, 32), 2, "valid", 1, 1),
    ((2, 11, 11, 8), (3, 3, 1, 8), 1, "same", 1, 8),
    ((2, 11, 11, 8), (3, 3, 1, 16), 2, "valid", 1, 8),
    ((2, 11, 11, 8), (3, 3, 4, 6), 1, "same", 1, 2),
    ((2, 11, 11, 8), (3, 3, 8, 6), 4, "same", 1, 1),
    ((3, 20, 5), (4, 5, 7), 1, "causal", 2, 1),
    ((3, 20, 5), (3, 5, 7), 3, "same", 1, 1),
    ((3, 2, 5), (5, 5, 7), 1, ((4, 1),), 1, 1),
    ((2, 5, 6, 7, 3), (2, 3, 2, 3, 4), (1, 2, 1), "same", 1, 1),
    ((2, 5, 6, 7, 3), (2, 2, 2, 3, 4), 1, "full", 1, 1),
]


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions_and_their_gradients(case):
    shape, kernel, strides, padding, dilation, groups = case
    x, w = placeholder(shape), placeholder(kernel)
    y = ops.conv(x, w, strides, padding, dilation, groups)
    dy = placeholder(tuple(y.shape))
    feeds = {x: normal(*shape), w: normal(*kernel), dy: normal(*y.shape)}
    dx, dw = gradients(ops.sum(y * dy), [x, w])
    assert_engines_agree([y, dx, dw], feeds, 4e-6)


def test_channels_first_is_read_where_it_lies():
    x, w = placeholder((2, 3, 9, 8)), placeholder((3, 3, 3, 5))
    y = ops.transpose(ops.conv(ops.transpose(x, (0, 2, 3, 1)), w, 1, "same"), (0, 3, 1, 2))
    dx, dw = gradients(ops.sum(ops.square(y)), [x, w])
    assert_engines_agree([y, dx, dw], {x: normal(2, 3, 9, 8), w: normal(3, 3, 3, 5)}, 4e-6)


@pytest.mark.parametrize("activation", [None, ops.relu, ops.sigmoid])
def test_a_convolutional_layer_is_one_kernel(activation):
    x, w, b = placeholder((2, 9, 8, 3)), placeholder((3, 3, 3, 5)), placeholder((5,))
    y = ops.conv(x, w) + b
    y = activation(y) if activation else y
    feeds = {x: normal(2, 9, 8, 3), w: normal(3, 3, 3, 5), b: normal(5)}
    assert len(kernels([y], feeds)) == 1 + (activation is ops.sigmoid)
    assert_engines_agree([y], feeds, 4e-6)


def test_empty_batches_fall_back():
    x, w = placeholder((0, 9, 8, 3)), placeholder((3, 3, 3, 5))
    assert_engines_agree([ops.conv(x, w)], {x: normal(0, 9, 8, 3), w: normal(3, 3, 3, 5)})
