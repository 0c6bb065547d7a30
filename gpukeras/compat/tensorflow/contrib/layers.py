"""`tf.contrib.layers`: initializers and penalties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .... import initializers, ops
from ....graph.tensor import Tensor
from .._missing import Unsupported


def xavier_initializer(uniform: bool = True, seed: Any = None, dtype: Any = None) -> Any:
    """Glorot's initializer."""
    return initializers.glorot_uniform(seed) if uniform else initializers.glorot_normal(seed)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(
    factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False, seed: Any = None, dtype: Any = None
) -> Any:
    """Numbers whose variance is `factor` divided by the number of inputs, outputs or their mean."""
    modes = {"FAN_IN": "fan_in", "FAN_OUT": "fan_out", "FAN_AVG": "fan_avg"}
    return initializers.VarianceScaling(factor, modes[mode], "uniform" if uniform else "normal", seed)


def l2_regularizer(scale: float, scope: Any = None) -> Callable[[Any], Tensor]:
    """scale * sum(w * w) / 2, as a function of w."""
    return lambda w: ops.sum(ops.square(w)) * (scale / 2)


def l1_regularizer(scale: float, scope: Any = None) -> Callable[[Any], Tensor]:
    """scale * sum(|w|), as a function of w."""
    return lambda w: ops.sum(ops.abs(w)) * scale


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return Unsupported(f"contrib.layers.{name}")
