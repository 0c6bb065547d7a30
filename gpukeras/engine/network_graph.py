"""From the input and output tensors of a network to its layers and nodes, ordered by depth."""

from collections import defaultdict

from .node import history_of


class GraphMap:
    """The nodes and layers between the inputs and outputs of a network.

    The depth of a node is the length of the longest path from it to an output; a layer is as deep as its
    deepest node.

    Arguments:
        nodes_by_depth: dict of int -> list of nodes, deepest first.
        layers_by_depth: dict of int -> list of layers, deepest first.
        node_indices: dict of id(node) -> index among the nodes of its layer.
    """

    def __init__(self, nodes_by_depth, layers_by_depth, node_indices):
        self.nodes_by_depth = nodes_by_depth
        self.layers_by_depth = layers_by_depth
        self.node_indices = node_indices
        self.layers = [layer for layers in layers_by_depth.values() for layer in layers]
        #: Nodes in an order in which each comes after those it needs.
        self.nodes = [node for nodes in nodes_by_depth.values() for node in nodes]
        self.keys = {node_key(node.outbound_layer, node_indices[id(node)]) for node in self.nodes}

    def owns(self, node):
        """Whether a node is part of the network.

        Arguments:
            node: a node.

        Returns:
            bool.
        """
        return id(node) in self.node_indices

    def nodes_of(self, layer):
        """The nodes of a layer that are part of the network, in the order of the calls.

        Arguments:
            layer: a layer.

        Returns:
            list of nodes.
        """
        return [node for node in layer._inbound_nodes if id(node) in self.node_indices]


def node_key(layer, node_index):
    """The name by which a network lists a node.

    Arguments:
        layer: a layer.
        node_index: int, index among the nodes of the layer.

    Returns:
        str.
    """
    return f"{layer.name}_ib-{node_index}"


def map_graph(inputs, outputs):
    """Finds the layers that lead from `inputs` to `outputs` and checks that nothing is missing.

    Arguments:
        inputs: list of Keras tensors.
        outputs: list of Keras tensors.

    Returns:
        A GraphMap.

    Raises:
        ValueError: for a cycle, for an input that is needed but not given, for a name used twice.
    """
    walk = _Walk()
    for x in outputs:
        walk.from_tensor(x)
    node_depths, layer_depths = _depths(walk)
    layers_by_depth = defaultdict(list)
    for key, (layer, rank) in walk.layers.items():
        layers_by_depth[layer_depths[key]].append((rank, layer))
    nodes_by_depth = defaultdict(list)
    for key, (node, _) in walk.nodes.items():
        nodes_by_depth[node_depths[key]].append(node)
    graph = GraphMap(
        {depth: nodes_by_depth[depth] for depth in sorted(nodes_by_depth, reverse=True)},
        {
            depth: [layer for _, layer in sorted(layers_by_depth[depth], key=lambda pair: pair[0])]
            for depth in sorted(layers_by_depth, reverse=True)
        },
        {key: index for key, (_, index) in walk.nodes.items()},
    )
    check_names([layer.name for layer in graph.layers])
    _check_connected(graph, inputs)
    return graph


class _Walk:
    """Goes from outputs back to inputs, depth first, with a stack of its own: networks are deep.

    `nodes` maps id -> (node, index) in the order in which nodes are finished, so that what a node needs
    stands before it; `layers` maps id -> (layer, rank) in the order in which layers are met.
    """

    def __init__(self):
        self.nodes = {}
        self.layers = {}

    def from_tensor(self, tensor):
        open_nodes = {}
        stack = []
        self._enter(tensor, open_nodes, stack)
        while stack:
            key, sources = stack[-1]
            x = next(sources, None)
            if x is None:
                self.nodes[key] = open_nodes.pop(key)
                stack.pop()
            elif hasattr(x, "_keras_history"):
                self._enter(x, open_nodes, stack)

    def _enter(self, tensor, open_nodes, stack):
        layer, node_index, _ = tensor._keras_history
        node = layer._inbound_nodes[node_index]
        key = id(node)
        if key in self.nodes:
            return
        if key in open_nodes:
            raise ValueError(
                f"The tensor {tensor} at layer '{layer.name}' is part of a cycle: it is computed from itself."
            )
        self.layers.setdefault(id(layer), (layer, len(self.layers)))
        open_nodes[key] = (node, node_index)
        sources = node.source_tensors() if node.inbound_layers else ()
        stack.append((key, iter(sources)))


def _depths(walk):
    node_depths = {}
    layer_depths = {}
    for key, (node, _) in reversed(walk.nodes.items()):
        layer = id(node.outbound_layer)
        # A shared layer runs as early as its earliest call needs.
        depth = max(node_depths.get(key, 0), layer_depths.get(layer, 0))
        node_depths[key] = layer_depths[layer] = depth
        if node.inbound_layers:
            for source, index, _ in (getattr(x, "_keras_history", (None,) * 3) for x in node.source_tensors()):
                if source is not None:
                    before = id(source._inbound_nodes[index])
                    node_depths[before] = max(depth + 1, node_depths.get(before, 0))
    return node_depths, layer_depths


def check_names(names):
    """Refuses two layers of one name.

    Arguments:
        names: list of str.

    Raises:
        ValueError: for the first name used more than once.
    """
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(
                f'The name "{name}" is used {names.count(name)} times in the model. All layer names should be '
                "unique; give one "
                "of these layers another `name`."
            )
        seen.add(name)


def _check_connected(graph, inputs):
    known = {id(x) for x in inputs}
    reached = []
    for node in graph.nodes:
        layer = node.outbound_layer
        if layer is None:
            continue
        for x in node.source_tensors():
            if id(x) not in known:
                raise ValueError(_disconnected(x, layer, reached, inputs))
        known.update(id(x) for x in node.output_tensors)
        reached.append(layer.name)


def _disconnected(tensor, layer, reached, inputs):
    text = (
        f'Graph disconnected: cannot obtain value for tensor {tensor} at layer "{layer.name}". The following '
        "previous layers "
        f"were accessed without issue: {reached}."
    )
    strangers = [x for x in inputs if x._keras_history[0]._inbound_nodes[0].inbound_layers]
    if not hasattr(tensor, "_keras_history"):
        return text + " That tensor was not made by a layer; wrap it with `Input(tensor=...)` or a Lambda layer."
    if strangers:
        return text + (
            f" Model inputs must come from `Input(...)`, but {strangers[0]} is the output of layer "
            f"{history_of(strangers)[0][0].name}: start from a new "
            "Input and apply the layers after it again."
        )
    return text + " Add that input to the `inputs` of the model, or start from the inputs it has."
