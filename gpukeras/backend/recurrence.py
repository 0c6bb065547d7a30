"""Functions applied along an axis: loops over time with states, maps and folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..compiler.scan import scan
from ..graph.tensor import Tensor, as_tensor

__all__ = ["foldl", "foldr", "map_fn", "rnn"]


def rnn(
    step_function: Callable[[Tensor, list[Tensor]], tuple[Tensor, Sequence[Tensor]]],
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: Any = None,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Applies a step function to each step of a sequence in turn, carrying states along.

    Where the mask is 0 a step changes nothing: the states stay.  What such a step gives out is the first state
    (when that has the shape of the output), as recurrent layers keep their last output there; otherwise, and
    always when unrolled, the output of the step before, zeros at the start.

    Arguments:
        step_function: (slice (N, ...), list of the states and then the constants) -> (output (N, ...), list of
            new states, each of the shape and dtype of the old one).  It is called more than once.
        inputs: tensor (N, T, ...); T may be unknown unless `unroll`.
        initial_states: list of tensors (N, ...), may be empty.
        go_backwards: whether to walk from the last step to the first; outputs come in the order of the walk.
        mask: tensor (N, T), (N, T, 1) or of the rank of `inputs`; 0 where a step is to be passed over.
        constants: list of tensors every step is given.
        unroll: whether to make the steps part of the graph one by one instead of one loop.
        input_length: accepted for other backends' sake; the number of steps is known without it.

    Returns:
        (last output (N, ...), all outputs (N, T, ...), list of last states).

    Raises:
        ValueError: for fewer than three axes, unrolling an unknown number of steps, or a mask without states
            (nothing holds what a masked step is to give out).
    """
    x = as_tensor(inputs)
    if x.shape is None or len(x.shape) < 3:
        found = "of unknown rank" if x.shape is None else f"of shape {tuple(x.shape)}"
        raise ValueError(f"Input should be at least 3D: rnn expects (samples, steps, ...), got a tensor {found}")
    states = [as_tensor(s) for s in initial_states]
    fixed = [as_tensor(c) for c in constants or ()]
    flags = None if mask is None else _as_flags(mask)
    run = _unrolled if unroll else _looped
    last, outputs, finals, uses_phase = run(step_function, x, states, fixed, flags, go_backwards)
    if uses_phase:
        for t in (last, outputs, *finals):
            t._uses_learning_phase = True  # type: ignore[attr-defined]
    return last, outputs, finals


def _as_flags(mask: Any) -> Tensor:
    mask = as_tensor(mask)
    if mask.shape is None or len(mask.shape) < 2:
        raise ValueError(f"rnn: the mask must be of shape (samples, steps), got {mask!r}")
    return mask if mask.dtype.is_bool else ops.not_equal(mask, 0)


def _time_first(x: Tensor) -> Tensor:
    assert x.shape is not None
    return ops.transpose(x, [1, 0, *range(2, len(x.shape))])


