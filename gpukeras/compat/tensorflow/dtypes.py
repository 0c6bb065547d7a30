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
    DType.min = property(lambda self: _limit(self, "min"))  # type: ignore[attr-defined]
    DType.max = property(lambda self: _limit(self, "max"))  # type: ignore[attr-defined]
    DType.size = property(lambda self: self.itemsize)  # type: ignore[attr-defined]
    DType.real_dtype = property(lambda self: self)  # type: ignore[attr-defined]
    DType.is_unsigned = property(lambda self: self.startswith("uint"))  # type: ignore[attr-defined]
    DType.is_complex = DType.is_quantized = False  # type: ignore[attr-defined]
    DType.is_numpy_compatible = True  # type: ignore[attr-defined]
    DType.is_compatible_with = lambda self, other: self == as_dtype(other)  # type: ignore[attr-defined]


install()
