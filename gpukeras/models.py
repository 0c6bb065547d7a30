"""Models: the classes, cloning, and loading."""

from . import backend as K
from .engine.input_layer import Input, InputLayer
from .engine.node import map_tensors
from .engine.saving import load_model, model_from_config, model_from_json, model_from_yaml, save_model
from .engine.sequential import Sequential
from .engine.training import Model
from .utils.generic_utils import to_list, unpack_singleton

__all__ = [
    "Input",
    "InputLayer",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "save_model",
]


def clone_model(model, input_tensors=None):
    """Makes a model like another one, with new layers and new weights.

    Arguments:
        model: a Model or Sequential, not a subclass that computes in `call`.
        input_tensors: tensor or list of tensors to build the new model on; new placeholders by default.

    Returns:
        A Model, or a Sequential for a Sequential.

    Raises:
        ValueError: when it is not a model, or the number of tensors differs from that of its inputs.
        NotImplementedError: for a subclass that computes in `call`.
    """
    if not isinstance(model, Model):
        raise ValueError(f"Expected `model` argument to be a `Model` instance, got {model!r}")
    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors)
    if not model._is_graph_network:
        raise NotImplementedError(
            f"Model subclass {type(model).__name__} cannot be cloned: what it computes is the code of its `call` "
            "method. Make "
            "another instance of the class instead."
        )
    return _clone_network(model, input_tensors)


def _clone_network(model, input_tensors):
    if input_tensors is None:
        inputs = [_same_input(layer) for layer in model._input_layers]
    else:
        tensors = to_list(input_tensors, allow_tuple=True)
        if len(tensors) != len(model.inputs):
            raise ValueError(f"Model '{model.name}' has {len(model.inputs)} inputs, got {len(tensors)} `input_tensors`")
        inputs = [
            _as_input(x, "input_wrapper_for_" + layer.name)
            for x, layer in zip(tensors, model._input_layers, strict=True)
        ]
    values = {id(x): y for x, y in zip(model.inputs, inputs, strict=True)}
    clones = {}
    for node in model._graph.nodes:
        if all(id(x) in values for x in node.output_tensors):
            continue
        layer = node.outbound_layer
        if id(layer) not in clones:
            clones[id(layer)] = _clone_layer(layer)
        given = unpack_singleton([values[id(x)] for x in node.input_tensors])
        kwargs = map_tensors(node.call_arguments(), lambda x: values.get(id(x), x))
        outputs = clones[id(layer)](given, **kwargs)
        values.update(zip(map(id, node.output_tensors), to_list(outputs), strict=True))
    return Model(inputs, [values[id(x)] for x in model.outputs], name=model.name)


def _clone_sequential(model, input_tensors):
    clones = {}
    for layer in model._stack:
        if id(layer) not in clones:
            clones[id(layer)] = _clone_layer(layer)
    layers = [clones[id(layer)] for layer in model._stack]
    if input_tensors is None:
        clone = Sequential(layers=layers, name=model.name)
        if model._build_input_shape:
            clone.build(model._build_input_shape)
        return clone
    tensors = to_list(input_tensors, allow_tuple=True)
    if len(tensors) != 1:
        raise ValueError(
            f"A `Sequential` model has one input, so its clone takes at most one tensor in `input_tensors`, got "
            f"{len(tensors)}."
        )
    x = _as_input(tensors[0], "input_wrapper_for_" + str(getattr(tensors[0], "name", "x")).split(":")[0])
    return Sequential(layers=[x._keras_history[0], *layers], name=model.name)


def _clone_layer(layer):
    # Models are cloned, not made from their config: their custom layers need no table of names then.
    if isinstance(layer, Model) and layer._is_graph_network:
        return clone_model(layer)
    return type(layer).from_config(layer.get_config())


def _same_input(layer):
    return Input(batch_shape=layer.batch_input_shape, dtype=layer.dtype, sparse=layer.sparse, name=layer.name)


def _as_input(tensor, name):
    """A Keras tensor that an InputLayer made, wrapping `tensor` unless it is one."""
    if K.is_keras_tensor(tensor):
        if isinstance(tensor._keras_history[0], InputLayer):
            return tensor
        # Its history is another network's; the input needs a tensor of its own.
        tensor = K.identity(tensor)
    return Input(tensor=tensor, name=name)
