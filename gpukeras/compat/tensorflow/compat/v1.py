"""`tf.compat.v1`: tensorflow itself."""

from __future__ import annotations

import sys
from typing import Any

_ROOT = __name__.split(".compat.v1")[0]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(sys.modules[_ROOT], name)


def __dir__() -> list[str]:
    return dir(sys.modules[_ROOT])
