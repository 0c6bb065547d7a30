"""The config of a network: its layers and how they are joined, as plain lists and dicts."""

import copy
import json
import warnings
from collections import defaultdict, deque

import numpy as np

from ..utils.generic_utils import unpack_singleton
from ..utils.serial import is_stored_array, json_value, stored_array
from .node import map_tensors


def network_config(network):
    """Describes a network made of inputs and outputs.

    Arguments:
        network: the network.

    Returns:
        dict with keys `name`, `layers`, `input_layers`, `output_layers`.
    """
    # An input that no output needs is no layer of the network, but fed like the others and saved with them.
    used = {id(layer) for layer in network.layers}
    spare = [layer for layer in network._input_layers if id(layer) not in used]
    index = _saved_indices(network)
    index.update((id(layer._inbound_nodes[0]), 0) for layer in spare)
    layers = []
    for layer in network.layers + spare:
        nodes = [_node_config(node, index) for node in network._graph.nodes_of(layer) if node.inbound_layers]
        layers.append(
            {
                "name": layer.name,
                "class_name": type(layer).__name__,
                "config": layer.get_config(),
                "inbound_nodes": nodes,
            }
        )
    return copy.deepcopy(
        {
            "name": network.name,
            "layers": layers,
            "input_layers": [_reference(x, index) for x in network.inputs],
            "output_layers": [_reference(x, index) for x in network.outputs],
        }
    )


def _saved_indices(network):
    """The number each node gets in the config: nodes outside the network are not counted.

    A layer that is a network starts with a node of its own, made when it was built, so its calls count from 1.
    """
    from .network import Network

    index = {}
    for layer in network.layers:
        first = 1 if isinstance(layer, Network) and layer._is_graph_network else 0
        for number, node in enumerate(network._graph.nodes_of(layer), first):
            index[id(node)] = number
    return index


def _reference(tensor, index):
    layer, node_index, tensor_index = tensor._keras_history
    return [layer.name, index[id(layer._inbound_nodes[node_index])], tensor_index]


def _node_config(node, index):
    kwargs = _plain_arguments(node, index)
    return [[*_reference(x, index), kwargs] for x in node.input_tensors]


def _plain_arguments(node, index):
    """Keyword arguments of a call as JSON can hold them.

    A Keras tensor becomes `[layer name, node index, tensor index]`.
    """
    plain = {}
    for key, value in node.call_arguments().items():
        value = _to_plain(map_tensors(value, lambda x: _reference(x, index)))
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            warnings.warn(
                f"Layer {node.outbound_layer.name} was passed a keyword argument that cannot be saved: "
                f"{key}={value}. The saved model leaves it out and will be loaded without it.",
                stacklevel=4,
            )
            continue
        plain[key] = value
    return plain


