"""Branches, loops, dependencies, checks, gradients and Python functions in the graph."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ... import backend as K
from ... import ops
from ...backend.running import Graph, Operation, carry_updates
from ...compiler.scan import scan as _scan
from ...graph import scope
from ...graph.gradient import gradients as _gradients
from ...graph.tensor import Node, Tensor
from ._base import convert, rank_of

_tuple = tuple  # `tf.tuple` takes the name below

# --- structures ---------------------------------------------------------------------------------------------------


def flatten(structure: Any) -> list[Any]:
    """The leaves of nested tuples, lists and dicts, from left to right."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, _tuple)):
        return [leaf for part in structure for leaf in flatten(part)]
    return [structure]


def rebuild(structure: Any, leaves: Iterator[Any]) -> Any:
    """The next leaves in the places of `structure`'s."""
    if isinstance(structure, dict):
        parts = {key: rebuild(structure[key], leaves) for key in sorted(structure)}
        return type(structure)((key, parts[key]) for key in structure)
    if isinstance(structure, (list, _tuple)):
        parts = [rebuild(part, leaves) for part in structure]  # type: ignore[assignment]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return next(leaves)


# --- branches -----------------------------------------------------------------------------------------------------


def cond(
    pred: Any, true_fn: Any = None, false_fn: Any = None, strict: bool = False, name: str | None = None,
    fn1: Any = None, fn2: Any = None,
) -> Any:  # fmt: skip
    """What one of two functions returns, by a scalar truth value; only updates of the branch taken happen."""
    true_fn, false_fn = true_fn or fn1, false_fn or fn2
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError("tf.cond: true_fn and false_fn must be callable")
    if isinstance(pred, (bool, np.bool_)):
        raise TypeError("pred must not be a Python bool")
    flag = convert(pred)
    since = scope.next_node_id()
    yes, no = true_fn(), false_fn()
    a, b = flatten(yes), flatten(no)
    if len(a) != len(b):
        raise ValueError("true_fn and false_fn must return the same structure")
    if not a or all(x is None for x in a):
        return yes
    if any(isinstance(x, Operation) for x in [*a, *b]):
        return _either(flag, [x for x in a if x is not None], [x for x in b if x is not None])
    out = [_choose(flag, p, q, since) for p, q in zip(a, b, strict=True)]
    merged = rebuild(yes, iter(out))
    return merged[0] if isinstance(merged, (list, _tuple)) and len(merged) == 1 and not strict else merged


def _choose(flag: Tensor, a: Any, b: Any, since: int) -> Tensor:
    x, y = convert(a), convert(b, convert(a).dtype)
    chosen = ops.cond(flag, x, y)
    updates = _guarded(flag, x, True, since) + _guarded(flag, y, False, since)
    return ops.after(chosen, updates) if updates else chosen


def _guarded(flag: Tensor, branch: Tensor, when: bool, since: int) -> list[Tensor]:
    """Updates made in a branch (after node `since`), now changing nothing unless it is taken."""
    from ...graph.gradient import ancestors

    out = []
    for node in ancestors([branch]):
        for t in node.outputs:
            if hasattr(t, "_update") and node.id > since:
                variable, new = t._update
                del t._update
                out.append(K.update(variable, ops.cond(flag, *((new, variable) if when else (variable, new)))))
    return out


def _either(flag: Tensor, a: Sequence[Any], b: Sequence[Any]) -> Operation:
    """An operation that runs one of two groups of updates."""
    pairs = []
    for members, when in ((a, True), (b, False)):
        both = group(*members)
        if both.actions:
            raise NotImplementedError("tf.cond: branches that initialize variables or write files")
        carried = [t._update for t in both.tensors if hasattr(t, "_update")]
        for variable, new in [*both.updates, *carried]:
            pairs.append((variable, ops.cond(flag, *((new, variable) if when else (variable, new)))))
    return Operation("cond", updates=pairs)


def case(
    pred_fn_pairs: Any, default: Any = None, exclusive: bool = False, strict: bool = False, name: str = "case"
) -> Any:
    """What the function of the first true condition returns, else that of `default`."""
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, dict) else list(pred_fn_pairs)
    if default is None:
        default = pairs.pop()[1]
    result = default
    for pred, function in reversed(pairs):
        result = lambda p=pred, f=function, rest=result: cond(p, f, rest, strict)
    return result()


# --- dependencies -------------------------------------------------------------------------------------------------


def group(*inputs: Any, **kwargs: Any) -> Operation:
    """One operation that runs all that are given."""
    tensors: list[Tensor] = []
    updates: list[Any] = []
    actions: list[Any] = []
    for x in flatten(list(inputs)):
        if isinstance(x, Operation):
            tensors += x.tensors
            updates += x.updates
            actions += x.actions
        elif isinstance(x, Tensor):
            tensors.append(x)
        elif isinstance(x, Node):
            tensors += x.outputs
        elif x is not None:
            raise TypeError(f"tf.group: expected operations and tensors, got {x!r}")
    return Operation(kwargs.get("name") or "group_deps", tensors, updates, actions)


