"""Applying the layers of a network again, to new tensors, shapes or masks."""

from .. import backend as K
from .. import mixed_precision
from ..utils.generic_utils import to_list, unpack_singleton
from .calls import takes_argument
from .node import as_shape_tuple, list_of_shapes, map_tensors


class GraphRun:
    """What one run over the layers of a network gave.

    Arguments:
        outputs: list of tensors.
        masks: list of masks or None.
        shapes: list of shapes, or None where a shape is not known.
        calls: list of (layer, list of its input tensors).
        given: the tensors and masks it started from.
    """

    def __init__(self, outputs, masks, shapes, calls, given):
        self.outputs = outputs
        self.masks = masks
        self.shapes = shapes
        self.calls = calls
        self.given = given


def run_graph(network, inputs, masks):
    """Applies all layers of a network to `inputs`.

    Arguments:
        network: the network.
        inputs: list of tensors.
        masks: list of masks or None.

    Returns:
        A GraphRun.
    """
    values = {id(x): (y, mask) for x, y, mask in zip(network.inputs, inputs, masks, strict=True)}
    calls = []
    for node in network._graph.nodes:
        if all(id(x) in values for x in node.output_tensors):
            continue
        if any(id(x) not in values for x in node.source_tensors()):
            continue
        layer = node.outbound_layer
        computed = [values[id(x)] for x in node.input_tensors]
        tensors = [tensor for tensor, _ in computed]
        with K.name_scope(layer.name):
            outputs, output_masks = _call(network, node, tensors, [mask for _, mask in computed], values)
            layer._add_activity_penalty(outputs, tensors)
        _mark(layer, tensors, outputs)
        calls.append((layer, tensors))
        for x, y, mask in zip(node.output_tensors, outputs, output_masks, strict=True):
            values[id(x)] = (y, mask)
    outputs = [values[id(x)][0] for x in network.outputs]
    return GraphRun(
        outputs,
        [values[id(x)][1] for x in network.outputs],
        [getattr(y, "_keras_shape", None) for y in outputs],
        calls,
        (inputs, masks),
    )


def _call(network, node, tensors, masks, values):
    layer = node.outbound_layer
    kwargs = {}
    if node.arguments:
        # Tensors given by keyword are recomputed like the inputs.
        kwargs = map_tensors(node.arguments, lambda x: values[id(x)][0] if id(x) in values else x)
    inputs = unpack_singleton(tensors)
    mask = unpack_singleton(masks)
    if "mask" not in kwargs and takes_argument(layer.call, "mask"):
        kwargs["mask"] = mask
    try:
        outputs = to_list(mixed_precision.call(layer, inputs, kwargs), allow_tuple=True)
        mixed_precision.mark(layer, outputs)
        output_mask = layer.compute_mask(inputs, mask)
    except (TypeError, ValueError) as error:
        error.add_note(f"while applying layer '{layer.name}' of model '{network.name}' to {inputs}")
        raise
    if not isinstance(output_mask, (list, tuple)):
        output_masks = [output_mask] * len(outputs)
    else:
        output_masks = (list(output_mask) + [None] * len(outputs))[: len(outputs)]
    if len(outputs) != len(node.output_tensors):
        raise ValueError(
            f"Layer {layer.name} gave {len(node.output_tensors)} outputs when it was first called and "
            f"{len(outputs)} now; the number of outputs must not change."
        )
    return outputs, output_masks


def _mark(layer, inputs, outputs):
    """Gives outputs the shape and learning-phase mark that `Layer.__call__` would give them."""
    if not all(hasattr(x, "_keras_shape") for x in inputs):
        return
    shapes = layer._shape_of_outputs(outputs, [x._keras_shape for x in inputs])
    uses_phase = any(getattr(x, "_uses_learning_phase", False) for x in inputs)
    for x, shape in zip(outputs, list_of_shapes(shapes, len(outputs)), strict=True):
        x._keras_shape = as_shape_tuple(shape)
        x._uses_learning_phase = uses_phase or getattr(x, "_uses_learning_phase", False)


def run_shapes(network, input_shapes):
    """Output shapes of a network for given input shapes.

    Arguments:
        network: the network.
        input_shapes: list of shape tuples.

    Returns:
        list of shape tuples.
    """
    shapes = {id(x): tuple(shape) for x, shape in zip(network.inputs, input_shapes, strict=True)}
    for node in network._graph.nodes:
        if all(id(x) in shapes for x in node.output_tensors):
            continue
        layer = node.outbound_layer
        given = unpack_singleton([shapes[id(x)] for x in node.input_tensors])
        found = list_of_shapes(layer.compute_output_shape(given), len(node.output_tensors))
        for x, shape in zip(node.output_tensors, found, strict=True):
            shapes[id(x)] = as_shape_tuple(shape)
    return [shapes[id(x)] for x in network.outputs]
