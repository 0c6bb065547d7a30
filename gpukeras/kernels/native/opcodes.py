"""What the evaluators of fused loops can do."""

from __future__ import annotations

import functools

from ...runtime import native


@functools.cache
def opcodes() -> frozenset[str]:
    """Names of the evaluator's instructions, operation:type; none where the extension is off."""
    module = native.load()
    return frozenset(module.fused_opcodes()) if module is not None and hasattr(module, "fused_opcodes") else frozenset()


@functools.cache
def loop_opcodes() -> frozenset[str]:
    """Instructions that steps are fused of: the extension's, or where it is off those that CUDA's generator has."""
    if opcodes():
        return opcodes()
    from ..cuda.source import loop_opcodes as generated

    return generated()