def _to_plain(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return json_value(value)
    if isinstance(value, dict):
        return {key: _to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(item) for item in value]
    return value


class NetworkBuilder:
    """Makes the layers of a config and calls them again in an order that works.

    Arguments:
        config: dict, from `network_config` or a file.
        custom_objects: dict of name -> class or function.
        make_layer: function `(layer config, custom_objects) -> layer`; deserialises by default.
    """

    def __init__(self, config, custom_objects=None, make_layer=None):
        self.config = config
        self.custom_objects = custom_objects or {}
        self.make_layer = make_layer or _deserialize
        self.names = {_name_of(layer_config) for layer_config in config["layers"]}
        self.layers = {}
        # (layer name, node index, tensor index) -> tensor
        self.tensors = {}
        # Calls that wait for a tensor: reference -> layers to look at again.
        self.waiting = defaultdict(list)
        # Calls of each layer not made yet; they must be made in order, for their numbers to come out right.
        self.todo = {}

    def build(self):
        """Makes all layers and calls.

        Returns:
            (list of input tensors, list of output tensors)

        Raises:
            ValueError: when the config refers to a layer or call that it does not contain.
        """
        for layer_config in self.config["layers"]:
            self._add_layer(layer_config)
        ready = deque(self.layers)
        while ready:
            ready.extend(self._call_what_is_ready(ready.popleft()))
        missing = {name: calls[0] for name, calls in self.todo.items() if calls}
        if missing:
            name, call = next(iter(missing.items()))
            raise ValueError(
                "Model '{}': cannot rebuild the call of layer '{}' on {}: the config has no such layer or "
                "call, or they form a cycle.".format(self.config.get("name"), name, [item[:3] for item in call])
            )
        inputs = [self._tensor(ref) for ref in _references(self.config["input_layers"])]
        outputs = [self._tensor(ref) for ref in _references(self.config["output_layers"])]
        return inputs, outputs

    def _add_layer(self, layer_config):
        name = _name_of(layer_config)
        if name in self.layers:
            raise ValueError(f"Model '{self.config.get('name')}': the config has two layers named '{name}'.")
        layer = self.make_layer(layer_config, self.custom_objects)
        self.layers[name] = layer
        calls = [_as_calls(data) for data in layer_config.get("inbound_nodes") or ()]
        self.todo[name] = deque(calls)
        if not calls:
            self._take_outputs(name, 0)

    def _take_outputs(self, name, node_index):
        """Enters the outputs of a call among the known tensors and says which layers waited for them."""
        woken = []
        nodes = self.layers[name]._inbound_nodes
        if node_index < len(nodes):
            for position, x in enumerate(nodes[node_index].output_tensors):
                key = (name, node_index, position)
                self.tensors.setdefault(key, x)
                woken.extend(self.waiting.pop(key, ()))
        return woken

    def _call_what_is_ready(self, name):
        woken = []
        calls = self.todo[name]
        while calls:
            needed = [tuple(item[:3]) for item in calls[0]] + self._keyword_references(calls[0])
            missing = [key for key in needed if key not in self.tensors]
            if missing:
                self.waiting[missing[0]].append(name)
                break
            self._call(name, calls.popleft())
            woken.extend(self._take_outputs(name, len(self.layers[name]._inbound_nodes) - 1))
        return woken

    def _call(self, name, call):
        inputs = [self.tensors[tuple(item[:3])] for item in call]
        kwargs = {}
        for item in call:
            kwargs.update(self._from_plain(item[3] if len(item) > 3 else {}))
        self.layers[name](unpack_singleton(inputs), **kwargs)

    def _keyword_references(self, call):
        found = []
        for item in call:
            if len(item) > 3:
                self._from_plain(item[3], found.append)
        return found

    def _is_reference(self, value):
        return (
            isinstance(value, (list, tuple))
            and len(value) == 3
            and isinstance(value[0], str)
            and isinstance(value[1], int)
            and isinstance(value[2], int)
            and value[0] in self.names
        )

    def _from_plain(self, value, on_reference=None):
        if self._is_reference(value):
            key = tuple(value)
            return on_reference(key) if on_reference else self.tensors[key]
        if isinstance(value, dict):
            if is_stored_array(value):
                return stored_array(value)
            return {key: self._from_plain(item, on_reference) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._from_plain(item, on_reference) for item in value]
        return value

    def _tensor(self, reference):
        key = tuple(reference[:3])
        if key not in self.tensors:
            raise ValueError(
                "Model '{}': its inputs or outputs name {}, which the config does not contain.".format(
                    self.config.get("name"), list(key)
                )
            )
        return self.tensors[key]


def _deserialize(layer_config, custom_objects):
    from ..layers import deserialize

    return deserialize(layer_config, custom_objects=custom_objects)


def _name_of(layer_config):
    return layer_config.get("name") or layer_config["config"]["name"]


def _as_calls(data):
    """Inputs of one call; newer writers leave out the list around a single input."""
    return [data] if data and isinstance(data[0], str) else list(data)


def _references(references):
    """A list of tensor references, also from writers that give a single one bare or a dict of them."""
    if isinstance(references, dict):
        return list(references.values())
    if references and isinstance(references[0], str):
        return [references]
    return references
