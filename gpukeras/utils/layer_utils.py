"""Helpers on layers and models: summaries, parameter counts, conversion of weights between layouts."""

import numpy as np

from .. import backend as K
from .conv_utils import convert_kernel

_CONVOLUTIONS = (
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution2D",
    "Convolution3D",
    "AtrousConvolution1D",
    "AtrousConvolution2D",
    "Deconvolution2D",
)


def count_params(weights):
    """Number of scalars in a list of weights, counting each weight once.

    Arguments:
        weights: list of variables.

    Returns:
        int.
    """
    unique = {id(w): w for w in weights}.values()
    return int(sum(K.count_params(w) for w in unique))


def get_source_inputs(tensor, layer=None, node_index=None):
    """The input tensors a tensor is computed from.

    Arguments:
        tensor: a Keras tensor.
        layer: where to start; the layer that made the tensor by default.
        node_index: int, node of `layer` to start from.

    Returns:
        list of input tensors, each once, in the order they are met going back depth first.
    """
    if not hasattr(tensor, "_keras_history"):
        return tensor
    if layer is None or node_index:
        layer, node_index, _ = tensor._keras_history
    if not layer._inbound_nodes:
        return [tensor]
    found = {}
    seen = set()
    stack = [layer._inbound_nodes[node_index or 0]]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if not node.inbound_layers:
            found.update((id(x), x) for x in node.input_tensors)
            continue
        # Last first, because the stack hands out what was pushed last.
        for x in reversed(node.source_tensors()):
            source, index, _ = getattr(x, "_keras_history", (None, None, None))
            if source is not None:
                stack.append(source._inbound_nodes[index])
    return list(found.values())


def print_summary(model, line_length=None, positions=None, print_fn=None):
    """Prints a table of the layers of a model, with output shapes and parameter counts.

    Arguments:
        model: the model.
        line_length: int, width of the table; 65, or 98 when there is a column of connections.
        positions: list of the columns' ends, as fractions of `line_length` or in characters.
        print_fn: function called with each line; `print` by default.
    """
    print_fn = print if print_fn is None else print_fn
    chain = _is_chain(model)
    if line_length is None:
        line_length = 65 if chain else 98
    if positions is None:
        positions = [0.45, 0.85, 1.0] if chain else [0.33, 0.55, 0.67, 1.0]
    if positions[-1] <= 1:
        positions = [int(line_length * p) for p in positions]
    head = ["Layer (type)", "Output Shape", "Param #"] + ([] if chain else ["Connected to"])
    nodes = None if chain else _nodes_of(model)

    print_fn("_" * line_length)
    print_fn(_row(head, positions))
    print_fn("=" * line_length)
    for number, layer in enumerate(model.layers, 1):
        for fields in _layer_rows(layer, nodes):
            print_fn(_row(fields, positions))
        print_fn(("=" if number == len(model.layers) else "_") * line_length)
    _print_totals(model, line_length, print_fn)


def _print_totals(model, line_length, print_fn):
    check = getattr(model, "_check_trainable_weights_consistency", None)
    if check is not None:
        check()
    # What compile() collected is what training changes, whatever `trainable` says since then.
    trainable = getattr(model, "_collected_trainable_weights", None)
    if trainable is None:
        trainable = model.trainable_weights
    taken = {id(w) for w in trainable}
    frozen = count_params([w for w in model.weights if id(w) not in taken])
    trained = count_params(trainable)
    print_fn(f"Total params: {trained + frozen:,}")
    print_fn(f"Trainable params: {trained:,}")
    print_fn(f"Non-trainable params: {frozen:,}")
    print_fn("_" * line_length)


def _row(fields, ends):
    """Fits each field into its column; a field that fills its column gives up its last character."""
    line = ""
    for number, (field, end) in enumerate(zip(fields, ends, strict=False)):
        if number:
            line = line[:-1] + " "
        line = (line + str(field))[:end].ljust(end)
    return line


def _layer_rows(layer, nodes):
    try:
        shape = layer.output_shape
    except (AttributeError, RuntimeError):
        shape = "multiple"
    first = [f"{layer.name} ({type(layer).__name__})", shape, layer.count_params()]
    if nodes is None:
        return [first]
    sources = [
        f"{source.name}[{node_index}][{tensor_index}]"
        for node in layer._inbound_nodes
        if id(node) in nodes
        for source, node_index, tensor_index in zip(
            node.inbound_layers, node.node_indices, node.tensor_indices, strict=True
        )
    ]
    rows = [[*first, sources[0] if sources else ""]]
    rows.extend(["", "", "", source] for source in sources[1:])
    return rows


def _nodes_of(model):
    return {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}


def _is_chain(model):
    """Whether each layer of the model follows the one before it, so that connections need no column."""
    if hasattr(model, "pop") or not model._is_graph_network:
        return True
    nodes = []
    for at_depth in model._nodes_by_depth.values():
        if len(at_depth) > 1 or len(at_depth[0].inbound_layers) > 1:
            return False
        nodes.extend(at_depth)
    own = {id(node) for node in nodes}
    return all(sum(id(node) in own for node in layer._inbound_nodes) <= 1 for layer in model.layers)


def convert_all_kernels_in_model(model):
    """Turns the kernels of all convolutions by 180 degrees, in place.

    That is the difference between true convolution, which Theano computed, and cross-correlation.

    Arguments:
        model: the model; nested models are converted too.
    """
    pairs = []
    for layer in _all_layers(model):
        if type(layer).__name__ in _CONVOLUTIONS:
            pairs.append((layer.kernel, convert_kernel(K.get_value(layer.kernel))))
    K.batch_set_value(pairs)


def _all_layers(model):
    """Layers of a model and of the models in it, each once."""
    found = {}
    stack = [model]
    while stack:
        layer = stack.pop()
        if id(layer) not in found:
            found[id(layer)] = layer
            stack.extend(getattr(layer, "layers", ()))
    return list(found.values())


def convert_dense_weights_data_format(dense, previous_feature_map_shape, target_data_format="channels_first"):
    """Reorders the kernel of the Dense layer behind a Flatten when a model changes its data format.

    Arguments:
        dense: the Dense layer.
        previous_feature_map_shape: tuple of 3 int, shape of what is flattened, without the batch axis
            and in the target format: (C, H, W) for 'channels_first', (H, W, C) for 'channels_last'.
        target_data_format: 'channels_first' or 'channels_last', the format converted to.

    Raises:
        ValueError: for another `target_data_format`, or when the sizes disagree.
    """
    if target_data_format not in ("channels_first", "channels_last"):
        raise ValueError(f"target_data_format must be 'channels_first' or 'channels_last', got {target_data_format!r}")
    kernel, *rest = dense.get_weights()
    shape = tuple(previous_feature_map_shape)
    if int(np.prod(shape)) != kernel.shape[0]:
        raise ValueError(
            f"Layer {dense.name} has a kernel for {kernel.shape[0]} inputs, which is not the size of a feature map "
            f"of shape {shape}"
        )
    if target_data_format == "channels_first":
        now, order = (shape[1], shape[2], shape[0]), (2, 0, 1)
    else:
        now, order = (shape[2], shape[0], shape[1]), (1, 2, 0)
    # Rows of the kernel, one per flattened position, taken in the new order of positions.
    kernel = kernel.reshape((*now, -1)).transpose((*order, 3)).reshape(kernel.shape)
    dense.set_weights([np.ascontiguousarray(kernel), *rest])