def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing but what it depends on."""
    return with_dependencies(Operation(name or "NoOp"))


def tuple(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Any]:
    """Tensors that are computed together."""
    present = [convert(t) for t in tensors if t is not None]
    waits = [*present, *(control_inputs or ())]
    with control_dependencies(waits):
        return [None if t is None else ops.identity(convert(t)) for t in tensors]


class _Waits:
    stack: list[Operation] = []


def with_dependencies(operation: Operation) -> Operation:
    """An operation that also runs what the open scope waits for."""
    for first in _Waits.stack:
        operation.tensors = [*first.tensors, *operation.tensors]
        operation.updates = [*first.updates, *operation.updates]
        operation.actions = [*first.actions, *operation.actions]
    return operation


@contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """Operations made inside run after others; a variable that those update is read with its new value."""
    if control_inputs is None:
        with scope.hooked(None):
            yield
        return
    first = group(*control_inputs)
    carry_updates()
    waits = list(first.tensors)
    waits += [K.update(variable, new) for variable, new in first.updates]
    new = {t._update[0]: t for t in waits if hasattr(t, "_update")}

    def change(op: Any, inputs: Any) -> Any:
        renewed = [new.get(t, t) for t in inputs]
        if renewed and waits:  # a node without inputs has nothing to hang the dependency on
            renewed[0] = ops.after(renewed[0], waits)
        return op, renewed

    _Waits.stack.append(first)
    try:
        with scope.hooked(_chained(scope.hook(), change)):
            yield
    finally:
        _Waits.stack.remove(first)


def _chained(outer: Any, inner: Any) -> Any:
    return inner if outer is None else lambda op, inputs: inner(*outer(op, inputs))


# --- gradients of one's own ---------------------------------------------------------------------------------------

_registered: dict[str, Callable[..., Any]] = {}


class RegisterGradient:
    """Decorator that gives a gradient function (operation, gradient of its output) a name.

    Arguments:
        op_type: the name, for `Graph.gradient_override_map`.
    """

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._name = op_type

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        if self._name in _registered:
            raise KeyError(f"Registering two gradient with name '{self._name}'!")
        _registered[self._name] = f
        return f


#: Operations of TensorFlow that programs override, and ours.
_TYPES = {
    "Relu": "relu", "Elu": "elu", "Selu": "selu", "Softplus": "softplus", "Sigmoid": "sigmoid", "Tanh": "tanh",
    "Identity": "identity", "Sign": "sign", "Round": "round", "Floor": "floor", "Ceil": "ceil", "Abs": "abs",
    "Softmax": "softmax", "MaxPool": "maxpool", "MatMul": "matmul", "Conv2D": "conv", "Exp": "exp", "Log": "log",
    "Sqrt": "sqrt", "Square": "square",
}  # fmt: skip


@contextmanager
def gradient_override_map(op_type_map: dict[str, str]) -> Iterator[None]:
    """Operations of some types made inside get registered gradients.

    Arguments:
        op_type_map: TensorFlow's type of an operation ('Relu') -> name given to `RegisterGradient`.

    Raises:
        NotImplementedError: for types that are not known here.
        LookupError: for names not registered.
    """
    rules = {}
    for theirs, name in op_type_map.items():
        if theirs not in _TYPES:
            raise NotImplementedError(f"gradient_override_map: {theirs!r}; known are {', '.join(sorted(_TYPES))}")
        if name not in _registered:
            raise LookupError(f"No gradient defined for operation type {name!r}")
        rules[_TYPES[theirs]] = _registered[name]

    def change(op: Any, inputs: Any) -> Any:
        rule = rules.get(op.name)
        return (op if rule is None else _with_rule(op, rule)), inputs

    with scope.hooked(_chained(scope.hook(), change)):
        yield


def _with_rule(op: Any, rule: Callable[..., Any]) -> Any:
    """A copy of an operation with another gradient."""

    def grad(self: Any, node: Node, dys: Any) -> Any:
        found = rule(node, *[ops.zeros_like(t) if d is None else d for t, d in zip(node.outputs, dys, strict=True)])
        return list(found) if isinstance(found, (list, _tuple)) else [found]

    twin = copy.copy(op)
    twin.__class__ = type(type(op).__name__, (type(op),), {"name": op.name, "grad": grad, "__module__": __name__})
    return twin


def _override(self: Graph, op_type_map: dict[str, str]) -> Any:
    """Operations of some types made inside get registered gradients; see `RegisterGradient`."""
    return gradient_override_map(op_type_map)


Graph.gradient_override_map = _override  # type: ignore[attr-defined]


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a gradient of its own: `f` returns its result and a function from gradient to gradients."""

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        tensors = [convert(a) for a in args]
        result, rule = f(*tensors, **kwargs)
        several = isinstance(result, (list, _tuple))
        if several and len(result) != 1:
            raise NotImplementedError("tf.custom_gradient: a function with several results")

        def gradient(dy: Tensor) -> list[Tensor | None]:
            found = rule(dy)
            return list(found) if isinstance(found, (list, _tuple)) else [found]

        out = ops.with_gradient(convert(result[0] if several else result), tensors, gradient)
        return [out] if several else out

    return call