def _select(flag: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`new` for the samples whose flag is set, `old` for the others."""
    assert flag.shape is not None and new.shape is not None
    for _ in range(len(new.shape) - len(flag.shape)):
        flag = ops.expand_dims(flag, -1)
    for _ in range(len(flag.shape) - len(new.shape)):  # type: ignore[arg-type]
        flag = ops.squeeze(flag, -1)
    return ops.where(flag, new, old)


def _call(step: Any, x: Tensor, states: Sequence[Tensor], constants: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    output, new = step(x, [*states, *constants])
    return as_tensor(output), [as_tensor(s) for s in new]


def _marked(t: Tensor) -> bool:
    return bool(getattr(t, "_uses_learning_phase", False))


def _same_shape(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors may have the same shape, as far as is known."""
    if a.shape is None or b.shape is None:
        return a.shape is b.shape
    return len(a.shape) == len(b.shape) and all(m is None or n is None or m == n for m, n in zip(a.shape, b.shape))


def _unrolled(
    step: Any, x: Tensor, states: list[Tensor], constants: list[Tensor], flags: Tensor | None, backwards: bool
) -> tuple[Tensor, Tensor, list[Tensor], bool]:
    assert x.shape is not None
    steps = x.shape[1]
    if not steps:
        raise ValueError(
            f"Unrolling requires a fixed number of timesteps, got an input of shape {tuple(x.shape)}; give the "
            "number of steps or leave out `unroll`"
        )
    outputs: list[Tensor] = []
    for t in reversed(range(steps)) if backwards else range(steps):
        output, new = _call(step, x[:, t], states, constants)
        if flags is not None:
            flag = flags[:, t]
            output = _select(flag, output, outputs[-1] if outputs else ops.zeros_like(output))
            new = [_select(flag, n, s) for n, s in zip(new, states)]
        outputs.append(output)
        states = new
    return outputs[-1], ops.stack(outputs, 1), states, any(map(_marked, outputs))


def _looped(
    step: Any, x: Tensor, states: list[Tensor], constants: list[Tensor], flags: Tensor | None, backwards: bool
) -> tuple[Tensor, Tensor, list[Tensor], bool]:
    if flags is not None and not states:
        raise ValueError(
            "No initial states provided! A masked rnn needs initial states: a step that is passed over gives out "
            "the first state, so the step function should return its output as the first state"
        )
    # Once outside the loop: cells make their dropout masks in the first step and use them in all of them, and the
    # shape of the output tells what a masked step gives out.
    sample, _ = _call(step, x[:, 0], states, constants)
    keeps_output = flags is not None and not _same_shape(sample, states[0])
    carried = [*states, ops.zeros_like(sample)] if keeps_output else states
    marked: list[bool] = [_marked(sample)]
    is_state: list[bool] = []

    def body(slices: list[Tensor], before: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        old = before[: len(states)]
        output, new = _call(step, slices[0], old, constants)
        marked.append(_marked(output))
        if len(new) != len(old):
            raise ValueError(
                f"rnn: the step function was given {len(old)} states and returned {len(new)}; it must return as many"
            )
        is_state.append(bool(new) and output is new[0])
        if flags is not None:
            hold = before[-1] if keeps_output else old[0]
            held = _select(slices[1], output, hold)
            new = [held if n is output and s is hold else _select(slices[1], n, s) for n, s in zip(new, old)]
            output = held
        return [output], [*new, output] if keeps_output else new

    seqs = [_time_first(x)] if flags is None else [_time_first(x), _time_first(flags)]
    (ys,), finals = scan(body, seqs, carried, reverse=backwards)
    # The last output without a copy of all of them, where the step hands it on as its first state.
    last = finals[0] if is_state[0] and not keeps_output else ys[0 if backwards else -1]
    if backwards:
        ys = ops.reverse(ys, 0)
    return last, _time_first(ys), finals[: len(states)], any(marked)


def map_fn(fn: Callable[[Any], Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """Applies a function to each element along the first axis and stacks the results.

    Arguments:
        fn: callable of a tensor x[i] (of a tuple or list of them when `elems` is one), returns a tensor or a
            (nested) tuple or list of tensors.
        elems: tensor or array (T, ...), or a (nested) tuple or list of them with the same T.
        name: accepted for TensorFlow's sake.
        dtype: dtype of the result, in its structure; default: what `fn` returns.

    Returns:
        Tensor (T, ...), or tensors in the structure that `fn` returns.
    """
    flat = [as_tensor(x) for x in _leaves(elems)]
    found: list[Any] = []

    def body(slices: list[Tensor], before: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        found.append(fn(_like(elems, iter(slices))))
        return [as_tensor(y) for y in _leaves(found[0])], []

    ys, _ = scan(body, flat)
    if dtype is not None:
        wanted = list(_leaves(dtype))
        wanted = wanted * len(ys) if len(wanted) == 1 else wanted
        ys = [ops.cast(y, d) for y, d in zip(ys, wanted, strict=True)]
    return _like(found[0], iter(ys))


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """Combines the elements along the first axis from first to last.

    Arguments:
        fn: callable (accumulator, x[i]) -> new accumulator, of the same shape and dtype.
        elems: tensor or array (T, ...), or a (nested) tuple or list of them with the same T.
        initializer: first accumulator, a tensor or a (nested) tuple or list; default: x[0].
        name: accepted for TensorFlow's sake.

    Returns:
        The last accumulator.
    """
    return _fold(fn, elems, initializer, False)


def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """Combines the elements along the first axis from last to first.

    Arguments:
        fn: callable (accumulator, x[i]) -> new accumulator, of the same shape and dtype.
        elems: tensor or array (T, ...), or a (nested) tuple or list of them with the same T.
        initializer: first accumulator, a tensor or a (nested) tuple or list; default: x[T - 1].
        name: accepted for TensorFlow's sake.

    Returns:
        The last accumulator.
    """
    return _fold(fn, elems, initializer, True)


def _fold(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any, backwards: bool) -> Any:
    flat = [as_tensor(x) for x in _leaves(elems)]
    if initializer is None:
        initializer = _like(elems, iter([x[-1 if backwards else 0] for x in flat]))
        flat = [x[:-1] if backwards else x[1:] for x in flat]
    start = [as_tensor(a) for a in _leaves(initializer)]

    def body(slices: list[Tensor], before: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        result = fn(_like(initializer, iter(before)), _like(elems, iter(slices)))
        return [], [as_tensor(a, s.dtype) for a, s in zip(_leaves(result), start, strict=True)]

    _, finals = scan(body, flat, start, reverse=backwards)
    return _like(initializer, iter(finals))


def _leaves(structure: Any) -> list[Any]:
    """The parts of nested tuples and lists of tensors, from left to right; anything else is one part."""
    if isinstance(structure, (tuple, list)) and any(isinstance(s, (Tensor, tuple, list, str)) for s in structure):
        return [leaf for part in structure for leaf in _leaves(part)]
    if isinstance(structure, tuple):
        return list(structure)
    return [structure]


def _like(structure: Any, leaves: Any) -> Any:
    """The next of `leaves` in the place of each part of `structure`."""
    if isinstance(structure, (tuple, list)) and any(isinstance(s, (Tensor, tuple, list, str)) for s in structure):
        return type(structure)(_like(part, leaves) for part in structure)
    if isinstance(structure, tuple):
        return tuple(next(leaves) for _ in structure)
    return next(leaves)
