"""Configs as text: JSON with NumPy values in it, and YAML that can be loaded without running code."""

import json

import numpy as np


def json_value(obj):
    """Turns what JSON does not know into what it does: the `default` of `json.dumps`.

    Arguments:
        obj: object with `get_config`, NumPy array or scalar, function, class, dtype.

    Returns:
        A dict, list, number or string.

    Raises:
        TypeError: for anything else.
    """
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        return {"class_name": obj.__class__.__name__, "config": obj.get_config()}
    if isinstance(obj, np.ndarray):
        return {"type": "ndarray", "value": obj.tolist(), "dtype": obj.dtype.name}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.dtype):
        return obj.name
    if hasattr(obj, "__name__"):
        return obj.__name__
    raise TypeError(
        "Cannot write %r (%s) into a model's config: use numbers, strings, lists, NumPy arrays, named functions or "
        "objects with get_config()" % (obj, type(obj).__name__)
    )


def is_stored_array(value):
    """Whether a part of a config stands for a NumPy array.

    Arguments:
        value: anything.

    Returns:
        bool.
    """
    return isinstance(value, dict) and value.get("type") == "ndarray" and "value" in value


def stored_array(value):
    """Rebuilds the array that `json_value` wrote.

    Arguments:
        value: dict with `value` and perhaps `dtype`.

    Returns:
        NumPy array.
    """
    return np.array(value["value"], dtype=value.get("dtype"))


def dump_json(config, **kwargs):
    """Writes a config as JSON.

    Arguments:
        config: dict.
        **kwargs: passed on to `json.dumps`.

    Returns:
        str.
    """
    kwargs.setdefault("default", json_value)
    return json.dumps(config, **kwargs)


def dump_yaml(config, **kwargs):
    """Writes a config as YAML, in plain values only.

    Arguments:
        config: dict.
        **kwargs: passed on to `yaml.dump`.

    Returns:
        str.
    """
    import yaml

    # By way of JSON: tuples become lists, and every value is one that a safe loader takes.
    plain = json.loads(dump_json(config))
    return yaml.dump(plain, Dumper=yaml.SafeDumper, **kwargs)


def load_yaml(text):
    """Reads a config from YAML without running code.

    Beyond plain values it takes the tuples and NumPy values that Keras 2's own files hold; any other Python
    tag is refused.

    Arguments:
        text: str.

    Returns:
        The config.

    Raises:
        ValueError: for text that is not YAML, or that asks for other Python objects.
    """
    import yaml

    try:
        return yaml.load(text, Loader=_loader(yaml))
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise ValueError("This is not a model's config in (safe) YAML: %s" % error) from error


_LOADER = []


def _loader(yaml):
    """SafeLoader plus tuples and the tags of a NumPy array; built once, as yaml is imported late."""
    if _LOADER:
        return _LOADER[0]

    class ConfigLoader(yaml.SafeLoader):
        pass

    def as_tuple(loader, node):
        return tuple(loader.construct_sequence(node, deep=True))

    def apply_parts(loader, node):
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True), None
        parts = loader.construct_mapping(node, deep=True)
        return parts.get("args", []), parts.get("state")

    def as_array(loader, node):
        _, state = apply_parts(loader, node)
        _, shape, dtype, fortran, raw = state
        flat = np.frombuffer(raw, dtype=_plain(dtype))
        return flat.reshape(shape, order="F" if fortran else "C").copy()

    def as_dtype(loader, node):
        args, state = apply_parts(loader, node)
        dtype = np.dtype(str(args[0]))
        return dtype.newbyteorder(state[1]) if state and state[1] in "<>" else dtype

    def as_scalar(loader, node):
        (dtype, raw), _ = apply_parts(loader, node)
        return np.frombuffer(raw, dtype=_plain(dtype))[0].item()

    tag = "tag:yaml.org,2002:python/"
    ConfigLoader.add_constructor(tag + "tuple", as_tuple)
    ConfigLoader.add_constructor(tag + "name:numpy.ndarray", lambda loader, node: None)
    ConfigLoader.add_constructor(tag + "object/apply:numpy.dtype", as_dtype)
    ConfigLoader.add_constructor(tag + "unicode", lambda loader, node: loader.construct_scalar(node))
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        ConfigLoader.add_constructor(tag + "object/apply:%s._reconstruct" % module, as_array)
        ConfigLoader.add_constructor(tag + "object/apply:%s.scalar" % module, as_scalar)
    _LOADER.append(ConfigLoader)
    return ConfigLoader


def _plain(dtype):
    dtype = np.dtype(dtype)
    if dtype.hasobject:
        raise ValueError("A config may hold arrays of numbers, not of Python objects")
    return dtype
