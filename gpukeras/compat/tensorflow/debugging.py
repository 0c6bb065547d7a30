"""`tf.debugging`: checks of values and shapes."""

from __future__ import annotations

from . import _checks, _math
from ._missing import module_getattr

globals().update({name: getattr(_checks, name) for name in _checks.NAMES if name[:6].lower() == "assert"})
check_numerics, is_numeric_tensor = _checks.check_numerics, _checks.is_numeric_tensor
is_finite, is_inf, is_nan = _math.is_finite, _math.is_inf, _math.is_nan  # type: ignore[attr-defined]
is_non_decreasing, is_strictly_increasing = _math.is_non_decreasing, _math.is_strictly_increasing
__getattr__ = module_getattr("debugging")
