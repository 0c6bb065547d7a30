"""Sparse placeholders and variables: products without zeros, everything else as the dense matrix."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.layers import Concatenate, Dense, Input
from gpukeras.models import Model, Sequential

sparse = pytest.importorskip("scipy.sparse")


def _matrix(rows, columns, seed=0, density=0.3):
    return sparse.random(rows, columns, density, "csr", random_state=np.random.RandomState(seed)).astype("float32")


def _steps(outputs, inputs):
    """Names of the steps of the plan that is made for these inputs."""
    f = K.function(list(inputs), list(outputs))
    f(list(inputs.values()))
    (compiled,) = f._compiled.values()
    (plan,) = compiled._plans.values()
    names = []
    for step in plan.program.steps:
        names += [s.op.name for s in getattr(step.op, "steps", [step])]
    return names


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "array", "dense"])
def test_product_of_a_fed_matrix(kind):
    x, w = K.placeholder((None, 7), sparse=True), K.variable(np.random.rand(7, 3))
    f = K.function([x], [K.dot(x, w), K.to_dense(x) + 1])
    for rows in (5, 1, 40):
        value = _matrix(rows, 7, rows)
        fed = {"dense": value.toarray(), "array": sparse.csr_array(value)}.get(kind)
        product, dense = f([fed if fed is not None else value.asformat(kind)])
        np.testing.assert_allclose(product, value.toarray() @ K.get_value(w), rtol=1e-5)
        np.testing.assert_array_equal(dense, value.toarray() + 1)


def test_the_dense_matrix_is_not_built_for_a_product():
    x, w = K.placeholder((None, 7), sparse=True), K.variable(np.random.rand(7, 3))
    y = K.dot(x, w)
    grad = K.gradients(K.sum(K.square(y)), [w])[0]
    names = _steps([y, grad], {x: _matrix(5, 7)})
    assert names.count("csr_matmul") == 2 and not {"csr_to_dense", "matmul"} & set(names)
    assert "csr_to_dense" in _steps([K.sum(x)], {x: _matrix(5, 7)})


def test_memory_of_a_wide_batch():
    columns = 200_000  # a dense batch of 64 rows would be 51 MB
    x = K.placeholder((None, columns), sparse=True)
    w = K.variable(np.zeros((columns, 2)))
    f = K.function([x], [K.dot(x, w)])
    values = [_matrix(64, columns, i, density=(i + 1) * 1e-4) for i in range(2)]
    f(values[:1])
    tracemalloc.start()
    try:
        f(values[1:])  # another number of entries, another plan
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5e6


def test_gradient_of_the_dense_operand():
    x, w = K.placeholder((None, 6), sparse=True, dtype="float64"), K.placeholder((6, 2), dtype="float64")
    loss = K.sum(K.square(K.dot(x, w)))
    f = K.function([x, w], [loss, K.gradients(loss, [w])[0]])
    value, weights = _matrix(4, 6).astype("float64"), np.random.rand(6, 2)
    grad = f([value, weights])[1]
    for index in np.ndindex(6, 2):
        hi, lo = weights.copy(), weights.copy()
        hi[index] += 1e-6
        lo[index] -= 1e-6
        assert grad[index] == pytest.approx((f([value, hi])[0] - f([value, lo])[0]) / 2e-6, abs=1e-6)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenation(axis):
    a, b = K.placeholder((None, 4), sparse=True), K.placeholder((None, 4), sparse=True)
    x, y = _matrix(3, 4, 1), _matrix(3, 4, 2)
    both = K.concatenate([a, b], axis)
    wanted = np.concatenate([x.toarray(), y.toarray()], axis)
    w = np.random.rand(wanted.shape[1], 2).astype("float32")
    assert K.is_sparse(both) and not K.is_sparse(K.concatenate([a, K.to_dense(b)], axis))
    product = K.dot(both, K.constant(w))
    got = K.function([a, b], [both, product])([x, y])
    np.testing.assert_array_equal(got[0], wanted)
    np.testing.assert_allclose(got[1], wanted @ w, rtol=1e-5)
    assert "csr_to_dense" not in _steps([product], {a: x, b: y})


def test_variables():
    value = _matrix(4, 5)
    v = K.variable(value, name="v")
    assert K.is_sparse(v) and K.int_shape(v) == (4, 5) and K.dtype(v) == "float32"
    np.testing.assert_array_equal(K.eval(v), value.toarray())
    np.testing.assert_array_equal(K.get_value(v), value.toarray())
    w = np.random.rand(5, 2)
    f = K.function([], [K.dot(v, K.constant(w))])
    np.testing.assert_allclose(f([])[0], value.toarray() @ w, rtol=1e-5)
    for new in (_matrix(4, 5, 3, 0.9), np.eye(4, 5)):  # with other numbers of entries
        K.set_value(v, new)
        dense = new.toarray() if sparse.issparse(new) else new
        np.testing.assert_array_equal(K.get_value(v), dense)
        np.testing.assert_allclose(f([])[0], dense @ w, rtol=1e-5)
        np.testing.assert_allclose(K.eval(K.dot(v, K.constant(w))), dense @ w, rtol=1e-5)
    with pytest.raises(ValueError, match=r"of shape \(4, 5\) to a value of shape \(5, 5\)"):
        K.set_value(v, np.eye(5))


@pytest.mark.parametrize("settings", [{"dtype": "float16"}, {"dtype": "int32"}])
def test_other_types_are_dense(settings):
    value = (10 * _matrix(3, 4)).astype("int32")
    x, v = K.placeholder((None, 4), sparse=True, **settings), K.variable(value, **settings)
    assert K.is_sparse(x) and K.is_sparse(v)
    got = K.function([x], [K.dot(x, K.constant(np.eye(4), settings["dtype"])), v * 2])([value])
    np.testing.assert_array_equal(got[0], value.toarray())
    np.testing.assert_array_equal(got[1], 2 * value.toarray())


def test_unknown_columns_are_dense():
    x = K.placeholder(ndim=2, sparse=True)
    value = _matrix(3, 4)
    got = K.function([x], [K.dot(x, K.constant(np.eye(4)))])([value])[0]
    np.testing.assert_array_equal(got, value.toarray())


def test_empty_batches_and_matrices():
    x = K.placeholder((None, 4), sparse=True)
    f = K.function([x], [K.dot(x, K.constant(np.ones((4, 2)))), x * 1])
    for value in (sparse.csr_matrix((3, 4)), sparse.csr_matrix((0, 4))):
        product, dense = f([value])
        assert product.shape == (value.shape[0], 2) and not product.any()
        assert dense.shape == value.shape and not dense.any()


def test_a_value_of_another_shape_is_refused():
    x = K.placeholder((None, 4), sparse=True, name="words")
    with pytest.raises(ValueError, match=r"cannot feed a value of shape \(3, 5\) for 'words.*', which has shape"):
        K.function([x], [K.sum(x)])([_matrix(3, 5)])


def test_sessions_feed_sparse_placeholders():
    x = K.placeholder((None, 4), sparse=True)
    value = _matrix(3, 4)
    got = K.get_session().run(K.dot(x, K.constant(np.eye(4))), feed_dict={x: value})
    np.testing.assert_array_equal(got, value.toarray())
    f = K.function([], [K.dot(x, K.constant(np.eye(4)))], feed_dict={x: value})
    np.testing.assert_array_equal(f([])[0], value.toarray())


def _model(is_sparse):
    a, b = Input((30,), sparse=is_sparse), Input((20,), sparse=is_sparse)
    hidden = Dense(8, activation="tanh")(Concatenate()([a, b]))
    model = Model([a, b], Dense(1)(hidden))
    model.compile("sgd", "mse")
    return model


def test_training_on_sparse_rows_is_training_on_dense_ones():
    a, b = _matrix(50, 30, 1), _matrix(50, 20, 2)
    y = np.random.rand(50, 1)
    thin, full = _model(True), _model(False)
    full.set_weights(thin.get_weights())
    dense = [a.toarray(), b.toarray()]
    settings = dict(epochs=3, batch_size=16, shuffle=False, verbose=0)
    losses = thin.fit([a, b], y, **settings).history["loss"]
    np.testing.assert_allclose(losses, full.fit(dense, y, **settings).history["loss"], rtol=1e-4)
    for ours, theirs in zip(thin.get_weights(), full.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(thin.predict([a, b], batch_size=7), full.predict(dense), rtol=1e-4, atol=1e-6)
    assert thin.evaluate([a, b], y, verbose=0) == pytest.approx(full.evaluate(dense, y, verbose=0), rel=1e-4)
    loss = thin.train_on_batch([a[:8], b[:8]], y[:8])
    assert loss == pytest.approx(full.train_on_batch([d[:8] for d in dense], y[:8]), rel=1e-4)


def test_shuffled_training_learns():
    x = _matrix(200, 50, density=0.1)
    y = (x.toarray() @ np.random.rand(50, 1)).astype("float32")
    model = Sequential([Dense(1, input_shape=(50,))])
    wide = Input((50,), sparse=True)
    model = Model(wide, model(wide))
    model.compile("adam", "mse")
    losses = model.fit(x, y, epochs=30, batch_size=20, verbose=0, validation_split=0.1).history["loss"]
    assert losses[-1] < losses[0] / 2
    copy = Model.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(copy.predict(x), model.predict(x.toarray()), rtol=1e-5, atol=1e-6)
