"""`tf.dtypes`: element types; they equal the strings that name them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph.dtype import DType, as_dtype
from ._missing import module_getattr

__all__ = [
    "DType", "as_dtype", "bool", "double", "float16", "float32", "float64", "half", "int16", "int32", "int64",
    "int8", "uint16", "uint32", "uint64", "uint8",
]  # fmt: skip

float16 = half = as_dtype("float16")
float32 = as_dtype("float32")
float64 = double = as_dtype("float64")
int8 = as_dtype("int8")
int16 = as_dtype("int16")
int32 = as_dtype("int32")
int64 = as_dtype("int64")
uint8 = as_dtype("uint8")
uint16 = as_dtype("uint16")
uint32 = as_dtype("uint32")
uint64 = as_dtype("uint64")
bool = as_dtype("bool")


def _lazy(name: str) -> Any:
    if name in ("cast", "saturate_cast"):
        from . import _array

        return getattr(_array, name)
    return None


__getattr__ = module_getattr("dtypes", _lazy)


def _limit(dtype: DType, which: str) -> Any:
    if dtype.is_bool:
        return which == "max"
    info: Any = np.finfo(str(dtype)) if dtype.is_floating else np.iinfo(str(dtype))
    return dtype.as_numpy_dtype(getattr(info, which))


def install() -> None:
    """Gives dtypes the attributes that only TensorFlow's have."""
    properties: dict[str, tuple[Any, str]] = {
        "min": (lambda self: _limit(self, "min"), "Smallest value."),
        "max": (lambda self: _limit(self, "max"), "Largest value."),
        "size": (lambda self: self.itemsize, "Bytes per element."),
        "real_dtype": (lambda self: self, "The same dtype (there are no complex ones)."),
        "is_unsigned": (lambda self: self.startswith("uint"), "Whether this is an unsigned integer."),
        "is_complex": (lambda self: False, "False."),
        "is_quantized": (lambda self: False, "False."),
        "is_numpy_compatible": (lambda self: True, "True."),
    }
    for name, (function, text) in properties.items():
        setattr(DType, name, property(function, doc=text))
    DType.is_compatible_with = _is_compatible_with  # type: ignore[attr-defined]


def _is_compatible_with(self: DType, other: Any) -> Any:
    """Whether both are the same type."""
    return self == as_dtype(other)


install()
