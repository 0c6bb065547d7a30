"""Fused recurrences: against the loop they stand for, allocation, plans, what they say of bad inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler.function import Function
from gpukeras.graph.gradient import ancestors, gradients
from gpukeras.graph.tensor import Placeholder, Tensor
from gpukeras.ops.recurrent_base import Steps
from gpukeras.ops.recurrent_lstm import LSTMSteps
from tests.ops import harness

N, T, C, U = 3, 5, 4, 6


def _arrays(gates: int, states: int, dtype: str = "float64") -> list[np.ndarray]:
    rng = np.random.RandomState(7)
    shapes = [(N, T, C), (C, gates * U), (U, gates * U), (gates * U,), *[(N, U)] * states]
    return [np.asarray(rng.randn(*s) * 0.5, dtype) for s in shapes]


def _node(t: Tensor) -> Any:
    """The node of the fused operation behind a tensor."""
    return next(n for n in ancestors([t]) if isinstance(n.op, Steps))


FUNCTIONS = {
    "lstm": (4, 2, lambda t, m: ops.lstm_sequence(*t, "tanh", "sigmoid", m)),
    "gru": (3, 1, lambda t, m: ops.gru_sequence(*t, "tanh", "sigmoid", False, m)),
    "simple": (1, 1, lambda t, m: ops.simple_rnn_sequence(*t, "tanh", m)),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("masked", [False, True])
def test_equals_the_loop_it_is_written_out_as(kind: str, masked: bool) -> None:
    gates, states, function = FUNCTIONS[kind]
    arrays = _arrays(gates, states)
    feeds = harness.placeholders(arrays)
    mask = np.random.RandomState(1).rand(N, T) < 0.6 if masked else None
    outs = list(function(feeds, mask))
    node = _node(outs[0])
    reference = node.op.reference(dict(zip(node.op.parts, node.inputs)))
    reference[0] = ops.transpose(reference[0], (1, 0, 2))
    both = []
    for found in (outs, reference):
        loss = [ops.sum(ops.square(y)) for y in found]
        both.append(Function(feeds, [*found, *gradients(loss, feeds)])(arrays))
    for a, b in zip(*both, strict=True):
        np.testing.assert_allclose(a, b, 1e-10, 1e-12)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_step_allocates_nothing(kind: str) -> None:
    gates, states, function = FUNCTIONS[kind]
    arrays = _arrays(gates, states, "float32")
    feeds = harness.placeholders(arrays)
    mask = np.ones((N, T), bool)
    mask[0, 2:] = False
    ys = function(feeds, mask)[0]
    assert harness.thunks_allocate(_node(ys).outputs[0], dict(zip(feeds, arrays))) < 4096
    (grad,) = gradients(ops.sum(ys), [feeds[2]])
    assert harness.thunks_allocate(grad, dict(zip(feeds, arrays))) < 4096


def test_without_a_gradient_nothing_is_kept_for_it() -> None:
    arrays = _arrays(4, 2, "float32")
    feeds = harness.placeholders(arrays)
    _, h, _ = FUNCTIONS["lstm"][2](feeds, None)
    f = Function(feeds, [h])
    f(arrays)
    (plan,) = f._plans.values()
    (step,) = [s for s in plan.program.steps if isinstance(s.op, LSTMSteps)]
    assert [v is not None for v in step.outs] == [name == "h" for name in LSTMSteps.results]


def test_factors_of_one_cost_nothing() -> None:
    arrays = _arrays(3, 1, "float32")
    feeds = harness.placeholders(arrays)
    ones = ops.ones_like(ops.stack([feeds[4]] * 3, 0))
    plain = ops.gru_sequence(*feeds)[1]
    dropped = ops.gru_sequence(*feeds, recurrent_masks=ones)[1]
    f = Function(feeds, [plain, dropped])
    a, b = f(arrays)
    np.testing.assert_array_equal(a, b)
    (plan,) = f._plans.values()
    assert len([s for s in plan.program.steps if isinstance(s.op, Steps)]) == 1


def test_no_steps_give_the_initial_state() -> None:
    x, w, u, b, h0, c0 = _arrays(4, 2, "float32")
    x = x[:, :0]
    feeds = harness.placeholders([x, w, u, b, h0, c0], unknown=False)
    ys, h, c = ops.lstm_sequence(*feeds)
    du, dh0 = gradients(ops.sum(ops.square(h)), [feeds[2], feeds[4]])
    got = Function(feeds, [ys, h, c, du, dh0])([x, w, u, b, h0, c0])
    assert got[0].shape == (N, 0, U)
    np.testing.assert_array_equal(got[1], h0)
    np.testing.assert_array_equal(got[2], c0)
    np.testing.assert_array_equal(got[3], np.zeros_like(u))
    np.testing.assert_allclose(got[4], 2 * h0)


def test_half_precision_comes_out_in_half_precision() -> None:
    feeds = harness.placeholders(_arrays(3, 1, "float16"))
    assert [t.dtype for t in ops.gru_sequence(*feeds)] == ["float16", "float16"]


def test_unknown_steps_and_samples() -> None:
    arrays = _arrays(3, 1, "float32")
    feeds = [
        Placeholder((None, None, C), "float32"),
        *harness.placeholders(arrays[1:4]),
        Placeholder((None, U), "float32"),
    ]
    ys, h = ops.gru_sequence(*feeds)
    assert ys.shape == (None, None, U) and h.shape == (None, U)
    f = Function(feeds, [ys, h])
    for steps in (2, 5):
        got = f([arrays[0][:, :steps], *arrays[1:]])
        assert got[0].shape == (N, steps, U)
        np.testing.assert_array_equal(got[0][:, -1], got[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "softmax"}, "the fused recurrence knows linear, relu"),
        ({"recurrent_activation": "swish"}, "recurrent_activation is 'swish'"),
        ({"u": (U, 3 * U)}, "the recurrent kernel has shape"),
        ({"h0": (N, U + 1)}, "the initial state has shape"),
        ({"c0": (N + 1, U)}, r"the initial cell state has 4 samples, the inputs have 3"),
        ({"b": (3 * U,)}, "the bias has shape"),
        ({"x": (N, T, C + 1)}, "have 5 channels, the kernel"),
        ({"mask": (N, T + 1)}, "the mask has 6 steps, the inputs have 5"),
        ({"mask": (N,)}, "the mask must be of shape"),
        ({"input_masks": (3, N, C)}, "dropout masks for 1 or 4 gates"),
    ],
)
def test_bad_inputs_are_named(change: dict[str, Any], message: str) -> None:
    shapes: dict[str, Any] = {
        "x": (N, T, C),
        "w": (C, 4 * U),
        "u": (U, 4 * U),
        "b": (4 * U,),
        "h0": (N, U),
        "c0": (N, U),
    }
    options: dict[str, Any] = {}
    for name, value in change.items():
        if name in shapes:
            shapes[name] = value
        else:
            options[name] = value if isinstance(value, str) else Placeholder(value, "float32")
    with pytest.raises(ValueError, match=message):
        ops.lstm_sequence(*(Placeholder(s, "float32") for s in shapes.values()), **options)


def test_the_bias_of_reset_after_has_two_rows() -> None:
    feeds = harness.placeholders(_arrays(3, 1, "float32"))
    with pytest.raises(ValueError, match=r"the bias is \(2, 3 \* units\)"):
        ops.gru_sequence(*feeds, reset_after=True)
