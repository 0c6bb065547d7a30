"""All layers, under the names of Keras; each module lists what it offers in `__all__`."""

from ..engine import Input, InputLayer, InputSpec, Layer
from ..legacy.layers import *
from ..utils.generic_utils import deserialize_keras_object, serialize_keras_object
from .advanced_activations import *
from .convolutional import *
from .convolutional_recurrent import *
from .core import *
from .cudnn_recurrent import *
from .embeddings import *
from .local import *
from .merge import *
from .noise import *
from .normalization import *
from .pooling import *
from .recurrent import *
from .wrappers import *


def serialize(layer):
    """What a config stores for a layer.

    Arguments:
        layer: a layer.

    Returns:
        dict with `class_name` and `config`.
    """
    return {"class_name": layer.__class__.__name__, "config": layer.get_config()}


def deserialize(config, custom_objects=None):
    """Builds a layer from its config.

    Arguments:
        config: dict with `class_name` and `config`.
        custom_objects: dict of name -> class or function.

    Returns:
        A layer (or model), without weights.

    Raises:
        ValueError: for an unknown class.
    """
    # Models are layers too, and import this module.
    from .. import models

    known = {**globals(), "Model": models.Model, "Sequential": models.Sequential}
    return deserialize_keras_object(
        config, module_objects=known, custom_objects=custom_objects, printable_module_name="layer"
    )
