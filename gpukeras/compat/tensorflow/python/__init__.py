"""`tensorflow.python`: the few inner modules that programs import."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "keras":
        return importlib.import_module("gpukeras")
    raise AttributeError(f"module 'tensorflow.python' has no attribute {name!r}")
