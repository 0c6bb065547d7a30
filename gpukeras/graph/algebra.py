"""The few operations the graph itself needs; `gpukeras.ops` fills them in, so that imports point one way."""

from __future__ import annotations

from typing import Any

_functions: dict[str, Any] = {}


def register(**functions: Any) -> None:
    """Make operations known to the graph: add, cast, ones_like, stack, total; and scan, which stands above them."""
    _functions.update(functions)


def get(name: str) -> Any:
    """The operation registered under `name`."""
    return _functions[name]
