"""Models with recurrent layers, dropout and every optimizer: the kernels of a training step, and that they train."""

from collections import Counter

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import layers, optimizers
from gpukeras.compiler.function import Function
from gpukeras.kernels.cuda import glue
from gpukeras.kernels.native.opcodes import opcodes
from gpukeras.runtime.device import Device
from tests.csrc import simulator

from .cudnn_rnn import CudnnRnn
from .device import simulated_gpu
from .libraries import libraries

pytestmark = [
    pytest.mark.skipif(simulator.COMPILER is None, reason="no C++ compiler is installed"),
    pytest.mark.skipif(not opcodes(), reason="the native engine, whose compiler pass makes fused loops, is off"),
]
WORDS, STEPS = 50, 12


def text(*recurrent, optimizer="adam"):
    """Words to one of four classes."""
    model = keras.models.Sequential()
    model.add(layers.Embedding(WORDS, 8, input_length=STEPS))
    for layer in recurrent:
        model.add(layer)
    model.add(layers.Dense(4, activation="softmax"))
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def mlp(optimizer="adam", units=512):
    """Dense layers with dropout between them."""
    model = keras.models.Sequential()
    model.add(layers.Dense(units, activation="relu", input_shape=(200,)))
    model.add(layers.Dropout(0.2))
    model.add(layers.Dense(units, activation="relu"))
    model.add(layers.Dropout(0.2))
    model.add(layers.Dense(200, activation="softmax"))
    model.compile(optimizer, "categorical_crossentropy")
    return model


def program_of(model, parts, batch=32):
    """The plan of a training step on a device that makes plans and runs nothing."""
    model._make_train_function()
    function = model.train_function
    compiled = function._function(function._fed)
    width = 1 if model.loss.startswith("sparse") else model.output_shape[-1]
    shapes = [
        True if by_value else (batch, *(width if n is None else n for n in t.shape[1:]))
        for t, by_value in zip(compiled.inputs, compiled.by_value, strict=True)
    ]
    device = Device("planonly", np, "cuda")
    with glue.use(parts):
        return Function(compiled.inputs, compiled.outputs, compiled.updates, device=device).plan(shapes).program


def steps(model, **parts):
    """Kernels of the steps, and the operations of those without one; all of them can be captured."""
    program = program_of(model, libraries(**parts))
    assert all(step.captures for step in program.steps)
    names = [f"no kernel: {s.op.name}" if s.kernel is None else s.kernel.name for s in program.steps]
    return Counter("fused" if n.startswith("cuda:fused") else n for n in names)


#: Embedding, cross-entropy with labels, and the classifier.
COMMON = {
    "cuda:gather": 1, "cuda:scatter_add:atomic": 1, "cuda:take_along": 1, "cuda:put_along": 1,
    "cublaslt:matmul:bias": 1, "cublaslt:matmul": 2,
}  # fmt: skip


def walks(cell, count=1):
    return {f"cuda:recurrence:walk:{cell}:{direction}": count for direction in ("forward", "backward")}


@pytest.mark.parametrize("layer, cell", [(layers.LSTM, "lstm"), (layers.GRU, "gru"), (layers.SimpleRNN, "simple")])
def test_kernels_of_a_recurrent_layer(layer, cell):
    found = steps(text(layer(128)))
    assert found.pop("fused") <= 8
    # beside the classifier's: the product of the inputs and its two gradients
    assert found == COMMON | walks(cell) | {"cublaslt:matmul": 5}


def test_kernels_of_stacked_layers():
    found = steps(text(layers.LSTM(64, return_sequences=True), layers.LSTM(32)))
    assert found.pop("fused") <= 8
    assert found == COMMON | walks("lstm", 2) | {"cublaslt:matmul": 8}


def test_kernels_of_a_layer_with_more_units_than_a_walk_takes():
    found = steps(text(layers.LSTM(256)))
    assert found["cuda:recurrence:steps:lstm:forward"] == found["cuda:recurrence:steps:lstm:backward"] == 1
    names = {s.kernel.name: s.kernel for s in program_of(text(layers.LSTM(256)), {}).steps if s.kernel is not None}
    assert not names["cuda:recurrence:steps:lstm:forward"].captures  # without cuBLASLt the products are CuPy's


@pytest.mark.parametrize("layer, cell", [(layers.CuDNNLSTM, "lstm"), (layers.CuDNNGRU, "gru")])
def test_kernels_of_cudnns_layers(layer, cell):
    with glue.use(libraries(cudnn_rnn=CudnnRnn())), simulated_gpu():
        model = text(layer(128))
        found = steps(model, cudnn_rnn=CudnnRnn())
    assert found.pop("fused") <= 8
    assert found == COMMON | {f"cudnn:rnn:{cell}:{direction}": 1 for direction in ("forward", "backward")}


def test_kernels_of_a_network_with_dropout():
    found = steps(mlp())
    assert found.pop("fused") <= 8  # masks are drawn where they are multiplied with
    assert found == {"cublaslt:matmul:bias:relu": 2, "cublaslt:matmul:bias": 1, "cublaslt:matmul": 5}


RULES = {
    "sgd": lambda: optimizers.SGD(0.1),
    "nesterov": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, decay=1e-4),
    "rmsprop": lambda: optimizers.RMSprop(),
    "adagrad": lambda: optimizers.Adagrad(),
    "adadelta": lambda: optimizers.Adadelta(),
    "adam": lambda: optimizers.Adam(clipnorm=1.0),
    "amsgrad": lambda: optimizers.Adam(amsgrad=True),
    "adamax": lambda: optimizers.Adamax(),
    "nadam": lambda: optimizers.Nadam(),
}


@pytest.mark.parametrize("rule", RULES)
def test_an_update_of_all_weights_is_one_launch(rule):
    program = program_of(mlp(RULES[rule]()), libraries())
    updated = [program.writes[v].name for v in program.writes]
    assert len(updated) == len(set(updated)) and not program.commits
    parameters = {v.step for v, variable in program.writes.items() if "dense" in variable.name}
    assert len(parameters) == 1 and all(s.kernel.name.startswith("cuda:fused") for s in parameters)
    # what averages of gradients it keeps, or the number of steps, may be brought up to date before
    assert len({v.step for v in program.writes}) <= 2


def mixed():
    """Dropout, masks, a layer of our own kernels after one of cuDNN's."""
    np.random.seed(7)
    model = keras.models.Sequential()
    model.add(layers.Embedding(WORDS, 4, input_length=STEPS))
    model.add(layers.CuDNNLSTM(5, return_sequences=True))
    model.add(layers.Masking(0.0))
    model.add(layers.GRU(6, dropout=0.2, recurrent_dropout=0.3))
    model.add(layers.Dense(4, activation="softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.slow  # the simulator compiles some twenty sources
def test_training_is_that_of_the_cpu():
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, WORDS, (6, STEPS)), rng.integers(0, 4, (6, 1))

    def trained():
        keras.backend.clear_session()
        model = mixed()
        losses = [model.train_on_batch(x[i : i + 3], y[i : i + 3]) for i in (0, 3, 0, 3)]
        return losses, model.get_weights()

    want, part = trained(), CudnnRnn()
    with glue.use(libraries(cudnn_rnn=part)), simulated_gpu():
        got = trained()
    assert part.runs.count("backward") >= 2  # then graphs are replayed
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
    for g, w in zip(got[1], want[1], strict=True):
        np.testing.assert_allclose(g, w, rtol=2e-4, atol=2e-5)
