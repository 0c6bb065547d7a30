"""Variables, placeholders and constants; what is known of a tensor; values in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..compiler.function import Function as Compiled
from ..compiler.function import evaluate
from ..graph.dtype import as_dtype
from ..graph.tensor import Placeholder, Tensor, Variable, as_tensor
from .sparse import SparseVariable, densify, is_scipy_sparse, mark_sparse, sparse_placeholder, sparse_variable

__all__ = [
    "batch_get_value",
    "batch_set_value",
    "constant",
    "count_params",
    "dtype",
    "eval",
    "eye",
    "get_value",
    "get_variable_shape",
    "int_shape",
    "is_keras_tensor",
    "is_placeholder",
    "is_tensor",
    "ndim",
    "ones",
    "ones_like",
    "placeholder",
    "set_value",
    "shape",
    "variable",
    "zeros",
    "zeros_like",
]


def is_tensor(x: Any) -> bool:
    """Returns whether `x` is a symbolic tensor (or variable, or placeholder).

    Arguments:
        x: anything.

    Returns:
        A bool.
    """
    return isinstance(x, Tensor)


def is_placeholder(x: Any) -> bool:
    """Returns whether `x` is a placeholder.

    Arguments:
        x: anything.

    Returns:
        A bool.
    """
    return isinstance(x, Placeholder)


def is_keras_tensor(x: Any) -> bool:
    """Returns whether `x` came out of a Keras layer or `Input`.

    Arguments:
        x: tensor.

    Returns:
        A bool; False for variables and placeholders.

    Raises:
        ValueError: when `x` is not a symbolic tensor at all.
    """
    if not isinstance(x, Tensor):
        raise ValueError(
            f"Unexpectedly found an instance of type `{type(x)}`: expected a symbolic tensor; "
            "make one with K.variable, K.constant or keras.layers.Input"
        )
    return hasattr(x, "_keras_history")


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Variable:
    """Makes a variable: a tensor whose value lasts between calls.

    Arguments:
        value: array, number, nested list, SciPy sparse matrix, or tensor (evaluated when first needed).
        dtype: element type; default: floatx.
        name: base of the variable's name.
        constraint: callable that optimizers apply to the value after an update.

    Returns:
        The variable.

    Raises:
        ValueError: when a symbolic `value` has an unknown shape.
    """
    kind = as_dtype(dtype)
    sparse = is_scipy_sparse(value)
    if sparse:
        matrix: Any = sparse_variable(value, kind, name)
        if matrix is not None:
            matrix._keras_shape = tuple(matrix.shape)
            matrix._uses_learning_phase = False
            matrix.constraint = constraint
            return matrix
        value = densify(value)
    if isinstance(value, Tensor):
        if value.shape is None or None in value.shape:
            raise ValueError(
                f"a variable cannot start as {value!r}: its shape is not fully known; use K.eval or a static shape"
            )
        if value.dtype != kind:
            value = ops.cast(value, kind)
    else:
        value = np.array(value, kind.name)  # a copy: the value is not taken over before it is needed
    v = Variable(value, kind, name, constraint)
    v._keras_shape = tuple(v.shape)
    v._uses_learning_phase = False
    if sparse:
        mark_sparse(v)
    return v


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """Makes a tensor with a fixed value.

    Arguments:
        value: number, array or nested list.
        dtype: element type; default: floatx.
        shape: shape to fill; missing elements repeat the last one of `value`.
        name: accepted for compatibility; constants need no name.

    Returns:
        A tensor.

    Raises:
        ValueError: when `value` has more elements than `shape` holds.
    """
    array = np.asarray(value, dtype=as_dtype(dtype).name)
    if shape is not None:
        wanted = tuple(int(n) for n in np.atleast_1d(shape))
        size = int(np.prod(wanted, dtype=np.int64))
        if array.size > size:
            raise ValueError(f"a value of shape {array.shape} has more elements than fit shape {wanted}")
        if array.size < size:
            flat = np.full(size, array.flat[-1] if array.size else 0, dtype=array.dtype)
            flat[: array.size] = array.ravel()
            array = flat
        array = array.reshape(wanted)
    return as_tensor(array, array.dtype)


def placeholder(
    shape: Sequence[int | None] | None = None,
    ndim: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    name: str | None = None,
) -> Placeholder:
    """Makes a tensor whose value is given at every call of a function.

    Arguments:
        shape: ints and Nones (any length); None for any shape at all.
        ndim: number of axes, used when `shape` is None.
        dtype: element type; default: floatx.
        sparse: whether SciPy sparse matrices will be fed.
        name: base of the placeholder's name.

    Returns:
        The placeholder.
    """
    if shape is not None:
        shape = tuple(None if n is None else int(n) for n in shape)
    elif ndim is not None:
        shape = (None,) * ndim
    kind = as_dtype(dtype)
    x = sparse_placeholder(shape, kind, name) if sparse else Placeholder(shape, kind, name)
    x._keras_shape = shape
    x._uses_learning_phase = False
    return x


def shape(x: Any) -> Tensor:
    """Returns the shape of a tensor as a tensor, which may be indexed, stacked and passed as a shape.

    Arguments:
        x: tensor or array.

    Returns:
        int32 vector tensor.
    """
    return ops.shape(x)


def int_shape(x: Any) -> tuple[int | None, ...] | None:
    """Returns what is known of the shape of a tensor.

    Arguments:
        x: tensor or array.

    Returns:
        Tuple of ints and Nones, or None when not even the number of axes is known.
    """
    known = getattr(x, "_keras_shape", None)
    if known is not None:
        return tuple(known) if type(known) is not tuple else known
    if isinstance(x, Tensor):
        return None if x.shape is None else tuple(x.shape)
    return np.shape(x)


def ndim(x: Any) -> int | None:
    """Returns the number of axes of a tensor.

    Arguments:
        x: tensor or array.

    Returns:
        An int, or None when unknown.
    """
    if isinstance(x, Tensor):
        return None if x.shape is None else len(x.shape)
    return np.ndim(x)


def dtype(x: Any) -> str:
    """Returns the element type of a tensor.

    Arguments:
        x: tensor or array.

    Returns:
        A string such as 'float32'.
    """
    return x.dtype.name if hasattr(x, "dtype") else as_tensor(x).dtype.name


def count_params(x: Any) -> int:
    """Returns the number of elements of a variable.

    Arguments:
        x: variable, or any tensor of fully known shape.

    Returns:
        An int.

    Raises:
        ValueError: when the shape is not fully known.
    """
    dims = int_shape(x)
    if dims is None or None in dims:
        raise ValueError(f"cannot count the elements of {x!r}: its shape {dims} is not fully known")
    count = 1
    for n in dims:
        count *= n  # type: ignore[operator]
    return count


def get_variable_shape(x: Any) -> tuple[int | None, ...] | None:
    """Returns the shape of a variable (another name of `int_shape`).

    Arguments:
        x: variable.

    Returns:
        Tuple of ints.
    """
    return int_shape(x)


def eval(x: Any) -> Any:
    """Computes the value of a tensor that needs nothing fed.

    Arguments:
        x: tensor; an update tensor is carried out.

    Returns:
        NumPy array, or NumPy scalar for a tensor without axes.

    Raises:
        ValueError: when a placeholder would have to be fed.
    """
    if not isinstance(x, Tensor):
        return np.asarray(x)[()]
    update = getattr(x, "_update", None)
    if update is not None:
        return Compiled([], [x], [update])([])[0]
    return evaluate(x)[()]


def get_value(x: Any) -> Any:
    """Returns a copy of the value of a variable.

    Arguments:
        x: variable (any other tensor is computed as by `eval`).

    Returns:
        NumPy array, or NumPy scalar for a variable without axes.
    """
    return x.numpy()[()] if isinstance(x, Variable) else eval(x)


def set_value(x: Variable, value: Any) -> None:
    """Overwrites the value of a variable.

    Arguments:
        x: variable.
        value: array of the variable's shape.

    Raises:
        TypeError: when `x` is not a variable.
        ValueError: when the shapes differ.
    """
    if isinstance(x, SparseVariable):
        x.assign_value(value if is_scipy_sparse(value) else np.asarray(value))
        return
    if not isinstance(x, Variable):
        raise TypeError(f"only variables can be set, got {x!r}; make it with K.variable")
    x.assign_value(densify(value) if is_scipy_sparse(value) else value)


def batch_get_value(ops: Sequence[Any]) -> list[Any]:
    """Returns copies of the values of several variables.

    Arguments:
        ops: list of variables.

    Returns:
        List of NumPy arrays.
    """
    return [get_value(x) for x in ops]


def batch_set_value(tuples: Sequence[tuple[Variable, Any]]) -> None:
    """Overwrites the values of several variables.

    Arguments:
        tuples: list of (variable, array).

    Raises:
        ValueError: when the shapes of a pair differ.
    """
    for x, value in tuples:
        set_value(x, value)


def _filled(shape: Any, value: int, dtype: Any, name: str | None) -> Tensor:
    """A variable where the shape is static, else a tensor."""
    kind = as_dtype(dtype)
    if not isinstance(shape, (Tensor, list, tuple)):
        shape = np.atleast_1d(shape)
    if isinstance(shape, Tensor) or any(isinstance(n, Tensor) for n in shape):
        filled: Tensor = ops.fill(shape, value, kind)
        return filled
    if any(n is None for n in shape):
        raise ValueError(
            f"shape {tuple(shape)} has unknown entries; use K.zeros_like or K.ones_like, or entries of K.shape(x)"
        )
    dims = tuple(int(n) for n in shape)
    return variable(np.full(dims, value, kind.name), kind, name)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Makes a variable of zeros.

    Arguments:
        shape: ints; a tensor, or a sequence with tensors in it, gives a tensor and no variable.
        dtype: element type; default: floatx.
        name: base of the variable's name.

    Returns:
        Variable (or tensor).
    """
    return _filled(shape, 0, dtype, name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Makes a variable of ones.

    Arguments:
        shape: ints; a tensor, or a sequence with tensors in it, gives a tensor and no variable.
        dtype: element type; default: floatx.
        name: base of the variable's name.

    Returns:
        Variable (or tensor).
    """
    return _filled(shape, 1, dtype, name)


def eye(size: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Makes a variable that holds an identity matrix.

    Arguments:
        size: number of rows, or (rows, columns); a scalar tensor gives a tensor and no variable.
        dtype: element type; default: floatx.
        name: base of the variable's name.

    Returns:
        Variable (or tensor).
    """
    kind = as_dtype(dtype)
    if isinstance(size, Tensor):
        index = ops.arange(size)
        diagonal: Tensor = ops.cast(ops.equal(ops.expand_dims(index, 1), index), kind)
        return diagonal
    rows, columns = size if np.ndim(size) else (size, size)
    return variable(np.eye(int(rows), int(columns), dtype=kind.name), kind, name)


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Returns zeros in the shape of a tensor.

    Arguments:
        x: tensor.
        dtype: element type; default: that of `x`.
        name: accepted for compatibility.

    Returns:
        Tensor.
    """
    return ops.zeros_like(x, dtype)


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Returns ones in the shape of a tensor.

    Arguments:
        x: tensor.
        dtype: element type; default: that of `x`.
        name: accepted for compatibility.

    Returns:
        Tensor.
    """
    return ops.ones_like(x, dtype)


def _to_tensor(x: Any, dtype: Any = None) -> Tensor:
    """`x` as a tensor of the given type."""
    x = as_tensor(x, dtype)
    if dtype is not None and x.dtype != as_dtype(dtype):
        cast: Tensor = ops.cast(x, as_dtype(dtype))
        return cast
    return x
