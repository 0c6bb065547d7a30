"""`keras.backend.tensorflow_backend`: the backend under the name many programs import it by.

Every name is looked up in `keras.backend` when it is asked for, so the two hold the very same objects.
"""

from __future__ import annotations

import sys
from typing import Any

_backend = sys.modules[__package__]


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return [n for n, value in vars(_backend).items() if callable(value) and not n.startswith("_")]
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_backend, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *vars(_backend)})
