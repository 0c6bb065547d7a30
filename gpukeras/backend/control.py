"""What depends on a condition, on the learning phase or on time: switches, updates, gradients, printing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..graph.gradient import gradients as _gradients
from ..graph.tensor import Tensor, Variable, as_tensor
from .linalg import dims, known_rank
from .session import learning_phase

__all__ = [
    "gradients",
    "in_test_phase",
    "in_train_phase",
    "moving_average_update",
    "print_tensor",
    "stop_gradient",
    "switch",
    "update",
    "update_add",
    "update_sub",
]


def gradients(loss: Any, variables: Any) -> list[Tensor | None]:
    """Returns the gradients of a tensor with respect to others.

    Arguments:
        loss: tensor; the gradient of the sum of its elements is taken.
        variables: tensor or list of tensors: variables, placeholders, results in between.

    Returns:
        List with a tensor of the same shape for each of `variables`, None where the loss does not depend on it.
    """
    return _gradients(loss, [variables] if isinstance(variables, Tensor) else list(variables))


def stop_gradient(variables: Any) -> Any:
    """Returns tensors that count as constants for gradients.

    Arguments:
        variables: tensor, or list of tensors.

    Returns:
        Tensor, or list of tensors, of the same content.
    """
    if isinstance(variables, (list, tuple)):
        return [ops.stop_gradient(x) for x in variables]
    return ops.stop_gradient(variables)


def print_tensor(x: Any, message: str = "") -> Tensor:
    """Returns a tensor that prints its value whenever it is computed.

    Arguments:
        x: tensor.
        message: text to print before it.

    Returns:
        Tensor of the same content; what uses it makes it print.
    """
    return ops.print_tensor(x, message)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """Chooses between two tensors, as a whole or element by element.

    Arguments:
        condition: tensor; where it is not of bools, what is not 0 counts as true.  A scalar chooses between the
            two as wholes; other shapes are repeated along the axes they lack, the last ones.
        then_expression: tensor, or callable that returns one (or, for a scalar condition, a list of tensors).
        else_expression: the same, of the same shape.

    Returns:
        Tensor, or list of tensors.

    Raises:
        ValueError: when the condition has more axes than what it chooses from, or the shapes do not fit.
    """
    condition = as_tensor(condition)
    if not condition.dtype.is_bool:
        condition = ops.cast(condition, "bool")
    a = then_expression() if callable(then_expression) else then_expression
    b = else_expression() if callable(else_expression) else else_expression
    if condition.shape == ():
        return _choose(condition, a, b)
    if not isinstance(a, Tensor):
        a = as_tensor(a, b.dtype if isinstance(b, Tensor) else None)
    b = as_tensor(b, a.dtype)
    known_rank("switch", condition, a, b)
    assert condition.shape is not None and a.shape is not None and b.shape is not None
    missing = max(len(a.shape), len(b.shape)) - len(condition.shape)
    if missing < 0:
        raise ValueError(
            "switch: the condition must not have more axes than what it chooses from, got shapes "
            f"{tuple(condition.shape)} (condition), {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if missing:
        condition = ops.reshape(condition, (*dims(condition), *[1] * missing))
    return ops.where(condition, a, b)


def _choose(condition: Tensor, a: Any, b: Any) -> Any:
    """`a` where the scalar condition holds, else `b`; lists are chosen part by part."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        if len(a) != len(b):
            raise ValueError(f"switch: both sides must give as many tensors, got {len(a)} and {len(b)}")
        return [_choose(condition, p, q) for p, q in zip(a, b, strict=True)]
    return ops.cond(condition, a, b)


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """Chooses `x` in training and `alt` in testing.

    Arguments:
        x: tensor, or callable that returns one.
        alt: tensor, or callable that returns one.
        training: 0, 1, bool, scalar tensor, or None for the learning phase.

    Returns:
        Tensor, marked with `_uses_learning_phase` when the learning phase decides at every call.

    Raises:
        ValueError: when `training` is some other value.
    """
    marks = training is None
    if marks:
        training = learning_phase()
    if not isinstance(training, Tensor):
        return _pick_phase(x, alt, training)
    out = switch(training, x, alt)
    if marks:
        for t in out if isinstance(out, list) else [out]:
            t._uses_learning_phase = True
    return out


def _pick_phase(x: Any, alt: Any, training: Any) -> Any:
    if np.ndim(training) or training not in (0, 1):
        raise ValueError(f"training must be 0, 1, a bool, a scalar tensor or None; got {training!r}")
    chosen = x if training else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """Chooses `x` in testing and `alt` in training.

    Arguments:
        x: tensor, or callable that returns one.
        alt: tensor, or callable that returns one.
        training: 0, 1, bool, scalar tensor, or None for the learning phase.

    Returns:
        Tensor, marked with `_uses_learning_phase` when the learning phase decides at every call.
    """
    return in_train_phase(alt, x, training=training)


def _update(x: Any, new: Any) -> Tensor:
    if not isinstance(x, Variable):
        raise TypeError(f"only variables can be updated, got {x!r}; make it with K.variable")
    value = as_tensor(new, x.dtype)
    if value.dtype != x.dtype:
        value = ops.cast(value, x.dtype)
    old, got = x.shape, value.shape
    if old is not None and got is not None:
        fits = len(old) == len(got) and all(m is None or n is None or m == n for m, n in zip(old, got, strict=True))
        if not fits:
            raise ValueError(f"cannot update variable {x.name!r} of shape {tuple(old)} with shape {tuple(got)}")
    out = ops.identity(value)
    out._update = (x, value)
    return out


def update(x: Variable, new_x: Any) -> Tensor:
    """Returns an update that sets a variable.

    Arguments:
        x: variable.
        new_x: tensor, array or number: the new value.

    Returns:
        Update tensor, for the `updates` of `K.function` or of a layer; its value is the new value.

    Raises:
        TypeError: when `x` is not a variable.
        ValueError: when the shapes differ.
    """
    return _update(x, new_x)


def update_add(x: Variable, increment: Any) -> Tensor:
    """Returns an update that adds to a variable.

    Arguments:
        x: variable.
        increment: tensor, array or number.

    Returns:
        Update tensor; its value is the new value.
    """
    return _update(x, x + increment)


def update_sub(x: Variable, decrement: Any) -> Tensor:
    """Returns an update that subtracts from a variable.

    Arguments:
        x: variable.
        decrement: tensor, array or number.

    Returns:
        Update tensor; its value is the new value.
    """
    return _update(x, x - decrement)


def moving_average_update(x: Variable, value: Any, momentum: Any) -> Tensor:
    """Returns an update of an exponential moving average.

    Arguments:
        x: variable that holds the average.
        value: tensor, the new observation.
        momentum: weight of the old average, between 0 and 1.

    Returns:
        Update tensor: x * momentum + value * (1 - momentum).
    """
    return _update(x, x * momentum + value * (1.0 - momentum))
