"""Metrics: shapes, lookup, targets with and without a last axis."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import losses, metrics

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]], dtype="float32")
NUMBERS = np.array([1, 2, 2, 0])


def test_sparse_accuracy_flattens_targets():
    expected = [1, 0, 1, 0]
    for targets in (NUMBERS, NUMBERS[:, None]):
        y_true = K.variable(targets.astype("float32"))
        value = K.eval(metrics.sparse_categorical_accuracy(y_true, K.variable(SCORES)))
        np.testing.assert_array_equal(value, expected)


def test_sparse_accuracy_of_integer_targets():
    y_true = K.variable(NUMBERS, dtype="int32")
    value = K.eval(metrics.sparse_categorical_accuracy(y_true, K.variable(SCORES)))
    np.testing.assert_array_equal(value, [1, 0, 1, 0])
    assert value.dtype == np.float32


def test_sparse_accuracy_of_sequences():
    scores = K.variable(SCORES.reshape((2, 2, 3)))
    for shape in ((2, 2), (2, 2, 1)):
        y_true = K.variable(NUMBERS.reshape(shape).astype("float32"))
        value = K.eval(metrics.sparse_categorical_accuracy(y_true, scores))
        np.testing.assert_array_equal(value, [[1, 0], [1, 0]])


def test_categorical_accuracy():
    y_true = K.variable(np.eye(3)[NUMBERS])
    np.testing.assert_array_equal(K.eval(metrics.categorical_accuracy(y_true, K.variable(SCORES))), [1, 0, 1, 0])


def test_binary_accuracy_rounds():
    value = K.eval(metrics.binary_accuracy(K.variable([[1.0, 0.0], [1.0, 0.0]]), K.variable([[0.6, 0.4], [0.4, 0.4]])))
    np.testing.assert_allclose(value, [1.0, 0.5])


@pytest.mark.parametrize("k, expected", [(1, 0.5), (2, 0.75), (3, 1.0)])
def test_top_k_is_a_scalar(k, expected):
    scores = K.variable(SCORES)
    dense = K.eval(metrics.top_k_categorical_accuracy(K.variable(np.eye(3)[NUMBERS]), scores, k=k))
    sparse = K.eval(metrics.sparse_top_k_categorical_accuracy(K.variable(NUMBERS[:, None].astype("f")), scores, k=k))
    assert np.ndim(dense) == np.ndim(sparse) == 0
    assert dense == sparse == expected


def test_losses_are_metrics():
    assert metrics.get("mse") is losses.mse
    assert metrics.get("cosine_proximity") is losses.cosine_proximity
    assert metrics.get("sparse_categorical_crossentropy") is losses.sparse_categorical_crossentropy


def test_lookup_round_trip():
    assert metrics.serialize(metrics.get("binary_accuracy")) == "binary_accuracy"
    mine = lambda y_true, y_pred: K.mean(y_pred)
    assert metrics.get(mine) is mine


def test_unknown_name_lists_close_ones():
    with pytest.raises(ValueError, match="Unknown metric function.*binary_acuracy.*binary_accuracy"):
        metrics.get("binary_acuracy")


@pytest.mark.parametrize("bad", [5, None])
def test_not_a_metric(bad):
    with pytest.raises(ValueError, match="Could not interpret metric function identifier"):
        metrics.get(bad)
