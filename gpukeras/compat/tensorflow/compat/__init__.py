"""`tf.compat`: text and numbers, and the older names of everything in `v1`."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

__all__ = [
    "as_bytes", "as_str", "as_str_any", "as_text", "bytes_or_text_types", "complex_types", "dimension_value",
    "forward_compatible", "integral_types", "path_to_str", "real_types", "v1",
]  # fmt: skip

integral_types = (int, np.integer)
real_types = (int, float, np.integer, np.floating)
complex_types = (int, float, complex, np.number)
bytes_or_text_types = (bytes, str)


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Bytes of a text."""
    return bytes_or_text.encode(encoding) if isinstance(bytes_or_text, str) else bytes(bytes_or_text)


def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Text of bytes."""
    return bytes_or_text if isinstance(bytes_or_text, str) else bytes_or_text.decode(encoding)


as_str = as_text


def as_str_any(value: Any) -> str:
    """Anything as text."""
    return as_text(value) if isinstance(value, (bytes, str)) else str(value)


def path_to_str(path: Any) -> Any:
    """A path as text."""
    return os.fspath(path)


def forward_compatible(*args: Any) -> bool:
    """True: there is no older program to stay readable for."""
    return True


def __getattr__(name: str) -> Any:
    if name == "v1":
        return importlib.import_module(__name__ + ".v1")
    if name == "dimension_value":
        from .._array import dimension_value

        return dimension_value
    from .._missing import Unsupported, module_getattr

    return Unsupported("compat.v2") if name == "v2" else module_getattr("compat")(name)
