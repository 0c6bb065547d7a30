"""Element types: names that compare with strings, and how two of them combine."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

FLOATS = ("float16", "float32", "float64")
#: Types that values are stored in; what is computed of them is computed in float32.
LOW = ("float16", "bfloat16")
_NAMES = FLOATS + ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


class DType(str):
    """A dtype name; equal to the plain string, with the attributes scripts read off TensorFlow's dtypes."""

    @property
    def name(self) -> str:
        """Plain string, e.g. 'float32'."""
        return str(self)

    @property
    def base_dtype(self) -> DType:
        """The same dtype (there are no reference types)."""
        return self

    @cached_property
    def is_floating(self) -> bool:
        """Whether this is float16, bfloat16, float32 or float64."""
        return "float" in self

    @property
    def is_integer(self) -> bool:
        """Whether this is a signed or unsigned integer."""
        return "int" in self

    @property
    def is_bool(self) -> bool:
        """Whether this is bool."""
        return self == "bool"

    @property
    def as_numpy_dtype(self) -> type:
        """NumPy scalar type."""
        return np.dtype(str(self)).type

    @cached_property
    def itemsize(self) -> int:
        """Bytes per element."""
        return np.dtype(str(self)).itemsize


_INTERNED = {name: DType(name) for name in _NAMES}
_FLOATX = _INTERNED["float32"]


def floatx() -> DType:
    """The default float type, as set through the backend."""
    return _FLOATX


def set_floatx(name: str) -> None:
    """Set the default float type: 'float16', 'float32' or 'float64'."""
    global _FLOATX
    if name not in FLOATS:
        raise ValueError(f"Unknown floatx type: {name!r}; expected one of {', '.join(FLOATS)}")
    _FLOATX = _INTERNED[name]


def as_dtype(dtype: Any) -> DType:
    """Canonical DType of a name, NumPy dtype or type; 'float' and 'int' mean floatx and int32.

    Raises:
        TypeError: when the type is not one tensors can hold.
    """
    found = _INTERNED.get(dtype) if isinstance(dtype, str) else None
    if found is not None:
        return found
    if dtype == "bfloat16":
        return _bfloat16()
    if dtype is None or dtype is float or (isinstance(dtype, str) and dtype == "float"):
        return floatx()
    if dtype is int or (isinstance(dtype, str) and dtype == "int"):  # NumPy dtypes equal such strings too
        return _INTERNED["int32"]
    name = getattr(dtype, "name", dtype) if not isinstance(dtype, (np.dtype, type)) else np.dtype(dtype).name
    if isinstance(name, str) and name in _INTERNED:
        return _INTERNED[name]
    if name == "bfloat16":
        return _bfloat16()
    raise TypeError(f"dtype {dtype!r} is not supported; expected one of {', '.join(_NAMES)}")


def _bfloat16() -> DType:
    """The DType of bfloat16, which NumPy and CuPy know once ml_dtypes is imported."""
    try:
        import ml_dtypes  # noqa: F401
    except ImportError as e:
        raise ImportError(
            "bfloat16 arrays need the package ml_dtypes: pip install 'gpukeras[bfloat16]' (or ml_dtypes)"
        ) from e
    return _INTERNED.setdefault("bfloat16", DType("bfloat16"))


def is_number(dtype: Any) -> bool:
    """Whether a NumPy dtype is one of numbers or truth values."""
    return dtype.kind in "fiub" or dtype.name == "bfloat16"


def promote(a: DType, b: DType) -> DType:
    """Common type of two tensors: floats win over integers, wider wins over narrower."""
    if a == b:
        return a
    if a.is_floating != b.is_floating:
        return a if a.is_floating else b
    if "bfloat16" in (a, b):
        other = b if a == "bfloat16" else a
        return _INTERNED["float32"] if other == "float16" else other
    return as_dtype(np.promote_types(a, b))
