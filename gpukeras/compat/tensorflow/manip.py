"""`tf.manip`: names that `tf` has too."""

from __future__ import annotations

from . import _array, _gather
from ._missing import module_getattr

_NAMES = ("batch_to_space_nd", "gather_nd", "reshape", "reverse", "roll", "scatter_nd", "space_to_batch_nd", "tile")
globals().update({name: getattr(part, name) for name in _NAMES for part in (_gather, _array) if hasattr(part, name)})
__getattr__ = module_getattr("manip")
