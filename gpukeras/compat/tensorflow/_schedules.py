"""Learning rates that fall with the number of steps, and the counter of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import ops
from ...backend.running import GRAPH
from ...graph.tensor import Tensor
from ._base import convert, label
from ._variables import GraphKeys, Variable


def _ratio(global_step: Any, decay_steps: Any, staircase: bool) -> Tensor:
    p = ops.cast(convert(global_step), "float32") / decay_steps
    return ops.floor(p) if staircase else p


def exponential_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """learning_rate * decay_rate ** (step / decay_steps)."""
    rate = learning_rate * ops.pow(convert(decay_rate, "float32"), _ratio(global_step, decay_steps, staircase))
    return label(rate, name)  # type: ignore[no-any-return]


def natural_exp_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """learning_rate * exp(-decay_rate * step / decay_steps)."""
    return learning_rate * ops.exp(-decay_rate * _ratio(global_step, decay_steps, staircase))  # type: ignore[no-any-return]


def inverse_time_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """learning_rate / (1 + decay_rate * step / decay_steps)."""
    return learning_rate / (1 + decay_rate * _ratio(global_step, decay_steps, staircase))  # type: ignore[no-any-return]


def polynomial_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, end_learning_rate: Any = 0.0001, power: Any = 1.0,
    cycle: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """From learning_rate to end_learning_rate, linearly or by a power."""
    step = ops.cast(convert(global_step), "float32")
    last: Any = convert(decay_steps, "float32")
    if cycle:
        last = last * ops.maximum(ops.ceil(step / last), 1.0)
    p = ops.minimum(step, last) / last
    return (learning_rate - end_learning_rate) * ops.pow(1 - p, power) + end_learning_rate  # type: ignore[no-any-return]


def cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, alpha: Any = 0.0, name: str | None = None
) -> Tensor:
    """From learning_rate to alpha * learning_rate along half a cosine."""
    p = ops.minimum(ops.cast(convert(global_step), "float32") / decay_steps, 1.0)
    return learning_rate * ((1 - alpha) * 0.5 * (1 + ops.cos(math.pi * p)) + alpha)  # type: ignore[no-any-return]


def piecewise_constant(x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None) -> Tensor:
    """values[0] up to boundaries[0], values[1] up to boundaries[1], and so on."""
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")
    step = convert(x)
    out: Any = convert(values[-1])
    for limit, value in reversed(list(zip(boundaries, values, strict=False))):
        out = ops.where(step <= limit, convert(value, out.dtype), out)
    return label(out, name)  # type: ignore[no-any-return]


piecewise_constant_decay = piecewise_constant


def get_global_step(graph: Any = None) -> Any:
    """The counter of steps, or None."""
    found = GRAPH.get_collection(GraphKeys.GLOBAL_STEP)
    return found[0] if found else None


def create_global_step(graph: Any = None) -> Any:
    """A new counter of steps.

    Raises:
        ValueError: when there is one.
    """
    if get_global_step() is not None:
        raise ValueError('"global_step" already exists.')
    return Variable(0, trainable=False, name="global_step", dtype="int64", collections=[GraphKeys.GLOBAL_STEP])


def get_or_create_global_step(graph: Any = None) -> Any:
    """The counter of steps."""
    found = get_global_step()
    return create_global_step() if found is None else found


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The value of a counter of steps."""
    return int(sess.run(global_step_tensor))
