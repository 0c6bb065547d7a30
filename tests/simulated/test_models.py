"""Whole models train on a simulated GPU, through the makers for NVIDIA's libraries, as they do on the CPU.

And the plans of training steps have the kernels they should: on a device that makes plans and runs nothing.
"""

from collections import Counter

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import layers, mixed_precision
from gpukeras.compiler.function import Function
from gpukeras.kernels.cuda import glue
from gpukeras.kernels.native.opcodes import opcodes
from gpukeras.runtime.device import Device
from tests.csrc import simulator

from .device import simulated_gpu
from .libraries import libraries

pytestmark = pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed")


def mlp(inputs=20, units=16):
    """Two hidden layers."""
    model = keras.models.Sequential()
    model.add(layers.Dense(units, activation="relu", input_shape=(inputs,)))
    model.add(layers.Dense(units, activation="tanh"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("sgd", "categorical_crossentropy")
    return model


def cnn(size=6, filters=2):
    """Two convolutions, a pool and two dense layers."""
    model = keras.models.Sequential()
    model.add(layers.Conv2D(filters, 3, activation="relu", input_shape=(size, size, 1)))
    model.add(layers.Conv2D(filters, 3, activation="relu"))
    model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(16, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("sgd", "categorical_crossentropy")
    return model


def resnet(blocks=1, filters=(2, 3), size=4):
    """Stages of residual blocks, each stage but the first of half the size (He et al., 2015)."""

    def unit(x, count, strides, activation=True):
        x = layers.Conv2D(count, 3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.Activation("relu")(x) if activation else x

    inputs = layers.Input((size, size, 3))
    x = unit(inputs, filters[0], 1)
    for stage, count in enumerate(filters):
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            y = unit(unit(x, count, strides), count, 1, activation=False)
            if strides > 1:
                x = layers.Conv2D(count, 1, strides=2, padding="same", use_bias=False)(x)
            x = layers.Activation("relu")(layers.add([x, y]))
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    model = keras.models.Model(inputs, outputs)
    model.compile("adam", "categorical_crossentropy")
    return model


def channels_first():
    """A convolution, batch normalisation and both pools, with channels before pixels."""
    model = keras.models.Sequential()
    first = {"data_format": "channels_first"}
    model.add(layers.Conv2D(3, 3, padding="same", activation="relu", input_shape=(2, 6, 6), **first))
    model.add(layers.BatchNormalization(axis=1))
    model.add(layers.MaxPooling2D(**first))
    model.add(layers.Conv2D(2, 2, **first))
    model.add(layers.AveragePooling2D(**first))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("sgd", "categorical_crossentropy")
    return model


def trained(make):
    """Losses and weights after two epochs of two batches, the last one smaller."""
    keras.backend.clear_session()
    np.random.seed(7)
    model = make()
    rng = np.random.default_rng(3)
    x = rng.standard_normal((5, *model.input_shape[1:])).astype("float32")
    y = np.eye(10, dtype="float32")[rng.integers(0, 10, 5)]
    losses = model.fit(x, y, batch_size=3, epochs=2, verbose=0, shuffle=False).history["loss"]
    return losses, model.get_weights()


@pytest.mark.parametrize(
    "make", [mlp, cnn, *(pytest.param(m, marks=pytest.mark.slow) for m in (channels_first, resnet))]
)
def test_training_is_that_of_the_cpu(make):
    want = trained(make)
    parts = libraries()
    with glue.use(parts), simulated_gpu():
        got = trained(make)
    assert parts["cublaslt"].runs and (make is mlp or parts["cudnn_graphs"].runs)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
    for g, w in zip(got[1], want[1], strict=True):
        np.testing.assert_allclose(g, w, rtol=2e-4, atol=2e-5)


# --- plans ----------------------------------------------------------------------------------------------------------


def steps(model, batch=32, parts=None):
    """Kernels of a training step's plan on the CUDA engine: names, and those without one by their operation's.

    Arguments:
        model: compiled.
        batch: number of samples.
        parts: stand-ins for NVIDIA's libraries.
    """
    model._make_train_function()
    function = model.train_function
    compiled = function._function(function._fed)
    width = model.output_shape[-1]
    shapes = [
        True if by_value else (batch, *(width if n is None else n for n in t.shape[1:]))
        for t, by_value in zip(compiled.inputs, compiled.by_value, strict=True)
    ]
    device = Device("planonly", np, "cuda")
    with glue.use(libraries() if parts is None else parts):
        program = Function(compiled.inputs, compiled.outputs, compiled.updates, device=device).plan(shapes).program
    assert all(step.captures for step in program.steps)
    names = [f"no kernel: {s.op.name}" if s.kernel is None else s.kernel.name for s in program.steps]
    return Counter("fused" if n.startswith("cuda:fused") else n for n in names)


def test_kernels_of_a_dense_network():
    found = steps(mlp(784, 512))
    assert found.pop("fused") <= 8
    assert found == {"cublaslt:matmul:bias:relu": 1, "cublaslt:matmul:bias": 2, "cublaslt:matmul": 5}


def test_kernels_of_a_convolutional_network():
    found = steps(cnn(28, 32))
    assert found.pop("fused") <= 10
    assert found == {
        "cudnn:forward_bias_relu": 2, "cudnn:data_gradient": 1, "cudnn:kernel_gradient": 2, "cuda:pooling:max": 1,
        "cuda:pooling:max_gradient": 1, "cublaslt:matmul:bias:relu": 1, "cublaslt:matmul:bias": 1, "cublaslt:matmul": 4,
    }  # fmt: skip


def test_kernels_with_channels_first():
    found = steps(channels_first())
    assert found.pop("fused") <= 16
    assert found.pop("no kernel: sum_to") <= 4
    assert found == {
        "cudnn:forward": 2, "cudnn:data_gradient": 1, "cudnn:kernel_gradient": 2, "cuda:moments:between": 1,
        "cuda:pooling:max": 1, "cuda:pooling:max_gradient": 1, "cuda:pooling:sum": 1, "cuda:pooling:spread": 1,
        "cublaslt:matmul:bias": 1, "cublaslt:matmul": 2,
    }  # fmt: skip


@pytest.mark.skipif(not opcodes(), reason="without the extension, batch statistics are pieces of fused loops")
def test_kernels_of_resnet20():
    found = steps(resnet(3, (16, 32, 64), 32))
    assert found.pop("fused") <= 108
    assert found == {
        "cudnn:forward": 21, "cudnn:data_gradient": 20, "cudnn:kernel_gradient": 21, "cuda:moments:columns": 19,
        "cublaslt:matmul:bias": 1, "cublaslt:matmul": 2,
    }  # fmt: skip


@pytest.mark.parametrize("name, number", [("float16", 1), ("bfloat16", 2)])
def test_mixed_precision_multiplies_in_the_narrow_type(name, number):
    if name == "bfloat16":
        pytest.importorskip("ml_dtypes")
    parts = libraries()
    before = mixed_precision.get_policy()
    mixed_precision.set_policy(f"mixed_{name}")
    try:
        found = steps(cnn(28, 32), parts=parts)
    finally:
        mixed_precision.set_policy(before)
    assert found["cudnn:forward_bias_relu"] == 2 and found["cudnn:kernel_gradient"] == 2
    made = parts["cudnn_graphs"].made + parts["cublaslt"].made
    assert {d["type"] for d in made} == {number} and {d["tf32"] for d in made} == {0}
