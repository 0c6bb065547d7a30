"""`tf.contrib`: not part of the stand-in; using a name of it raises an error that names what to use instead."""

from __future__ import annotations

from typing import Any

from .._missing import Unsupported


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return Unsupported(f"contrib.{name}")
