"""`tf.math`: elementwise functions, reductions and what belongs to them."""

from __future__ import annotations

from . import _checks, _gather, _math, nn
from ._missing import module_getattr

_FROM_NN = (
    "in_top_k", "l2_normalize", "log_softmax", "softmax", "softplus", "softsign", "top_k", "zero_fraction"
)  # fmt: skip

globals().update({name: getattr(_math, name) for name in _math.NAMES})
globals().update({name: getattr(nn, name) for name in _FROM_NN})
invert_permutation = _gather.invert_permutation
check_numerics = _checks.check_numerics
__getattr__ = module_getattr("math")
