"""The Sequential model: a plain stack of layers."""

import copy
import warnings

from .. import backend as K
from ..utils.layer_utils import get_source_inputs
from .base_layer import Layer
from .input_layer import Input, InputLayer
from .layer_state import without_repeats
from .network_graph import check_names
from .training import Model

__all__ = ["Sequential"]


class Sequential(Model):
    """A stack of layers, each of which takes the output of the one before.

    The first layer says what the input looks like (`input_shape=`, `batch_input_shape=`, or an `InputLayer`);
    otherwise weights are made when the model first meets data, is called, or is given to `build`.

    Arguments:
        layers: list of layers to add.
        name: str.
    """

    _tracks_attributes = False

    def __init__(self, layers=None, name=None):
        super().__init__(name=name)
        #: Layers as added, a layer added twice standing here twice, without an InputLayer.
        self._stack = []
        #: Output tensor of each entry of the stack; empty until the input shape is known.
        self._stack_outputs = []
        self._by_name = {}
        self._build_input_shape = None
        for layer in layers or ():
            self.add(layer)

    @property
    def layers(self):
        """Layers as added, each once; the InputLayer is not among them."""
        if self._layers and isinstance(self._layers[0], InputLayer):
            return self._layers[1:]
        return self._layers

    @property
    def model(self):
        """The model itself: once, a Sequential was a wrapper around another model."""
        warnings.warn(
            "`Sequential.model` is deprecated: a `Sequential` is itself a `Model`, use it as it is.",
            stacklevel=2,
        )
        return self

    def add(self, layer):
        """Puts a layer on top of the stack.

        Arguments:
            layer: a layer or model with one output.

        Raises:
            TypeError: when it is not a layer, or has several outputs.
            ValueError: when it is an empty model, does not fit, or another layer has its name.
        """
        if not isinstance(layer, Layer):
            raise TypeError(
                "The added layer must be an instance of class Layer. Found: {!r}{}".format(
                    layer, "; add an instance, not the class" if isinstance(layer, type) else ""
                )
            )
        known = self._by_name.get(layer.name)
        if known is not None and known is not layer:
            # By the names of now: programs rename layers after adding them.
            check_names([other.name for other in self._by_name.values()] + [layer.name])
        if self.outputs:
            self._extend(layer)
        elif not self._stack and self._start(layer):
            return
        self._by_name[layer.name] = layer
        if layer not in self._layers:
            self._layers.append(layer)
        self._stack.append(layer)
        if self.outputs:
            self._stack_outputs.append(self.outputs[0])
        self._after_change()

    def _start(self, layer):
        """Begins the stack; True when `layer` is an InputLayer, which only gives the input."""
        if isinstance(layer, InputLayer):
            self.inputs = self.outputs = [_single_output(layer)]
            # The config has no InputLayer, so it must tell the shape in another way.
            self._build_input_shape = layer.batch_input_shape
            self._after_change()
            return True
        batch_shape, dtype = _input_of(layer)
        if batch_shape is not None:
            layer(Input(batch_shape=batch_shape, dtype=dtype, name=layer.name + "_input"))
            tensor = _single_output(layer)
            self.outputs = [tensor]
            self.inputs = get_source_inputs(tensor)
        return False

    def _extend(self, layer):
        output = layer(self.outputs[0])
        if isinstance(output, list):
            raise TypeError(
                f"All layers in a Sequential model should have a single output tensor, but layer {layer.name} has "
                f"{len(output)}. For "
                "multi-output layers, use the functional API."
            )
        self.outputs = [output]

    def _after_change(self):
        """Brings what follows from the stack up to date.

        The walk over the graph is left to the first who asks for depths: adding n layers stays linear.
        """
        self._graph_map = None
        self._is_compiled = False
        self._is_graph_network = bool(self.outputs)
        if self.outputs:
            source = self.inputs[0]._keras_history[0]
            if not self._layers or self._layers[0] is not source:
                self._layers.insert(0, source)
            self._set_ends(self.inputs, self.outputs)

    def pop(self):
        """Takes the last layer off the stack.

        Raises:
            TypeError: when there is none.
        """
        if not self._stack:
            raise TypeError("There are no layers in the model.")
        self._stack.pop()
        self._layers = without_repeats(self._stack)
        self._by_name = {layer.name: layer for layer in self._layers}
        if self._stack_outputs:
            self._stack_outputs.pop()
        if self._stack_outputs:
            self.outputs = [self._stack_outputs[-1]]
            _forget_last_use(self._stack[-1])
        else:
            self.inputs = self.outputs = None
            self.built = False
        self._after_change()

    def build(self, input_shape=None):
        """Makes the weights, for an input of a given shape.

        Arguments:
            input_shape: tuple with the batch axis; may be left out when the layers know it.
        """
        if self.inputs or input_shape is None:
            return
        if isinstance(input_shape, list) and len(input_shape) == 1 and hasattr(input_shape[0], "__len__"):
            input_shape = input_shape[0]
        batch_shape = tuple(input_shape)
        x = Input(batch_shape=batch_shape, dtype=K.floatx(), name=self.name + "_input")
        self.inputs = self.outputs = [x]
        for layer in self._stack:
            self._extend(layer)
            self._stack_outputs.append(self.outputs[0])
        self._build_input_shape = batch_shape
        self._after_change()

    def count_params(self):
        """Number of scalars in the weights.

        Returns:
            int.
        """
        return super().count_params() if self.built else 0

    def predict_proba(self, x, batch_size=32, verbose=0):
        """Class probabilities for input samples.

        Arguments:
            x: array, or list of arrays, of N samples.
            batch_size: int.
            verbose: 0 or 1.

        Returns:
            Array (N, classes).
        """
        probabilities = self.predict(x, batch_size, verbose)
        if probabilities.min() < 0.0 or probabilities.max() > 1.0:
            warnings.warn(
                "The outputs are no probabilities: some lie outside 0 to 1. End the network in a softmax or sigmoid.",
                stacklevel=2,
            )
        return probabilities

    def predict_classes(self, x, batch_size=32, verbose=0):
        """The class of each input sample.

        Arguments:
            x: array, or list of arrays, of N samples.
            batch_size: int.
            verbose: 0 or 1.

        Returns:
            int array: (N,) with several outputs, (N, 1) when the model has one sigmoid output.
        """
        scores = self.predict(x, batch_size=batch_size, verbose=verbose)
        if scores.shape[-1] > 1:
            return scores.argmax(axis=-1)
        return (scores > 0.5).astype("int32")

    def get_config(self):
        """Describes the layers in order.

        Returns:
            dict with keys `name` and `layers`, and `build_input_shape` where the layers do not tell it.
        """
        layers = [{"class_name": type(layer).__name__, "config": layer.get_config()} for layer in self._stack]
        config = {"name": self.name, "layers": copy.deepcopy(layers)}
        if self._build_input_shape:
            config["build_input_shape"] = self._build_input_shape
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes a model from what `get_config()` returned.

        Arguments:
            config: dict, or the bare list of layers that Keras before 2.2.3 wrote.
            custom_objects: dict of name -> class or function, for layers of one's own.

        Returns:
            A model, with new weights.
        """
        from ..layers import deserialize

        name, input_shape, layer_configs = None, None, config
        if isinstance(config, dict):
            name, input_shape, layer_configs = config.get("name"), config.get("build_input_shape"), config["layers"]
        model = cls(name=name)
        made = {}
        for layer_config in layer_configs:
            layer_name = layer_config["config"].get("name") if isinstance(layer_config["config"], dict) else None
            # The same name again is the same layer, added twice.
            layer = made.get(layer_name)
            if layer is None:
                layer = deserialize(layer_config, custom_objects=custom_objects)
            if layer_name:
                made[layer_name] = layer
            model.add(layer)
        if not model.inputs and input_shape:
            model.build(input_shape)
        return model


def _input_of(layer):
    """Batch input shape and dtype that a first layer, or the first layer of a first model, tells."""
    while isinstance(layer, Model):
        if not layer.layers:
            raise ValueError("Cannot add an empty model to a `Sequential` model.")
        if layer.inputs:
            if len(layer.inputs) > 1:
                raise ValueError(
                    f"Layers of a Sequential model take a single input, but model {layer.name} has "
                    f"{len(layer.inputs)} inputs. Use the "
                    "functional API."
                )
            return K.int_shape(layer.inputs[0]), K.dtype(layer.inputs[0])
        layer = layer.layers[0]
    return getattr(layer, "batch_input_shape", None), getattr(layer, "dtype", None)


def _single_output(layer):
    outputs = layer._inbound_nodes[-1].output_tensors
    if len(outputs) != 1:
        raise ValueError(
            f"All layers in a Sequential model should have a single output tensor, but layer {layer.name} has "
            f"{len(outputs)}. For "
            "multi-output layers, use the functional API."
        )
    return outputs[0]


def _forget_last_use(layer):
    if layer._outbound_nodes:
        layer._outbound_nodes.pop()