# --- loops --------------------------------------------------------------------------------------------------------


def map_fn(
    fn: Callable[[Any], Any], elems: Any, dtype: Any = None, parallel_iterations: Any = None, back_prop: bool = True,
    swap_memory: bool = False, infer_shape: bool = True, name: str | None = None,
) -> Any:  # fmt: skip
    """A function of each element along the first axis, the results stacked."""
    flat = [convert(x) for x in flatten(elems)]
    found: list[Any] = []

    def body(slices: list[Tensor], before: list[Tensor]) -> Any:
        found.append(fn(rebuild(elems, iter(slices))))
        return [convert(y) for y in flatten(found[-1])], []

    ys, _ = _scan(body, flat)
    if dtype is not None:
        ys = [ops.cast(y, d) for y, d in zip(ys, flatten(dtype), strict=True)]
    out = rebuild(found[0], iter(ys))
    return out if back_prop else K.stop_gradient(out)


def _running(fn: Any, elems: Any, initializer: Any, reverse: bool, keep: bool) -> Any:
    flat = [convert(x) for x in flatten(elems)]
    first = None
    if initializer is None:
        edge = -1 if reverse else 0
        initializer = rebuild(elems, iter([x[edge] for x in flat]))
        first = [convert(a) for a in flatten(initializer)]
        flat = [x[:-1] if reverse else x[1:] for x in flat]
    start = [convert(a) for a in flatten(initializer)]

    def body(slices: list[Tensor], before: list[Tensor]) -> Any:
        result = fn(rebuild(initializer, iter(before)), rebuild(elems, iter(slices)))
        after = [convert(a, s.dtype) for a, s in zip(flatten(result), start, strict=True)]
        return (after if keep else []), after

    ys, finals = _scan(body, flat, start, reverse=reverse)
    if not keep:
        return rebuild(initializer, iter(finals))
    if first is not None:
        rows = [ops.expand_dims(a, 0) for a in first]
        ys = [ops.concatenate([y, r] if reverse else [r, y], 0) for r, y in zip(rows, ys, strict=True)]
    return rebuild(initializer, iter(ys))


def scan(
    fn: Any, elems: Any, initializer: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
    swap_memory: bool = False, infer_shape: bool = True, reverse: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """All accumulators of a function (accumulator, element) along the first axis, stacked."""
    return _running(fn, elems, initializer, reverse, True)


def foldl(
    fn: Any, elems: Any, initializer: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
    swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """The last accumulator of a function (accumulator, element) from the first element to the last."""
    return _running(fn, elems, initializer, False, False)


def foldr(
    fn: Any, elems: Any, initializer: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
    swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """The last accumulator of a function (accumulator, element) from the last element to the first."""
    return _running(fn, elems, initializer, True, False)


# --- gradients ----------------------------------------------------------------------------------------------------


def gradients(
    ys: Any, xs: Any, grad_ys: Any = None, name: str = "gradients", colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False, aggregation_method: Any = None, stop_gradients: Any = None,
    unconnected_gradients: Any = "none",
) -> list[Tensor | None]:  # fmt: skip
    """Gradients of the sum of `ys` with respect to each of `xs`, None where there is no path."""
    losses = [convert(y) for y in (ys if isinstance(ys, (list, _tuple)) else [ys])]
    wrt = list(xs) if isinstance(xs, (list, _tuple)) else [xs]
    for x in wrt:
        if not isinstance(x, Tensor):
            raise TypeError(f"tf.gradients: expected tensors or variables, got {x!r}")
    given = None
    if grad_ys is not None:
        given = [
            ops.ones_like(y) if g is None else convert(g, y.dtype)
            for y, g in zip(losses, grad_ys if isinstance(grad_ys, (list, _tuple)) else [grad_ys], strict=True)
        ]
    leaves = [] if stop_gradients is None else flatten([stop_gradients])
    with scope.hooked(None):
        found = _gradients(losses, wrt, given, leaves)
    if str(unconnected_gradients).rsplit(".", 1)[-1].lower() == "zero":
        return [ops.zeros_like(x) if g is None else g for g, x in zip(found, wrt, strict=True)]
    return found


def hessians(ys: Any, xs: Any, name: str = "hessians", **kwargs: Any) -> list[Tensor]:
    """Second derivatives of `ys` with respect to each vector of `xs`."""
    out = []
    for x in xs if isinstance(xs, (list, _tuple)) else [xs]:
        (g,) = gradients(ys, x)
        if g is None or rank_of(x, "hessians") != 1:
            raise ValueError("hessians: xs must be vectors that ys depend on")
        rows = [gradients(g[i], x)[0] for i in range(int(tuple_of(x)[0]))]
        out.append(ops.stack([ops.zeros_like(x) if r is None else r for r in rows], 0))
    return out


def tuple_of(x: Tensor) -> Any:
    """Static shape as a plain tuple."""
    return _tuple(x.shape or ())


NAMES = [
    n
    for n, v in list(globals().items())
    if callable(v)
    and getattr(v, "__module__", "") == __name__
    and n[0] != "_"
    and n not in ("flatten", "rebuild", "tuple_of", "with_dependencies")
]
