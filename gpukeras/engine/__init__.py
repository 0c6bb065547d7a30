"""The engine: layers, models, and how they train and are saved."""

from ..utils.layer_utils import get_source_inputs
from .base_layer import InputSpec, Layer, Node
from .input_layer import Input, InputLayer
from .network import Network
from .training import Model

__all__ = ["Input", "InputLayer", "InputSpec", "Layer", "Model", "Network", "Node", "get_source_inputs"]
