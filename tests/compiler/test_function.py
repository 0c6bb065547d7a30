"""Compiled functions: feeding, caching, steady state, data-dependent sizes, errors."""

import threading
import tracemalloc

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import ops
from gpukeras.compiler import function as function_module
from gpukeras.compiler.function import Function, evaluate
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, Variable
from gpukeras.runtime.feed import Rows


def counted(monkeypatch):
    """A list that grows by one with every plan that is made."""
    made = []
    build = Function._build

    def counting(self, key):
        made.append(key)
        return build(self, key)

    monkeypatch.setattr(Function, "_build", counting)
    return made


def test_the_least_recently_used_plan_is_dropped_when_all_take_too_much(monkeypatch):
    x = Placeholder((None,))
    f = Function([x], [ops.exp(x)])
    one = f._bytes(f.plan([(1,)]))
    monkeypatch.setattr(function_module, "FEW_PLANS", 1)
    monkeypatch.setattr(function_module, "PLANS_BYTES", 2 * one)
    made = counted(monkeypatch)
    for n in (1, 2, 1, 3):
        assert f([np.zeros(n)])[0].shape == (n,)
    assert list(f._plans) == [((1,),), ((3,),)] and f._plans_bytes == 2 * one
    f([np.zeros(2)])
    assert made == [((2,),), ((3,),), ((2,),)]


def test_a_few_plans_are_kept_whatever_they_take(monkeypatch):
    x = Placeholder((None,))
    f = Function([x], [ops.exp(x)])
    monkeypatch.setattr(function_module, "PLANS_BYTES", 0)
    made = counted(monkeypatch)
    for _ in range(3):
        for n in range(1, function_module.FEW_PLANS + 1):
            f([np.zeros(n)])
    assert len(made) == function_module.FEW_PLANS


