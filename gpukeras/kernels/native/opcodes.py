"""What the evaluator of fused loops can do."""

from __future__ import annotations

import functools

from ...runtime import native


@functools.cache
def opcodes() -> frozenset[str]:
    """Names of the evaluator's instructions, operation:type; none where the extension is off."""
    module = native.load()
    return frozenset(module.fused_opcodes()) if module is not None and hasattr(module, "fused_opcodes") else frozenset()
