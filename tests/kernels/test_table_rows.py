"""The gradient of an embedding as sums of the rows it touches, read by the loop of the update."""

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import ops
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, Variable

from .engines import placeholder, rng, run

ROWS, WIDTH = 3000, 24
TABLE = ROWS * WIDTH * 4  # bytes


def step_of(update, *lookups):
    """Updates of a table, by a rule, with the gradient of a loss that looks rows up."""
    table = Variable(rng.standard_normal((ROWS, WIDTH)).astype("float32"), "float32")
    loss = sum(ops.sum(ops.square(ops.gather(table, i))) for i in lookups)
    (g,) = gradients(loss, [table])
    return table, [(table, update(table, g))]


def sgd(table, g):
    return ops.subtract(table, ops.multiply(g, 0.1))


def program_of(update, *lookups):
    _, updates = step_of(update, *lookups)
    return Program([], updates, {i: tuple(i.shape) for i in lookups}, engine="native")


def names(program):
    return [step.kernel.name for step in program.steps if step.kernel]


def test_there_is_no_gradient_as_large_as_the_table():
    program = program_of(sgd, Placeholder((4, 10), "int32"))
    assert "scatter:sums" in names(program) and "scatter:rows" not in names(program)
    assert program.arena_bytes < TABLE / 2


def test_nor_for_a_table_that_is_looked_up_twice():
    program = program_of(sgd, Placeholder((4, 10), "int32"), Placeholder((7,), "int64"))
    assert names(program).count("scatter:sums") == 2
    assert program.arena_bytes < TABLE / 2


def test_small_tables_and_large_batches_keep_theirs():
    assert "scatter:rows" in names(program_of(sgd, Placeholder((40, 50), "int32")))  # most rows get something
    table = Variable(np.ones((50, 8), "float32"), "float32")
    i = Placeholder((3,), "int32")
    (g,) = gradients(ops.sum(ops.gather(table, i)), [table])
    small = Program([], [(table, sgd(table, g))], {i: (3,)}, engine="native")
    assert "scatter:rows" in names(small)


def test_a_gradient_that_is_asked_for_is_whole():
    table, i = placeholder((ROWS, WIDTH)), placeholder((9,), "int32")
    (g,) = gradients(ops.sum(ops.square(ops.gather(table, i))), [table])
    feeds = {table: rng.standard_normal((ROWS, WIDTH)).astype("float32"), i: np.array([1, 2, 1, 0, 2999, 5, 5, 5, 7])}
    feeds[i] = feeds[i].astype("int32")
    for got, want in zip(run([g], feeds, "native", times=2), run([g], feeds, "numpy"), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("index_type", ["int32", "int64"])
@pytest.mark.parametrize("wrap", [False, True])
def test_rows_that_come_several_times_are_added_in_order(dtype, index_type, wrap):
    i, w = placeholder((200,), index_type), placeholder((200, WIDTH), dtype)
    x = placeholder((ROWS, WIDTH), dtype)
    spread = ops.scatter_add(i, w, (ROWS, WIDTH), wrap=wrap)
    outs = [ops.subtract(x, ops.multiply(spread, 0.5)), ops.sum(ops.square(spread), axis=1)]
    few = rng.integers(-20 if wrap else 0, 20, 200)
    feeds = {
        i: np.where(few >= 0, few * 149, few).astype(index_type),
        w: rng.standard_normal((200, WIDTH)).astype(dtype),
        x: rng.standard_normal((ROWS, WIDTH)).astype(dtype),
    }
    got, want = run(outs, feeds, "native", times=2), run(outs, feeds, "numpy")
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_allclose(got[1], want[1], 1e-6)


def test_an_index_out_of_range_says_so():
    table, i = placeholder((ROWS, WIDTH)), placeholder((3,), "int32")
    out = ops.subtract(table, ops.scatter_add(i, np.ones((3, WIDTH), "float32"), (ROWS, WIDTH)))
    feeds = {table: np.ones((ROWS, WIDTH), "float32"), i: np.array([1, ROWS, 2], "int32")}
    with pytest.raises(ValueError, match=f"index {ROWS} is out of range for an axis of length {ROWS}"):
        run([out], feeds, "native")


def small_model(optimizer, shared=False, regularizer=None):
    """Of numbers alone, so that two of them begin alike."""
    layers = keras.layers
    numbers = np.random.default_rng(5)
    table = layers.Embedding(
        2000, 40, weights=[numbers.standard_normal((2000, 40)) * 0.1], embeddings_regularizer=regularizer
    )
    inputs = [layers.Input((6,)), layers.Input((3,))]
    found = [table(x) for x in inputs] if shared else [table(inputs[0])]
    pooled = [layers.GlobalAveragePooling1D()(x) for x in found]
    merged = layers.concatenate(pooled) if shared else pooled[0]
    kernel = numbers.standard_normal((40 * len(pooled), 1))
    out = layers.Dense(1, activation="sigmoid", weights=[kernel, np.zeros(1)])(merged)
    model = keras.models.Model(inputs[: len(found)], out)
    model.compile(loss="binary_crossentropy", optimizer=optimizer)
    return model


CASES = {
    "sgd": lambda: (keras.optimizers.SGD(0.5, momentum=0.9, nesterov=True), {}),
    "adam": lambda: (keras.optimizers.Adam(0.01), {}),
    "rmsprop": lambda: (keras.optimizers.RMSprop(0.01), {}),
    "adadelta": lambda: (keras.optimizers.Adadelta(), {}),
    "clipnorm": lambda: (keras.optimizers.Adam(0.01, clipnorm=0.05), {}),
    "clipvalue": lambda: (keras.optimizers.SGD(0.5, clipvalue=0.001), {}),
    "shared": lambda: (keras.optimizers.Adam(0.01), {"shared": True}),
    "regularized": lambda: (keras.optimizers.SGD(0.5), {"regularizer": keras.regularizers.l2(0.01)}),
}


@pytest.mark.parametrize("case", CASES)
def test_training_is_that_with_whole_gradients(case, monkeypatch):
    numbers = np.random.default_rng(6)
    x = [numbers.integers(0, 2000, (20, 6)) // 40 * 40, numbers.integers(0, 2000, (20, 3))]
    y = numbers.integers(0, 2, 20)
    weights = []
    for sparse in (True, False):
        if not sparse:
            monkeypatch.setattr("gpukeras.compiler.program.keep_rows", lambda steps, kept: steps)
        optimizer, options = CASES[case]()
        model = small_model(optimizer, **options)
        for _ in range(3):
            model.train_on_batch(x if options.get("shared") else x[0], y)
        weights.append(model.get_weights())
    for got, want in zip(*weights, strict=True):
        np.testing.assert_allclose(got, want, 1e-6, 1e-7)
