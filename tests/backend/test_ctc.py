"""K.ctc_*: arguments, messages, training; the numbers are in tests/golden and tests/ops/cases/ctc.py."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

from gpukeras import backend as K


def _probabilities(*shape: int) -> np.ndarray:
    e = np.exp(2 * np.random.RandomState(sum(shape)).randn(*shape))
    return (e / e.sum(-1, keepdims=True)).astype("float32")


def _cost(labels, y_pred, steps, counts):
    args = [K.constant(np.array(v), dtype="int32") for v in (labels, steps, counts)]
    return K.eval(K.ctc_batch_cost(args[0], K.constant(y_pred), args[1], args[2]))


def test_cost_is_the_sum_over_alignments():
    y = _probabilities(2, 5, 4)
    got = _cost([[0, 1, 1], [2, 0, -1]], y, [[5], [4]], [[3], [2]])
    assert got.shape == (2, 1)
    for b, (labels, n) in enumerate([((0, 1, 1), 5), ((2, 0), 4)]):
        p = (y[b] + 1e-7) / (y[b] + 1e-7).sum(-1, keepdims=True)
        chance = sum(
            np.prod([p[t, k] for t, k in enumerate(path)])
            for path in itertools.product(range(4), repeat=n)
            if tuple(k for k, _ in itertools.groupby(path) if k != 3) == labels
        )
        np.testing.assert_allclose(got[b, 0], -np.log(chance), rtol=1e-5)


def test_lengths_may_be_of_any_shape_and_dtype():
    y = _probabilities(2, 5, 4)
    found = []
    for types, shape in ((["int32"] * 3, (None, 1)), (["float32", "int64", "float32"], (None,))):
        labels, counts = K.placeholder((None, 2), dtype=types[0]), K.placeholder((None, 1), dtype=types[2])
        steps = K.placeholder(shape, dtype=types[1])
        f = K.function([labels, steps, counts], [K.ctc_batch_cost(labels, K.constant(y), steps, counts)])
        lengths = np.array([5, 4]).reshape((-1, 1) if len(shape) == 2 else -1)
        found += f([np.array([[0.0, 1.0], [2.0, 0.0]]), lengths, np.array([[2.0], [1.0]])])
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(found[0], _cost([[0, 1], [2, 0]], y, [[5], [4]], [[2], [1]]), rtol=1e-6)


def test_repeats_without_room_cost_infinity_and_pull_nothing():
    y = K.placeholder((2, 3, 4))
    args = [K.constant(v, dtype="int32") for v in ([[0, 0], [0, 1]], [[2], [3]], [[2], [2]])]
    cost = K.ctc_batch_cost(args[0], y, *args[1:])
    values, grads = K.function([y], [cost, K.gradients(K.sum(cost), [y])[0]])([_probabilities(2, 3, 4)])
    assert np.isinf(values[0, 0]) and np.isfinite(values[1, 0])
    assert np.isfinite(grads).all()
    assert (grads[0, 2:] == 0).all()  # past the sample's two steps
    # what TensorFlow gives: softmax, which through log(y) is 1 for every class
    np.testing.assert_allclose(grads[0, :2], 1, rtol=1e-3)


def test_labels_end_at_the_first_blank():
    y = _probabilities(1, 4, 4)
    np.testing.assert_array_equal(_cost([[0, 3, 3]], y, [[4]], [[3]]), _cost([[0, 1, 2]], y, [[4]], [[1]]))


def test_an_improbable_label_has_a_finite_cost():
    y = np.zeros((1, 300, 3), "float32")
    y[:, :, 2] = 1
    cost = _cost([[0, 1] * 20], y, [[300]], [[40]])
    assert 300 < cost[0, 0] < 40 * 16.2  # forty labels of probability 1e-7, with many places to stand


@pytest.mark.parametrize(
    ("labels", "steps", "counts", "message"),
    [
        ([[0, 1, 2]], [[2]], [[3]], r"sample 0 has 3 labels and an input length of 2; expected at least one step"),
        ([[0, 1, 2]], [[5]], [[3]], r"an input length of 5; expected .* at most the 4 steps there are"),
        ([[0, -1, 2]], [[4]], [[3]], r"label -1 at place 1 of sample 0: expected labels from 0 to 2"),
        ([[0, 3, 2]], [[4]], [[3]], r"label 2 at place 2 of sample 0: .* none after a blank"),
    ],
)
def test_messages_when_run(labels, steps, counts, message):
    with pytest.raises(ValueError, match=message):
        _cost(labels, _probabilities(1, 4, 4), steps, counts)


def test_messages_when_built():
    y = K.placeholder((3, 4, 5))
    with pytest.raises(ValueError, match=r"batch sizes of logits, labels and lengths: 3, 2, 3, 3 differ"):
        K.ctc_batch_cost(K.placeholder((2, 2)), y, K.placeholder((3, 1)), K.placeholder((3, 1)))
    with pytest.raises(ValueError, match=r"expected logits \(B, T, C\), labels \(B, L\)"):
        K.ctc_batch_cost(K.placeholder((3, 2)), K.placeholder((3, 4)), K.placeholder((3, 1)), K.placeholder((3, 1)))
    with pytest.raises(ValueError, match="top_paths must be from 1 to beam_width, 2, got 3"):
        K.ctc_decode(y, K.placeholder((3,)), greedy=False, beam_width=2, top_paths=3)
    cost = K.ctc_batch_cost(K.placeholder((3, 2)), y, K.placeholder((3, 1)), K.placeholder((3, 1)))
    first = K.gradients(K.sum(cost), [y])[0]
    with pytest.raises(ValueError, match="no second derivative"):
        K.gradients(K.sum(K.square(first)), [y])


def test_unknown_shapes():
    y = K.placeholder((None, None, 5))
    lengths = K.placeholder((None, 1))
    assert K.int_shape(K.ctc_batch_cost(K.placeholder((None, None)), y, lengths, lengths)) == (None, 1)
    labels, score = K.ctc_decode(y, K.placeholder((None,)), greedy=False, beam_width=4, top_paths=2)
    assert [K.int_shape(t) for t in (*labels, score)] == [(None, None)] * 2 + [(None, 2)]
    assert labels[0].dtype == "int64"


def test_a_step_allocates_nothing_that_grows():
    y = K.placeholder((32, 100, 12))
    labels = np.random.RandomState(0).randint(0, 11, (32, 20))
    args = [K.constant(v, dtype="int32") for v in (labels, [[100]] * 32, [[20]] * 32)]
    grad = K.gradients(K.sum(K.ctc_batch_cost(args[0], y, *args[1:])), [y])[0]
    f = K.function([y], [K.sum(grad)])
    value = _probabilities(32, 100, 12)
    f([value])
    tracemalloc.start()
    try:
        f([value])
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        f([value])
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # NumPy's iterators buffer three operands of 8192 numbers; the states of all steps are 100 * 64 * 41 * 4 = 1 MB
    assert peak < 3 * 8192 * 8 + 20_000


def test_descent_finds_the_labels():
    K.set_floatx("float32")
    w = K.variable(0.01 * np.random.RandomState(0).randn(2, 8, 4))
    labels, steps, counts = (K.constant(v, dtype="int32") for v in ([[0, 0, 1], [2, 1, 1]], [[8], [6]], [[3], [2]]))
    y = K.softmax(w)
    cost = K.ctc_batch_cost(labels, y, steps, counts)
    train = K.function([], [K.mean(cost)], updates=[(w, w - 1.0 * K.gradients(K.sum(cost), [w])[0])])
    first, last = train([])[0], [train([])[0] for _ in range(60)][-1]
    assert last < first / 20
    decoded = K.ctc_decode(y, K.constant([8, 6], dtype="int32"))[0][0]
    assert K.eval(decoded).tolist() == [[0, 0, 1], [2, 1, -1]]


# -- decoding ----------------------------------------------------------------------------------------------


def test_beam_search_merges_equal_neighbours_and_greedy_does_not():
    y = K.constant([[[0.9, 0.05, 0.05], [0.05, 0.05, 0.9], [0.9, 0.05, 0.05], [0.9, 0.05, 0.05]]])
    steps = K.constant([4], dtype="int32")
    assert K.eval(K.ctc_decode(y, steps)[0][0]).tolist() == [[0, 0]]
    assert K.eval(K.ctc_decode(y, steps, greedy=False, beam_width=5)[0][0]).tolist() == [[0]]


def test_all_blank_gives_no_columns():
    y = K.constant([[[0.01, 0.99], [0.01, 0.99]]])
    labels, score = K.ctc_decode(y, K.constant([2], dtype="int32"))
    assert K.eval(labels[0]).shape == (1, 0)
    np.testing.assert_allclose(K.eval(score), [[-2 * np.log(0.99 + 1e-7)]], rtol=1e-4)


def test_more_paths_than_there_are():
    y = K.constant([[[0.01, 0.99], [0.01, 0.99]]])
    labels, score = K.ctc_decode(y, K.constant([2], dtype="int32"), greedy=False, top_paths=4)
    with pytest.raises(ValueError, match="4 paths were asked for, and sample 0 of 2 steps has only 2; lower top_paths"):
        K.eval(score)
    labels, score = K.ctc_decode(y, K.constant([3], dtype="int32"))
    with pytest.raises(ValueError, match=r"input lengths \[3\] for scores of shape \(1, 2, 2\): 0 to 2"):
        K.eval(score)


def test_dense_labels_to_sparse():
    labels = K.constant([[1, 2, 3], [4, 5, 6]], dtype="int32")
    sparse = K.ctc_label_dense_to_sparse(labels, K.constant([2, 1], dtype="int32"))
    assert K.is_sparse(sparse)
    assert K.eval(K.to_dense(sparse)).tolist() == [[1, 2, 0], [4, 0, 0]]
