"""What every function of the stand-in does with its arguments and its `name`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops
from ...backend.running import GRAPH
from ...graph.dtype import DType, as_dtype
from ...graph.tensor import Constant, Tensor, as_tensor
from ._shapes import Dimension, TensorShape


def convert(value: Any, dtype: Any = None) -> Tensor:
    """`value` as a tensor, as `tf.convert_to_tensor` sees it: arrays keep their dtype, Python floats are float32.

    Arguments:
        value: tensor, array, number, (nested) list of these, or a fully known shape.
        dtype: element type, or None.

    Returns:
        Tensor.

    Raises:
        TypeError: for values that are not numeric.
    """
    kind = None if dtype is None else as_dtype(dtype)
    if hasattr(value, "_as_tensor"):
        value = value._as_tensor()
    if isinstance(value, Tensor):
        return value if kind is None or value.dtype == kind else ops.cast(value, kind)
    if isinstance(value, TensorShape):
        value = value.known()
    if _holds_tensors(value):
        parts = [v if isinstance(v, Tensor) else convert(v, kind) for v in value]
        lead = next((v.dtype for v in value if isinstance(v, Tensor)), parts[0].dtype)
        return ops.stack([ops.cast(p, kind or lead) if p.dtype != (kind or lead) else p for p in parts], 0)
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"cannot make a tensor of {type(value).__name__} {value!r}: expected numbers")
    if kind is not None:
        if array.dtype.kind == "f" and not kind.is_floating and not kind.is_bool and (array % 1).any():
            raise TypeError(f"Expected {kind}, got {value!r} of type 'float' instead")
        return as_tensor(array, kind)
    if isinstance(value, (np.ndarray, np.generic)):
        return Constant(array.astype(as_dtype(array.dtype)))
    if array.dtype == np.int64 and (not array.size or np.abs(array).max() < 2**31):
        return as_tensor(array, "int32")
    return as_tensor(array, "float32" if array.dtype.kind == "f" else array.dtype)


def _holds_tensors(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or isinstance(value, TensorShape):
        return False
    return any(isinstance(v, Tensor) or hasattr(v, "_as_tensor") or _holds_tensors(v) for v in value)


def pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Two operands: what is not a tensor takes the type of the one that is."""
    x, y = (v._as_tensor() if hasattr(v, "_as_tensor") else v for v in (x, y))
    if isinstance(x, Tensor):
        return x, y if isinstance(y, Tensor) else _beside(y, x)
    if isinstance(y, Tensor):
        return _beside(x, y), y
    first = convert(x)
    return first, convert(y, first.dtype if np.asarray(y).dtype.kind != "f" or first.dtype.is_floating else None)


def _beside(value: Any, tensor: Tensor) -> Any:
    """A value that meets a tensor; nested lists with tensors in them become tensors."""
    return convert(value) if _holds_tensors(value) else value


def dims(shape: Any) -> Any:
    """A shape argument as the operations take it: a tensor, or a list of ints and scalar tensors (-1 for unknown)."""
    if isinstance(shape, Tensor):
        return shape
    if isinstance(shape, (int, np.integer)):
        return [int(shape)]
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    return [
        n if isinstance(n, Tensor) else -1 if n is None or (isinstance(n, Dimension) and n.value is None) else int(n)
        for n in shape
    ]


def sizes(x: Tensor) -> list[Any]:
    """Lengths of the axes of `x`: ints where known, scalar tensors elsewhere."""
    if x.shape is None:
        raise ValueError(f"the number of axes of {x!r} must be known; give it with set_shape")
    return [ops.shape(x)[i] if n is None else int(n) for i, n in enumerate(tuple(x.shape))]


def rank_of(x: Tensor, what: str) -> int:
    """Number of axes of `x`.

    Raises:
        ValueError: when it is unknown.
    """
    if x.shape is None:
        raise ValueError(f"{what}: the number of axes of {x!r} must be known; give it with set_shape")
    return len(x.shape)


def axes_of(axis: Any) -> Any:
    """An `axis` argument: None, an int, or a list of ints, from any of the forms programs use."""
    if isinstance(axis, Tensor):
        if axis.partial is None and isinstance(axis, Constant):
            return axis.value.tolist()
        if axis.partial is None:
            raise NotImplementedError("an axis that is a tensor must have a known value; give ints")
        return axis.partial
    if axis is None:
        return None
    return int(axis) if np.ndim(axis) == 0 else [int(a) for a in axis]


def static(value: Any, what: str) -> Any:
    """An argument that must be known when the graph is built, as an int or a list of ints.

    Raises:
        ValueError: when it is a tensor of unknown value.
    """
    if isinstance(value, Tensor):
        known = value.value.tolist() if isinstance(value, Constant) else value.partial
        if known is None or (isinstance(known, list) and None in known):
            raise ValueError(f"{what} must be known when the graph is built, got {value!r}")
        return known
    return value


def label(out: Any, name: Any, inputs: tuple[Any, ...] = ()) -> Any:
    """`out` under a name: its operation gets it, or a new one that copies it."""
    if not isinstance(name, str) or not isinstance(out, Tensor):
        return out
    if out.node is None or out.node.label or any(out is x for x in inputs):
        out = ops.identity(out)
    assert out.node is not None
    out.node.give_name(name)
    return out


def named(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a function's `name` argument name the operation it makes."""
    place = list(inspect.signature(function).parameters).index("name")

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        out = function(*args, **kwargs)
        name = kwargs.get("name") or (args[place] if len(args) > place else None)
        return label(out, name, args) if name else out

    return call


def op_seed(seed: Any) -> int | None:
    """The seed of a random operation: the one given, the next of the graph's, or None (drawn from np.random)."""
    if seed is not None:
        return int(seed)
    if GRAPH.seed is None:
        return None
    GRAPH.seeds_taken += 1
    return (GRAPH.seed * 1000003 + GRAPH.seeds_taken * 7919) % (2**31 - 1)


def dtype_name(dtype: Any) -> DType:
    """Canonical dtype of anything that names one."""
    return as_dtype(dtype)