def test_hundreds_of_sizes_are_planned_once_each(monkeypatch):
    model = keras.models.Sequential(
        [keras.layers.Embedding(50, 8), keras.layers.LSTM(8), keras.layers.Dense(50, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model._make_train_function()
    x, y, w = model._feed_inputs + model._feed_targets + model._feed_sample_weights
    compiled = Function([x, y, w], [model.total_loss], model.train_function.updates)
    cost = compiled._bytes(compiled.plan([(2, 5), (2, 1), (2,)]))
    assert 300 * cost < function_module.PLANS_BYTES  # a text generator with 300 lengths

    n = Placeholder((None,))
    f = Function([n], [ops.exp(n)])
    made = counted(monkeypatch)
    for _ in range(2):
        for size in range(1, 301):
            f([np.zeros(size)])
    assert len(made) == 300


def test_plans_of_one_function_share_their_memory():
    x = Placeholder((None, 1000))
    f = Function([x], [ops.exp(x)])
    for n in range(1, 40):
        f([np.ones((n, 1000))])

    def block(array):
        return array if array.base is None else block(array.base)

    blocks = {id(b): b.nbytes for b in (block(plan.outs[0]) for plan in f._plans.values())}
    largest = f.plan([(39, 1000)]).program.arena_bytes
    assert sum(blocks.values()) <= 4 * largest + 39 * 64


def test_any_tensor_of_the_graph_may_be_fed():
    x = Placeholder((None, 2))
    h = ops.exp(x)
    f = Function([h], [ops.multiply(h, 2.0)])
    np.testing.assert_array_equal(f([np.ones((1, 2))])[0], [[2, 2]])


def test_static_shapes_are_known_without_feeding():
    x = Placeholder((2, 4, 5))
    inner = ops.exp(x)
    shape, half = ops.shape(inner), ops.shape(inner)[1] // 2
    result = Function([], [shape, half])([])
    assert result[0].tolist() == [2, 4, 5] and result[0].dtype == np.int32 and result[1] == 2
    with pytest.raises(ValueError, match="not fed"):
        Function([], [ops.shape(Placeholder((None, 4)))])([])


def test_rows_are_gathered_into_the_input_buffer():
    x = Placeholder((None, 2))
    f = Function([x], [ops.multiply(x, 1.5)])
    data = np.arange(10, dtype="float32").reshape(5, 2)
    for rows in (np.array([4, 0]), slice(1, 3)):
        np.testing.assert_array_equal(f([Rows(data, rows)])[0], data[rows] * 1.5)
    np.testing.assert_array_equal(f([Rows(data.astype("int64"), np.array([4, 0]))])[0], data[[4, 0]] * 1.5)


def test_scalars_come_back_as_numpy_scalars_and_arrays_as_copies():
    x = Placeholder((None,))
    f = Function([x], [ops.sum(x), ops.exp(x)])
    total, first = f([np.zeros(3)])
    f([np.ones(3)])
    assert isinstance(total, np.float32)
    np.testing.assert_array_equal(first, np.ones(3))


def test_a_steady_step_allocates_nothing():
    x, t = Placeholder((None, 64)), Placeholder((None, 64))
    w = Variable(np.full((64, 64), 0.01))
    loss = ops.mean(ops.square(ops.subtract(ops.tanh(ops.matmul(x, w)), t)))
    (g,) = gradients(loss, [w])
    f = Function([x, t], [loss], [(w, ops.subtract(w, ops.multiply(g, 0.1)))])
    feeds = [np.ones((256, 64), "float32"), np.ones((256, 64), "float32")]
    for _ in range(3):
        f(feeds)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(5):
            f(feeds)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 256 * 64  # a quarter of one float32 activation


def test_a_variable_that_changes_shape_gets_a_new_plan():
    v = Variable(np.ones(2))
    v.set_shape((2,))
    v.shape = type(v.shape)((None,))
    f = Function([], [ops.multiply(v, 2.0)])
    assert f([])[0].shape == (2,)
    v.assign_value(np.ones(5))
    assert f([])[0].shape == (5,)


def test_sizes_that_depend_on_fed_values_work_without_a_plan():
    x, n = Placeholder((None,)), Placeholder((2,), "int32")
    f = Function([x, n], [ops.reshape(x, n)])
    assert f([np.arange(6), [2, 3]])[0].shape == (2, 3)
    assert f([np.arange(6), [3, 2]])[0].shape == (3, 2)
    assert f.plan([(6,), (2,)]) is None


def test_functions_can_be_called_from_several_threads():
    x = Placeholder((None, 100))
    f = Function([x], [ops.exp(ops.multiply(x, 2.0))])
    bad = []

    def work(k):
        for _ in range(50):
            if not np.allclose(f([np.full((3, 100), k)])[0], np.exp(np.float32(2 * k)), rtol=1e-6):
                bad.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not bad


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ([np.ones((2, 4))], r"cannot feed a value of shape \(2, 4\) for 'in:0', which has shape \(None, 3\)"),
        ([np.ones(3)], r"cannot feed a value of shape \(3,\)"),
        ([np.ones((2, 3)), 1], "takes 1 inputs"),
        ([[["a", "b", "c"]]], "expected numbers"),
    ],
)
def test_feeds_that_do_not_fit_are_named(feeds, message):
    from gpukeras.graph import scope

    scope.reset()
    x = Placeholder((None, 3), name="in")
    f = Function([x], [ops.exp(x)])
    with pytest.raises((ValueError, TypeError), match=message):
        f(feeds)


def test_a_missing_feed_is_named():
    x = Placeholder((None, 3), name="missing")
    with pytest.raises(ValueError, match="missing.*not fed"):
        evaluate(ops.exp(x))


@pytest.mark.parametrize("shape", [(784, 512), (3,), ()])
def test_variables_begin_with_a_cache_line(shape):
    variable = Variable(np.zeros(shape), name="w")
    assert variable.data.ctypes.data % 64 == 0 and variable.data.flags.c_contiguous
    variable.assign_value(np.ones(shape, "int64"))
    np.testing.assert_array_equal(variable.numpy(), np.ones(shape, "float32"))
