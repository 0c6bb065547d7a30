"""Keras 2.2 on NumPy and CUDA, without TensorFlow."""

from . import (
    activations,
    applications,
    backend,
    callbacks,
    constraints,
    datasets,
    engine,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    optimizers,
    preprocessing,
    regularizers,
    utils,
    wrappers,
)
from .layers import Input
from .models import Model, Sequential

#: The version of Keras whose behaviour this is; scripts compare it.  The package's own is in its metadata.
__version__ = "2.2.4"

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "constraints",
    "datasets",
    "engine",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "optimizers",
    "preprocessing",
    "regularizers",
    "utils",
    "wrappers",
]
