"""Cases of activation functions, and of their gradients as operations of their own."""

from __future__ import annotations

import numpy as np

from gpukeras import ops
from gpukeras.graph.tensor import apply
from gpukeras.ops import activations
from tests.ops.harness import Case, floats, normal, spread

ALL_FLOATS = ("float16", "float32", "float64")


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _elu(x: np.ndarray, alpha: float) -> np.ndarray:
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


extreme = floats([-200.0, -20.0, 0.0, 20.0, 200.0])

CASES = [
    Case("relu", ops.relu, [spread(3, 4)], lambda x: np.where(x > 0, x, 0), second=True, dtypes=ALL_FLOATS),
    Case("relu/nan", ops.relu, [floats([np.nan, -1.0, 0.0])], lambda x: np.array([np.nan, 0, 0]), wrt=()),
    Case("relu_grad", ops.relu_grad, [normal(3, 4), spread(3, 4)], lambda g, y: np.where(y > 0, g, 0), wrt=[0]),
    Case("sigmoid", ops.sigmoid, [normal(3, 4)], _sigmoid, second=True, dtypes=ALL_FLOATS),
    Case("sigmoid/extreme", ops.sigmoid, [extreme], lambda x: np.where(x < 0, np.exp(x), 1) / (1 + np.exp(-abs(x)))),
    Case("sigmoid_grad", ops.sigmoid_grad, [normal(3, 4), normal(3, 4)], lambda g, y: g * (y - y * y), second=True),
    Case("tanh", ops.tanh, [normal(3, 4)], lambda x: 2 * _sigmoid(2 * x) - 1, second=True, dtypes=ALL_FLOATS),
    Case("tanh_grad", ops.tanh_grad, [normal(3, 4), normal(3, 4)], lambda g, y: g - g * y * y, second=True),
    Case(
        "hard_sigmoid",
        ops.hard_sigmoid,
        [spread(5, 5)],
        lambda x: np.where(x < -2.5, 0, np.where(x > 2.5, 1, 0.2 * x + 0.5)),
        second=True,
        dtypes=ALL_FLOATS,
    ),
    Case(
        "hard_sigmoid_grad",
        activations._hard_sigmoid_backward,
        [normal(5, 5), spread(5, 5)],
        lambda g, x: np.where(abs(x) < 2.5, 0.2 * g, 0),
        wrt=[0],
    ),
    Case(
        "leaky_relu_grad",
        lambda g, x: apply(activations._LEAKY_RELU_GRAD(0.3), g, x),
        [normal(3, 4), spread(3, 4)],
        lambda g, x: np.where(x > 0, g, 0.3 * g),
        wrt=[0],
    ),
    Case("elu", ops.elu, [spread(3, 4)], lambda x: _elu(x, 1), second=True, dtypes=ALL_FLOATS),
    Case("elu/alpha", lambda x: ops.elu(x, 0.7), [spread(3, 4)], lambda x: _elu(x, 0.7), second=True),
    Case(
        "elu_grad",
        activations._unit_elu_backward,
        [normal(3, 4), spread(3, 4)],
        lambda g, y: g * (1 + np.minimum(y, 0)),
    ),
    Case(
        "selu",
        ops.selu,
        [spread(3, 4)],
        lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
        second=True,
    ),
    Case(
        "leaky_relu",
        lambda x: ops.leaky_relu(x, 0.3),
        [spread(3, 4)],
        lambda x: np.where(x > 0, x, 0.3 * x),
        second=True,
    ),
    Case("leaky_relu/steep", lambda x: ops.leaky_relu(x, 2), [spread(3, 4)], lambda x: np.where(x > 0, x, 2 * x)),
    Case("leaky_relu/negative", lambda x: ops.leaky_relu(x, -1), [spread(3, 4)], lambda x: np.where(x > 0, x, -x)),
    Case("softplus", ops.softplus, [normal(3, 4)], lambda x: np.log(1 + np.exp(x)), second=True, dtypes=ALL_FLOATS),
    Case("softplus/extreme", ops.softplus, [extreme], lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))),
    Case("softsign", ops.softsign, [spread(3, 4)], lambda x: x / (1 + np.abs(x)), second=True, dtypes=ALL_FLOATS),
]
