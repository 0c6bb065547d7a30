"""A stand-in for TensorFlow 1, for what programs of its time use around Keras.

Names, arguments and results are those of TensorFlow 1.13, computed by gpukeras.  A name that is not here raises an
error that says so and names the nearest thing in Keras' backend.
"""

from __future__ import annotations

import importlib as _importlib
from typing import Any as _Any

# isort: off
from . import _shapes, dtypes
from . import _array, _checks, _control, _gather, _loops, _math, _session, _variables
from . import errors, nn, math, linalg, random, image, losses, train, sparse, debugging, logging, test, gfile
from . import initializers, layers, app, flags, compat, manip

# isort: on
from ...backend.running import Graph, Operation, Session
from ...graph.dtype import DType, as_dtype
from ...graph.tensor import Tensor
from ._known import NAMES as _KNOWN
from ._missing import MissingName, Unsupported
from ._missing import module_getattr as _module_getattr
from ._shapes import Dimension, TensorShape
from .dtypes import (
    double,
    float16,
    float32,
    float64,
    half,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)  # fmt: skip
from .nn import log_sigmoid, sigmoid, tanh
from .sparse import SparseTensor, SparseTensorValue, sparse_to_dense

_NAMES = _KNOWN[""]
for _part in (_math, _array, _gather, _control, _checks, _loops, _session, _variables):
    globals().update({_name: getattr(_part, _name) for _name in _part.NAMES if _name in _NAMES})

#: TensorFlow 1.13 is what Keras 2.2.4 was released with; programs compare the number to choose among names.
__version__ = VERSION = "1.13.1"
__git_version__ = GIT_VERSION = "gpukeras"
COMPILER_VERSION = ""
newaxis = None
bool = dtypes.bool
#: No name of TensorFlow's; the Keras manual calls `device` so in its sample of device parallelism.
device_scope = _session.device
random_normal, random_uniform, truncated_normal = random.normal, random.uniform, random.truncated_normal
random_shuffle, random_crop, multinomial = random.shuffle, random.random_crop, random.multinomial
extract_image_patches = image.extract_image_patches
OpError = errors.OpError
sparse_tensor_to_dense, sparse_tensor_dense_matmul = sparse.to_dense, sparse.sparse_dense_matmul
space_to_depth, depth_to_space = _array.space_to_depth, _array.depth_to_space
zeros_initializer, ones_initializer = initializers.zeros, initializers.ones
constant_initializer, orthogonal_initializer = initializers.constant, initializers.orthogonal
random_normal_initializer, random_uniform_initializer = initializers.random_normal, initializers.random_uniform
truncated_normal_initializer = initializers.truncated_normal
glorot_uniform_initializer, glorot_normal_initializer = initializers.glorot_uniform, initializers.glorot_normal
variance_scaling_initializer = initializers.variance_scaling
no_regularizer = None


class UnconnectedGradients:
    """What `gradients` gives where there is no path."""

    NONE, ZERO = "none", "zero"


class AggregationMethod:
    """Ways to add gradients; there is one."""

    ADD_N = DEFAULT = EXPERIMENTAL_TREE = EXPERIMENTAL_ACCUMULATE_N = 0


_LAZY = {"summary", "python", "contrib"}


def _lazy(name: str) -> _Any:
    if name in _LAZY:
        return _importlib.import_module(f"{__name__}.{name}")
    if name == "keras":
        return _importlib.import_module(__name__.split(".")[0])
    if name in ("Summary", "Event"):
        return getattr(_importlib.import_module(f"{__name__}.summary"), name)
    return None


__getattr__ = _module_getattr("", _lazy)
