"""Loads the native CPU engine, the C++ extension `gpukeras._native`, and says why it is off where it is.

Two environment variables steer it, read once, at the first call:

- `GPUKERAS_ENGINE=numpy` leaves the extension alone; everything then runs on plain NumPy.
- `GPUKERAS_CPU_ISA=base|avx2|avx512` holds the extension to an older instruction set.
"""

from __future__ import annotations

import functools
import importlib
import os
from types import ModuleType
from typing import NamedTuple


class NativeStatus(NamedTuple):
    """The extension module, or None and the reason why it is not in use."""

    module: ModuleType | None
    reason: str


@functools.cache
def status() -> NativeStatus:
    """Loads the extension at the first call and remembers the outcome.

    Returns:
        A `NativeStatus`; its `reason` is empty where the module is loaded.
    """
    engine = os.environ.get("GPUKERAS_ENGINE", "").strip().lower()
    if engine == "numpy":
        return NativeStatus(None, "GPUKERAS_ENGINE=numpy turns it off")
    try:
        return NativeStatus(importlib.import_module("gpukeras._native"), "")
    except ModuleNotFoundError as error:
        if error.name != "gpukeras._native":
            raise
        return NativeStatus(
            None, "the extension is not built; install a C++17 compiler and reinstall with 'pip install .'"
        )
    except ImportError as error:
        return NativeStatus(None, f"the extension does not load ({error}); reinstall with 'pip install .'")


def load() -> ModuleType | None:
    """Returns the extension module, or None where the NumPy engine must do.

    Returns:
        `gpukeras._native`, or None; `status().reason` then says why.
    """
    return status().module


def build_info() -> dict[str, object]:
    """Describes the loaded extension.

    Returns:
        A dict with `compiler`, `isa` (the instruction set in use) and `threads`; empty when off.
    """
    module = load()
    return dict(module.build_info()) if module is not None else {}
