"""`tensorflow.python.framework.ops`: tensorflow's own names, and a few of its own."""

from __future__ import annotations

import sys
from typing import Any

_ROOT = __name__.split(".python.")[0]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(sys.modules[_ROOT], name)
