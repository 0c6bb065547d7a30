"""`tensorflow.python.ops`: its modules hold the functions of tensorflow, tf.nn and tf.image."""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

_ROOT = __name__.split(".python.")[0]
_MODULES = (
    "array_ops", "check_ops", "clip_ops", "control_flow_ops", "functional_ops", "gradients", "image_ops", "init_ops",
    "linalg_ops", "logging_ops", "math_ops", "nn", "nn_impl", "nn_ops", "random_ops", "standard_ops", "state_ops",
    "tensor_array_ops", "variable_scope", "variables",
)  # fmt: skip


def _search(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    root = sys.modules[_ROOT]
    for place in (root, *(importlib.import_module(f"{_ROOT}.{part}") for part in ("nn", "image", "linalg"))):
        if name in vars(place):
            return vars(place)[name]
    return getattr(root, name)


def _module(name: str) -> types.ModuleType:
    module = types.ModuleType(f"{__name__}.{name}", f"`tensorflow.python.ops.{name}`: functions of tensorflow.")
    module.__getattr__ = _search  # type: ignore[method-assign]
    sys.modules[module.__name__] = module
    return module


globals().update({name: _module(name) for name in _MODULES})
