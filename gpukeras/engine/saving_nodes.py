"""Graphs in configs: nodes and inputs of tf.keras and Keras 3 in the form of Keras 2.2."""

# Class names under which a config holds a graph of layers.
MODEL_CLASSES = ("Model", "Functional", "Sequential", "Network")
_TENSOR = "__keras_tensor__"


def normalize_graph(config):
    """Rewrites the config of a (functional or sequential) model.

    Arguments:
        config: dict whose layers are normalised already.

    Returns:
        dict with `name`, `layers` and, for a functional model, `input_layers` and `output_layers`.
    """
    if not isinstance(config, dict) or "layers" not in config:
        return config
    if "input_layers" not in config:
        return _sequential(config)
    config = {k: v for k, v in config.items() if k not in ("trainable", "dtype")}
    for key in ("input_layers", "output_layers"):
        config[key] = _tensor_list(config[key])
    config["layers"] = [_named(layer) for layer in config["layers"]]
    if _has_keras3_nodes(config["layers"]):
        _convert_keras3_nodes(config)
    return config


def _named(layer):
    # The layer's name stands outside its config as well, since Keras 2.0.
    return layer if "name" in layer else dict(layer, name=layer["config"]["name"])


def _sequential(config):
    shape = config.get("build_input_shape")
    config = {k: v for k, v in config.items() if k in ("name", "layers")}
    layers = config["layers"]
    first = layers[0] if layers else None
    if shape and first and first["class_name"] not in MODEL_CLASSES + ("InputLayer",):
        inner = first.get("config", {})
        if "batch_input_shape" not in inner and "batch_shape" not in inner:
            config["layers"] = [dict(first, config=dict(inner, batch_input_shape=list(shape)))] + list(layers[1:])
    return config


def _tensor_list(value):
    """`[['a', 0, 0], ...]` from that, from a single `['a', 0, 0]`, or from a dict of them."""
    if isinstance(value, dict):
        value = list(value.values())
    if len(value) == 3 and isinstance(value[0], str):
        return [list(value)]
    return [list(v) for v in value]


def _has_keras3_nodes(layers):
    return any(isinstance(node, dict) for layer in layers for node in layer.get("inbound_nodes", ()))


def _is_tensor(value):
    return isinstance(value, dict) and value.get("class_name") == _TENSOR


def _convert_keras3_nodes(config):
    # A model that is used as a layer has a node 0 of its own in Keras 2 (its own inputs), none in Keras 3.
    models = {layer["name"] for layer in config["layers"] if layer["class_name"] in MODEL_CLASSES}

    def history(tensor):
        name, node, index = tensor["config"]["keras_history"]
        return [name, node + 1 if name in models else node, index]

    for layer in config["layers"]:
        layer["inbound_nodes"] = [_convert_node(layer["name"], n, history) for n in layer.get("inbound_nodes", ())]
    for key in ("input_layers", "output_layers"):
        config[key] = [[n, i + 1 if n in models else i, t] for n, i, t in config[key]]
    config["layers"] = _reachable(config)


def _convert_node(name, node, history):
    """One call of a layer: tensors in, constants as keywords; masks are worked out again."""
    tensors, kwargs = [], {}
    for value in node["args"]:
        if _is_tensor(value):
            tensors.append(value)
        elif isinstance(value, list | tuple) and value and all(_is_tensor(v) for v in value):
            tensors += value
        elif value is not None:
            raise ValueError("Layer '%s' was called with %r by position, which cannot be carried over" % (name, value))
    for key, value in node.get("kwargs", {}).items():
        if key == "initial_state" and value:
            tensors += value if isinstance(value, list | tuple) else [value]
        elif key not in ("mask", "training") and value is not None:
            kwargs[key] = history(value) if _is_tensor(value) else value
    return [history(t) + [dict(kwargs) if i == 0 else {}] for i, t in enumerate(tensors)]


def _reachable(config):
    """The layers that outputs or inputs need: operations that only made masks fall away."""
    by_name = {layer["name"]: layer for layer in config["layers"]}
    wanted, todo = set(), [t[0] for t in config["output_layers"] + config["input_layers"]]
    while todo:
        name = todo.pop()
        if name in wanted or name not in by_name:
            continue
        wanted.add(name)
        for node in by_name[name]["inbound_nodes"]:
            for tensor in node:
                todo.append(tensor[0])
                todo += [v[0] for v in tensor[3].values() if isinstance(v, list) and v and v[0] in by_name]
    return [layer for layer in config["layers"] if layer["name"] in wanted]
