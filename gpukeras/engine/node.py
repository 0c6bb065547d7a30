"""One call of a layer on tensors, and what layers tell about their calls."""

from .. import backend as K
from ..utils.generic_utils import unpack_singleton


class Node:
    """Joins the layers before a call to the layer that is called.

    Each call of a layer adds one node to `layer._inbound_nodes`, and the same node to the
    `_outbound_nodes` of the layers its inputs come from.

    Arguments:
        outbound_layer: the layer called.
        inbound_layers: list, the layers the input tensors come from.
        node_indices: list of int, the node of each inbound layer that made the tensor.
        tensor_indices: list of int, the position among that node's outputs.
        input_tensors: list of tensors.
        output_tensors: list of tensors.
        input_masks: list, mask or None per input.
        output_masks: list, mask or None per output.
        input_shapes: list of shape tuples.
        output_shapes: list of shape tuples.
        arguments: dict, keyword arguments of the call.
    """

    def __init__(
        self,
        outbound_layer,
        inbound_layers,
        node_indices,
        tensor_indices,
        input_tensors,
        output_tensors,
        input_masks,
        output_masks,
        input_shapes,
        output_shapes,
        arguments=None,
    ):
        self.outbound_layer = outbound_layer
        self.inbound_layers = inbound_layers
        self.node_indices = node_indices
        self.tensor_indices = tensor_indices
        self.input_tensors = input_tensors
        self.output_tensors = output_tensors
        self.input_masks = input_masks
        self.output_masks = output_masks
        self.input_shapes = input_shapes
        self.output_shapes = output_shapes
        self.arguments = arguments
        for layer in inbound_layers:
            if layer is not None:
                layer._outbound_nodes.append(self)
        outbound_layer._inbound_nodes.append(self)

    def get_config(self):
        """Describes the node by layer names and indices.

        Returns:
            dict.
        """
        return {
            "outbound_layer": self.outbound_layer.name if self.outbound_layer else None,
            "inbound_layers": [layer.name if layer else None for layer in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
        }

    def keyword_tensors(self):
        """Keras tensors given by keyword that are not among the inputs already.

        Returns:
            list of tensors.
        """
        if not self.arguments:
            return []
        inputs = {id(x) for x in self.input_tensors}
        found = []
        map_tensors(self.arguments, lambda x: id(x) in inputs or found.append(x))
        return found

    def call_arguments(self):
        """Keyword arguments to repeat the call with.

        Those made of input tensors only, such as the initial state of a recurrent layer, are left out: the
        layer finds them among its inputs.

        Returns:
            dict.
        """
        if not self.arguments:
            return {}
        inputs = {id(x) for x in self.input_tensors}
        kept = {}
        for key, value in self.arguments.items():
            found = []
            map_tensors(value, found.append)
            if not found or any(id(x) not in inputs for x in found):
                kept[key] = value
        return kept

    def source_tensors(self):
        """Every Keras tensor the call depends on: inputs first, then those given by keyword.

        Returns:
            list of tensors.
        """
        return self.input_tensors + self.keyword_tensors() if self.arguments else self.input_tensors


def is_keras_tensor(x):
    """Whether `x` is the output of a layer; False for anything that is no tensor at all.

    Arguments:
        x: anything.

    Returns:
        bool.
    """
    return hasattr(x, "_keras_history")


def map_tensors(value, function):
    """Replaces Keras tensors inside nested lists, tuples and dicts.

    Arguments:
        value: keyword arguments, or any part of them.
        function: called on each Keras tensor; its result takes the tensor's place.

    Returns:
        A copy of `value`.
    """
    if isinstance(value, dict):
        return {key: map_tensors(item, function) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map_tensors(item, function) for item in value)
    return function(value) if is_keras_tensor(value) else value


def history_of(tensors):
    """Where tensors come from, as three lists in step with `tensors`.

    Arguments:
        tensors: list of tensors, Keras tensors or not.

    Returns:
        (layers, node indices, tensor indices); None for tensors that no layer made.
    """
    layers, nodes, positions = [], [], []
    for x in tensors:
        layer, node_index, tensor_index = getattr(x, "_keras_history", (None, None, None))
        layers.append(layer)
        nodes.append(node_index)
        positions.append(tensor_index)
    return layers, nodes, positions


def mask_of(tensor):
    """The mask that came with a tensor.

    Arguments:
        tensor: a tensor.

    Returns:
        The mask tensor, or None.
    """
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        return None
    layer, node_index, tensor_index = history
    return layer._inbound_nodes[node_index].output_masks[tensor_index]


def shape_of(tensor):
    """Static shape of a tensor.

    Arguments:
        tensor: a tensor.

    Returns:
        tuple, or None when even the rank is unknown.
    """
    try:
        return K.int_shape(tensor)
    except (TypeError, ValueError, AttributeError):
        return None


def as_shape_tuple(shape):
    """A shape as a tuple, whatever sequence it came in.

    Arguments:
        shape: tuple, list or None.

    Returns:
        tuple or None.
    """
    return tuple(shape) if isinstance(shape, list) else shape


def list_of_shapes(shapes, count):
    """One shape per tensor, whether `shapes` is a single shape (tuple or list) or a list of them.

    Arguments:
        shapes: what `compute_output_shape` returned.
        count: int, number of tensors.

    Returns:
        list of shapes.
    """
    if shapes is None:
        return [None] * count
    if isinstance(shapes, list) and len(shapes) == count and all(s is None for s in shapes):
        return list(shapes)
    if all(size is None or not hasattr(size, "__len__") for size in shapes):
        return [tuple(shapes)]
    return list(shapes)


class NodeAccess:
    """The part of a layer that answers questions about its calls."""

    @property
    def inbound_nodes(self):
        """Nodes of the calls of this layer, in order; may be set, as programs do that cut a model."""
        return self._inbound_nodes

    @inbound_nodes.setter
    def inbound_nodes(self, nodes):
        self._inbound_nodes = nodes

    @property
    def outbound_nodes(self):
        """Nodes of the calls that use an output of this layer; may be set to [] to cut off what follows."""
        return self._outbound_nodes

    @outbound_nodes.setter
    def outbound_nodes(self, nodes):
        self._outbound_nodes = nodes

    def _at(self, node_index, attribute, what):
        if not self._inbound_nodes:
            raise RuntimeError(
                f"Layer {self.name} has never been called and thus has no defined {what}; call it on a tensor first."
            )
        if not -len(self._inbound_nodes) <= node_index < len(self._inbound_nodes):
            raise ValueError(
                f"Asked to get {what} at node {node_index} of layer {self.name}, but the layer has only "
                f"{len(self._inbound_nodes)} inbound nodes."
            )
        return unpack_singleton(getattr(self._inbound_nodes[node_index], attribute))

    def get_input_at(self, node_index):
        """Input tensor(s) of one call.

        Arguments:
            node_index: int, 0 for the first call.

        Returns:
            A tensor, or a list of them.
        """
        return self._at(node_index, "input_tensors", "input")

    def get_output_at(self, node_index):
        """Output tensor(s) of one call.

        Arguments:
            node_index: int, 0 for the first call.

        Returns:
            A tensor, or a list of them.
        """
        return self._at(node_index, "output_tensors", "output")

    def get_input_shape_at(self, node_index):
        """Input shape(s) of one call.

        Arguments:
            node_index: int, 0 for the first call.

        Returns:
            A shape tuple, or a list of them.
        """
        return self._at(node_index, "input_shapes", "input shape")

    def get_output_shape_at(self, node_index):
        """Output shape(s) of one call.

        Arguments:
            node_index: int, 0 for the first call.

        Returns:
            A shape tuple, or a list of them.
        """
        return self._at(node_index, "output_shapes", "output shape")

    def get_input_mask_at(self, node_index):
        """Input mask(s) of one call.

        Arguments:
            node_index: int, 0 for the first call.

        Returns:
            A mask tensor or None, or a list of them.
        """
        return self._at(node_index, "input_masks", "input mask")

    def get_output_mask_at(self, node_index):
        """Output mask(s) of one call.

        Arguments:
            node_index: int, 0 for the first call.

        Returns:
            A mask tensor or None, or a list of them.
        """
        return self._at(node_index, "output_masks", "output mask")

    def _only(self, attribute, what, getter):
        # AttributeError, not ValueError: `hasattr(layer, 'output')` is how programs ask.
        if not self._inbound_nodes:
            raise AttributeError(
                f"Layer {self.name} is not connected: it has never been called, so there is no {what} to return."
            )
        if len(self._inbound_nodes) > 1:
            raise AttributeError(
                f'Layer {self.name} has multiple inbound nodes, hence the notion of "layer {what}" is ill-defined. '
                f"Use `{getter}(node_index)` instead."
            )
        return unpack_singleton(getattr(self._inbound_nodes[0], attribute))

    @property
    def input(self):
        """Input tensor(s), of a layer called exactly once."""
        return self._only("input_tensors", "input", "get_input_at")

    @property
    def output(self):
        """Output tensor(s), of a layer called exactly once."""
        return self._only("output_tensors", "output", "get_output_at")

    @property
    def input_mask(self):
        """Input mask(s), of a layer called exactly once."""
        return self._only("input_masks", "input mask", "get_input_mask_at")

    @property
    def output_mask(self):
        """Output mask(s), of a layer called exactly once."""
        return self._only("output_masks", "output mask", "get_output_mask_at")

    def _same_everywhere(self, attribute, what, getter):
        if not self._inbound_nodes:
            raise AttributeError(f"Layer {self.name} has never been called and thus has no defined {what}.")
        shapes = getattr(self._inbound_nodes[0], attribute)
        if any(getattr(node, attribute) != shapes for node in self._inbound_nodes[1:]):
            raise AttributeError(
                f'Layer {self.name} has several inbound nodes with different {what}s, hence the notion of "{what}" '
                "is "
                f"ill-defined. Use `{getter}(node_index)` instead."
            )
        return unpack_singleton(shapes)

    @property
    def input_shape(self):
        """Input shape(s), when all calls agree."""
        return self._same_everywhere("input_shapes", "input shape", "get_input_shape_at")

    @property
    def output_shape(self):
        """Output shape(s), when all calls agree."""
        return self._same_everywhere("output_shapes", "output shape", "get_output_shape_at")
