"""`keras.backend`: what layers, losses and optimizers are written with."""

import importlib

from . import tensorflow_backend
from .common import *

# Names that programs use although they are private.
from .common import _config_path, _keras_dir
from .control import *
from .convolution import *
from .ctc import *
from .execution import *
from .fused_rnn import *
from .linalg import *
from .local import *
from .losses import *
from .math import *
from .nn import *
from .pooling import *
from .precision import *
from .random import *
from .recurrence import *
from .replicas import *
from .resize import *
from .session import *
from .session import _get_available_gpus
from .shaping import *
from .sparse import *
from .variables import *
from .variables import _to_tensor

_BACKEND = backend()


def __getattr__(name):
    # Programs take them from here, because Keras' backend happened to show what it imported.
    if name == "np":
        return importlib.import_module("numpy")
    if name == "tf":
        return importlib.import_module("gpukeras.compat.tensorflow")
    if name in ("control_flow_ops", "functional_ops", "tensor_array_ops"):
        return getattr(importlib.import_module("gpukeras.compat.tensorflow.python.ops"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
