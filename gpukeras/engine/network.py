"""The network: layers joined into a graph, used as one layer."""

import difflib
import warnings

from .. import backend as K
from ..legacy import interfaces
from ..utils.generic_utils import object_list_uid, to_list, unpack_singleton
from ..utils.layer_utils import get_source_inputs, print_summary
from .base_layer import Layer
from .calls import takes_argument
from .layer_state import without_repeats
from .network_graph import map_graph
from .network_io import NetworkSaving
from .network_run import run_graph, run_shapes
from .node import Node, mask_of, shape_of

__all__ = ["Network", "Node", "get_source_inputs"]


class Network(NetworkSaving, Layer):
    """A graph of layers from input tensors to output tensors; itself a layer.

    Made from tensors, `Network(inputs, outputs)`, or by subclassing: layers are then set as attributes in
    `__init__`, after `super().__init__()`, and applied in `call`.

    Arguments:
        inputs: Keras tensor or list of them, from `Input`.
        outputs: Keras tensor or list of them.
        name: str.

    Raises:
        ValueError: when the outputs cannot be computed from the inputs.
    """

    #: Whether layers set as attributes are layers of the network, when it was not made from tensors.
    _tracks_attributes = True

    @interfaces.legacy_model_constructor_support
    def __init__(self, *args, **kwargs):
        if args or "inputs" in kwargs or "outputs" in kwargs:
            self._init_graph_network(*args, **kwargs)
        else:
            self._init_subclassed_network(**kwargs)

    # -- construction ---------------------------------------------------------------------------

    def _base_init(self, name=None):
        if not name:
            prefix = type(self).__name__.lower()
            name = f"{prefix}_{K.get_uid(prefix)}"
        self.name = name
        self.trainable = True
        self.supports_masking = False
        self.inputs = None
        self.outputs = None
        self._layers = []
        self._graph_map = None
        self._is_compiled = False
        self._built = False
        self._initial_weights = None
        self._init_state()
        # `losses` and `updates` are collected from the layers; only what is added here is kept by inputs.
        del self._losses, self._updates
        self._runs = {}
        self._inbound_nodes = []
        self._outbound_nodes = []
        if not hasattr(self, "optimizer"):
            self.optimizer = None

    def _init_subclassed_network(self, name=None):
        # Before anything else: `__setattr__` looks at it.
        self.__dict__["_is_graph_network"] = False
        self._base_init(name)
        self._expects_training_arg = takes_argument(self.call, "training")
        self._uses_inputs_arg = True

    def _init_graph_network(self, inputs=None, outputs=None, name=None):
        if inputs is None or outputs is None:
            raise TypeError(
                f"{type(self).__name__} needs both `inputs` and `outputs`, got inputs={inputs} and "
                f"outputs={outputs}; the outputs come from "
                "applying layers to the inputs."
            )
        inputs = to_list(inputs, allow_tuple=True)
        outputs = to_list(outputs, allow_tuple=True)
        _check_inputs(inputs)
        _check_outputs(outputs)
        graph = map_graph(inputs, outputs)
        self.__dict__["_is_graph_network"] = True
        self._base_init(name)
        self._expects_training_arg = False
        self._uses_inputs_arg = True
        self._graph_map = graph
        self._layers = graph.layers
        self._set_ends(list(inputs), list(outputs))

    def _set_ends(self, inputs, outputs):
        """Takes note of the tensors the network starts and ends with, and of all that follows from them."""
        self.inputs = inputs
        self.outputs = outputs
        self._input_coordinates = [x._keras_history for x in inputs]
        self._output_coordinates = [x._keras_history for x in outputs]
        self._input_layers = [layer for layer, _, _ in self._input_coordinates]
        self._output_layers = [layer for layer, _, _ in self._output_coordinates]
        self.input_names = [layer.name for layer in self._input_layers]
        self.output_names = [layer.name for layer in self._output_layers]
        fed = [
            (x, layer)
            for x, layer in zip(inputs, self._input_layers, strict=True)
            if getattr(layer, "is_placeholder", False)
        ]
        self._feed_inputs = [x for x, _ in fed]
        self._feed_input_names = [layer.name for _, layer in fed]
        self._feed_input_shapes = [shape_of(x) for x in self._feed_inputs]
        self._runs = {}
        self._inbound_nodes = []
        self._outbound_nodes = []
        Node(
            self,
            inbound_layers=[],
            node_indices=[],
            tensor_indices=[],
            input_tensors=inputs,
            output_tensors=outputs,
            input_masks=[mask_of(x) for x in inputs],
            output_masks=[mask_of(x) for x in outputs],
            input_shapes=[shape_of(x) for x in inputs],
            output_shapes=[shape_of(x) for x in outputs],
        )
        self.built = True

    def __setattr__(self, name, value):
        if isinstance(value, Layer):
            if "_is_graph_network" not in self.__dict__:
                raise RuntimeError(
                    f"attribute '{name}' was set to layer {value.name} before the model itself was initialised; make "
                    "`super().__init__()` the first line of the subclass's `__init__`."
                )
            if self._tracks_attributes and not self._is_graph_network and value not in self._layers:
                self._layers.append(value)
        super().__setattr__(name, value)

    # -- structure ------------------------------------------------------------------------------

    @property
    def _graph(self):
        """The GraphMap of a network made from tensors."""
        if self._graph_map is None:
            self._graph_map = map_graph(self.inputs, self.outputs)
        return self._graph_map

    @property
    def _nodes_by_depth(self):
        return self._graph.nodes_by_depth

    @property
    def _layers_by_depth(self):
        return self._graph.layers_by_depth

    @property
    def _network_nodes(self):
        return self._graph.keys

    @property
    def layers(self):
        """Layers of the network, inputs first; in a subclass, those set as attributes, in that order."""
        return self._layers

    def get_layer(self, name=None, index=None):
        """Finds a layer by name or by position.

        Arguments:
            name: str.
            index: int, position in `layers`; counts more than `name`.

        Returns:
            The layer.

        Raises:
            ValueError: when there is no such layer.
        """
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model '{self.name}' only has "
                    f"{len(self.layers)} layers."
                )
            return self.layers[index]
        if not name:
            raise ValueError("Provide either a layer name or layer index.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        near = difflib.get_close_matches(str(name), names, n=3) or names[:10]
        raise ValueError(f"No such layer: {name}. Model '{self.name}' has, among others: {near}")

    @property
    def input_spec(self):
        """What the input layers demand, one entry per input; a single entry stands alone."""
        specs = []
        for layer in getattr(self, "_input_layers", ()):
            if layer.input_spec is None:
                specs.append(None)
            else:
                specs.extend(to_list(layer.input_spec))
        return unpack_singleton(specs) if specs else None

    @property
    def uses_learning_phase(self):
        """Whether an output differs between training and testing."""
        return any(getattr(x, "_uses_learning_phase", False) for x in self.outputs or ())

    @property
    def stateful(self):
        """Whether a layer keeps its state from batch to batch."""
        return any(getattr(layer, "stateful", False) for layer in self.layers)

    def reset_states(self):
        """Clears the states of all stateful layers."""
        for layer in self.layers:
            if hasattr(layer, "reset_states") and getattr(layer, "stateful", False):
                layer.reset_states()

    @property
    def state_updates(self):
        """Updates of the stateful layers, which prediction runs too."""
        found = []
        for layer in self.layers:
            if getattr(layer, "stateful", False):
                found.extend(layer.updates)
        return without_repeats(found)

    # -- weights, losses, updates ---------------------------------------------------------------

    @property
    def trainable_weights(self):
        """Weights that training changes; none while `trainable` is False."""
        if not self.trainable:
            return []
        return list(dict.fromkeys([w for layer in self.layers for w in layer.trainable_weights]))

    @property
    def non_trainable_weights(self):
        """Weights that training leaves alone; all of them while `trainable` is False."""
        frozen = [w for layer in self.layers for w in layer.non_trainable_weights]
        if self.trainable:
            return without_repeats(frozen)
        return without_repeats([w for layer in self.layers for w in layer.trainable_weights] + frozen)

    def add_weight(self, name, *args, **kwargs):
        """Refused: the weights of a model are those of its layers.

        Arguments:
            name: str.
            *args: as for a layer.
            **kwargs: as for a layer.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            f"Model '{self.name}' has no weights of its own, so it cannot make weight {name!r}: it would be neither "
            "trained nor saved. Make it in a Layer."
        )

    def get_weights(self):
        """Values of all weights, layer by layer.

        Returns:
            list of NumPy arrays.
        """
        return K.batch_get_value([w for layer in self.layers for w in layer.weights])

    def set_weights(self, weights):
        """Sets the values of all weights.

        Arguments:
            weights: list of arrays, in the order of `get_weights()`.

        Raises:
            ValueError: when the number of arrays or a shape differs.
        """
        params = [w for layer in self.layers for w in layer.weights]
        self._set_values(params, weights)

    @property
    def updates(self):
        """Updates that a training step runs; none while the network is neither trainable nor stateful."""
        if not self._updates_apply():
            return []
        return self._collect("updates", "get_updates_for")

    @property
    def losses(self):
        """Loss terms of the layers for the calls that are part of the network, and its own."""
        return self._collect("losses", "get_losses_for")

    def _collect(self, everything, getter):
        if not self._is_graph_network:
            found = [term for layer in self.layers for term in getattr(layer, everything)]
            return without_repeats(found + getattr(super(), getter)(None))
        found = []
        if self.outputs:
            for layer in self.layers:
                for node in self._graph.nodes_of(layer):
                    found.extend(getattr(layer, getter)(node.input_tensors))
        found.extend(getattr(self, getter)(None))
        found.extend(getattr(super(), getter)(self.inputs) if self.inputs else ())
        return without_repeats(found)

    def get_updates_for(self, inputs):
        """Updates that hold for certain inputs the network was called on.

        Arguments:
            inputs: a tensor or list of tensors; None for the updates that always hold.

        Returns:
            list of updates.
        """
        if not self._updates_apply():
            return []
        return self._terms_for(inputs, "updates", "get_updates_for")

    def get_losses_for(self, inputs):
        """Loss terms that hold for certain inputs the network was called on.

        Arguments:
            inputs: a tensor or list of tensors; None for the terms that always hold.

        Returns:
            list of scalar tensors.
        """
        return self._terms_for(inputs, "losses", "get_losses_for")

    def _terms_for(self, inputs, everything, getter):
        if inputs is None and not self._is_graph_network:
            # Which inputs a term of a subclass depends on is hidden in its `call`.
            return self._collect(everything, getter)
        # The layers are asked now, not when the network was called: they may have been frozen since.
        found = list(getattr(super(), getter)(inputs))
        if inputs is None or inputs == []:
            calls = [(layer, None) for layer in self.layers]
        else:
            key = object_list_uid(inputs)
            calls = [call for run_key, run in self._runs.items() if run_key[0] == key for call in run.calls]
        for layer, tensors in calls:
            found.extend(getattr(layer, getter)(tensors))
        return without_repeats(found)

    # -- as a layer -----------------------------------------------------------------------------

    def call(self, inputs, mask=None):
        """Applies all layers to new inputs.

        Arguments:
            inputs: a tensor, or a list of them.
            mask: mask of the inputs or None; a list for several inputs.

        Returns:
            A tensor, or a list of them.

        Raises:
            NotImplementedError: in a subclass that does not say what it computes.
        """
        if not self._is_graph_network:
            raise NotImplementedError(f"Model subclass {type(self).__name__} must define `call(self, inputs)`.")
        return unpack_singleton(self._run(inputs, mask).outputs)

    def compute_mask(self, inputs, mask):
        """Mask of the outputs.

        Arguments:
            inputs: a tensor, or a list of them.
            mask: mask of the inputs or None; a list for several inputs.

        Returns:
            A mask or None; a list for several outputs.
        """
        if not self._is_graph_network:
            return None
        tensors = to_list(inputs)
        masks = _masks(mask, tensors)
        own = self._inbound_nodes[0]
        if all(m is None for m in masks) and _same_objects(tensors, own.input_tensors):
            return unpack_singleton(own.output_masks)
        return unpack_singleton(self._run(inputs, mask).masks)

    def compute_output_shape(self, input_shape):
        """Shape of the outputs for given input shapes.

        Arguments:
            input_shape: shape tuple, or a list of them for several inputs.

        Returns:
            A shape tuple, or a list of them.

        Raises:
            NotImplementedError: in a subclass that does not override it.
            ValueError: when the number of shapes differs from the number of inputs.
        """
        if not self._is_graph_network:
            raise NotImplementedError(
                f"Model subclass {type(self).__name__} computes its output in `call`, so the output shape is known "
                "only once it "
                "is called; define `compute_output_shape` to answer before that."
            )
        shapes = input_shape if isinstance(input_shape, list) and _holds_shapes(input_shape) else [input_shape]
        if len(shapes) != len(self.inputs):
            raise ValueError(
                f"Model '{self.name}' has {len(self.inputs)} inputs, got {len(shapes)} input shapes: {input_shape}"
            )
        return unpack_singleton(run_shapes(self, shapes))

    def _shape_of_outputs(self, outputs, input_shapes):
        if not self._is_graph_network and type(self).compute_output_shape is Network.compute_output_shape:
            return [shape_of(x) for x in to_list(outputs, allow_tuple=True)]
        return super()._shape_of_outputs(outputs, input_shapes)

    def run_internal_graph(self, inputs, masks=None):
        """Applies all layers to new inputs.

        Arguments:
            inputs: list of tensors.
            masks: list of masks or None.

        Returns:
            (list of outputs, list of masks, list of shapes)
        """
        run = self._run(inputs, masks)
        return run.outputs, run.masks, run.shapes

    def _run(self, inputs, mask=None):
        tensors = to_list(inputs)
        masks = _masks(mask, tensors)
        if len(tensors) != len(self.inputs):
            raise ValueError(
                f"Model '{self.name}' expects {len(self.inputs)} inputs, but it received {len(tensors)} input "
                f"tensors. Input received: {inputs}"
            )
        key = (object_list_uid(tensors), object_list_uid(masks))
        run = self._runs.get(key)
        if run is None:
            # The key names objects by id; the run holds them, so no id comes to mean another object.
            run = self._runs[key] = run_graph(self, tensors, masks)
        return run

    def summary(self, line_length=None, positions=None, print_fn=None):
        """Prints a table of the layers, their output shapes and parameter counts.

        Arguments:
            line_length: int, width of the table.
            positions: list of the columns' ends, as fractions or in characters.
            print_fn: function called with each line; `print` by default.

        Raises:
            ValueError: when the model has not been built.
        """
        if not self.built:
            raise ValueError(
                f"Model '{self.name}' has not yet been built, so its shapes are unknown: give the first layer an "
                "`input_shape`, or call `build` or `fit` before."
            )
        print_summary(self, line_length=line_length, positions=positions, print_fn=print_fn)


def _check_inputs(inputs):
    if len({id(x) for x in inputs}) != len(inputs):
        raise ValueError(f"The inputs of a model must differ from each other; the list is redundant: {inputs}")
    for x in inputs:
        if not hasattr(x, "_keras_history"):
            raise ValueError(
                f"Input tensors to a Model must come from `keras.layers.Input`. Received: {x} (missing previous "
                "layer metadata). Use `x = Input(shape=...)`, or `Input(tensor=x)` to wrap a tensor."
            )
        layer = x._keras_history[0]
        if len(layer._inbound_nodes) > 1 or layer._inbound_nodes[0].inbound_layers:
            warnings.warn(
                f"Model inputs must come from `keras.layers.Input`, but {x} is an output of layer {layer.name}: what "
                "lies before it is not part of this model.",
                stacklevel=6,
            )


def _check_outputs(outputs):
    for x in outputs:
        if not hasattr(x, "_keras_history"):
            raise ValueError(
                "Output tensors to a Model must be the output of a Keras `Layer` (thus holding past layer "
                f"metadata). Found: {x}. Wrap backend operations in a `Lambda` layer."
            )


def _masks(mask, tensors):
    return [None] * len(tensors) if mask is None else to_list(mask)


def _same_objects(a, b):
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def _holds_shapes(shapes):
    return any(hasattr(shape, "__len__") for shape in shapes)
