"""`tf.contrib`: but for `tf.contrib.keras` not part of the stand-in; using another name of it raises an error that
names what to use instead."""

from __future__ import annotations

import importlib
from typing import Any

from .._missing import Unsupported


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name == "keras":
        return importlib.import_module("gpukeras")
    return Unsupported(f"contrib.{name}")
