"""Custom objects, serialisation of named objects, and small helpers on lists and shapes."""

import inspect

from .func_utils import func_dump, func_load, getargspec, has_arg
from .progbar import Progbar

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "check_for_unexpected_keys",
    "custom_object_scope",
    "deserialize_keras_object",
    "func_dump",
    "func_load",
    "get_custom_objects",
    "getargspec",
    "has_arg",
    "is_all_none",
    "object_list_uid",
    "serialize_keras_object",
    "slice_arrays",
    "to_list",
    "transpose_shape",
    "unpack_singleton",
]

# One dict for the life of the program: `get_custom_objects()` hands out this very object.
_GLOBAL_CUSTOM_OBJECTS = {}


class CustomObjectScope:
    """Makes objects known by name to everything that deserialises, inside a `with` block.

    Arguments:
        *args: dicts of name -> class or function; later ones win.

    Example:
        with CustomObjectScope({'MyLayer': MyLayer}):
            model = load_model('model.h5')
    """

    def __init__(self, *args):
        self.custom_objects = args
        self.backup = None

    def __enter__(self):
        """Adds the objects and remembers what was there before."""
        self.backup = dict(_GLOBAL_CUSTOM_OBJECTS)
        for objects in self.custom_objects:
            if objects:
                _GLOBAL_CUSTOM_OBJECTS.update(objects)
        return self

    def __exit__(self, *args, **kwargs):
        """Puts the table back as it was on entry."""
        _GLOBAL_CUSTOM_OBJECTS.clear()
        _GLOBAL_CUSTOM_OBJECTS.update(self.backup)


def custom_object_scope(*args):
    """Returns a `CustomObjectScope` over the given dicts.

    Arguments:
        *args: dicts of name -> class or function.

    Returns:
        A context manager.
    """
    return CustomObjectScope(*args)


def get_custom_objects():
    """Returns the live table of custom objects; write into it to register names for good.

    Returns:
        The dict of name -> class or function.
    """
    return _GLOBAL_CUSTOM_OBJECTS


def serialize_keras_object(instance):
    """Turns an object into what a config stores for it.

    Arguments:
        instance: None, an object with `get_config`, or a function or class (by its name).

    Returns:
        None, a dict `{'class_name', 'config'}`, or a string.

    Raises:
        ValueError: when the object has neither `get_config` nor a name.
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config") and not inspect.isclass(instance):
        return {"class_name": instance.__class__.__name__, "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return instance.__name__
    raise ValueError(
        "Cannot serialize %r: it has neither a get_config() method nor a __name__; "
        "give it a get_config() or pass a named function." % (instance,)
    )


def _lookup(name, custom_objects, module_objects):
    """The object known under `name`, or None: custom ones first, then registered, then built in."""
    for table in (custom_objects, _GLOBAL_CUSTOM_OBJECTS, module_objects):
        if table and name in table and table[name] is not None:
            return table[name]
    # Files of tf.keras write registered objects as 'package>Name'.
    if isinstance(name, str) and ">" in name:
        return _lookup(name.rsplit(">", 1)[1], custom_objects, module_objects)
    return None


def _unknown(kind, name, tables):
    import difflib

    known = {key for table in tables if table for key, value in table.items() if _is_choice(key, value)}
    close = difflib.get_close_matches(str(name).lower(), {key.lower() for key in known}, n=3, cutoff=0.6)
    close = sorted(key for key in known if key.lower() in close)
    return ValueError(
        f"Unknown {kind}: {name}. "
        + (f"Did you mean {' or '.join(map(repr, close))}? " if close else "")
        + f"If it is your own, pass it by name: custom_objects={{'{name}': ...}}, or register it with "
        f"keras.utils.get_custom_objects()['{name}'] = ..."
    )


def _is_choice(key, value):
    # Module tables also hold imported modules, helpers and private names.
    return (
        callable(value)
        and not key.startswith("_")
        and key not in ("K", "get", "serialize", "deserialize", "serialize_keras_object", "deserialize_keras_object")
    )


def deserialize_keras_object(identifier, module_objects=None, custom_objects=None, printable_module_name="object"):
    """Builds or finds the object that a config or a name stands for.

    Arguments:
        identifier: dict `{'class_name', 'config'}`, or the name of a function or class.
        module_objects: dict of built-in objects by name.
        custom_objects: dict of the caller's objects by name; these win.
        printable_module_name: str, what to call the object in error messages.

    Returns:
        The object: a new instance for a dict, the named function or class itself for a string.

    Raises:
        ValueError: for an unknown name, or an identifier that is neither dict nor string.
    """
    if isinstance(identifier, dict):
        if "class_name" not in identifier or "config" not in identifier:
            raise ValueError(
                "Improper config format for %s: expected a dict with 'class_name' and 'config', got %r"
                % (printable_module_name, identifier)
            )
        return _from_config(identifier, module_objects, custom_objects, printable_module_name)
    if isinstance(identifier, str):
        found = _lookup(identifier, custom_objects, module_objects)
        if found is None:
            tables = (custom_objects, _GLOBAL_CUSTOM_OBJECTS, module_objects)
            raise _unknown(printable_module_name, identifier, tables)
        return found
    raise ValueError(
        "Could not interpret serialized %s: expected a dict or a string, got %r" % (printable_module_name, identifier)
    )


def _from_config(identifier, module_objects, custom_objects, kind):
    name, config = identifier["class_name"], identifier["config"]
    cls = name if inspect.isclass(name) or inspect.isfunction(name) else None
    cls = cls or _lookup(name, custom_objects, module_objects)
    if cls is None:
        raise _unknown(kind, name, (custom_objects, _GLOBAL_CUSTOM_OBJECTS, module_objects))
    if not hasattr(cls, "from_config"):
        if not inspect.isclass(cls) and _wants_more(cls, config):
            # The function is the object: an initializer (shape) -> tensor, say, that was stored by name.
            return cls
        # A function standing for a configured object, such as glorot_uniform(seed=3).
        with CustomObjectScope(custom_objects or {}):
            return cls(**config)
    if has_arg(cls.from_config, "custom_objects"):
        known = dict(_GLOBAL_CUSTOM_OBJECTS)
        known.update(custom_objects or {})
        return cls.from_config(config, custom_objects=known)
    with CustomObjectScope(custom_objects or {}):
        return cls.from_config(config)


def _wants_more(function, config):
    """Whether a function cannot be called with a config alone."""
    try:
        inspect.signature(function).bind(**config)
    except TypeError:
        return not config
    except ValueError:
        # No signature is known: calling it tells.
        return False
    return False


def to_list(x, allow_tuple=False):
    """Wraps `x` in a list unless it is one.

    Arguments:
        x: anything.
        allow_tuple: bool, turn a tuple into a list instead of wrapping it.

    Returns:
        A list.
    """
    if isinstance(x, list):
        return x
    if allow_tuple and isinstance(x, tuple):
        return list(x)
    return [x]


def unpack_singleton(x):
    """Returns the only element of a list of length one, and any other `x` as it is.

    Arguments:
        x: a list or tuple.

    Returns:
        `x[0]` or `x`.
    """
    return x[0] if len(x) == 1 else x


def object_list_uid(object_list):
    """A string that tells one list of objects (by identity) from another.

    Arguments:
        object_list: an object or a list of them.

    Returns:
        str.
    """
    return ", ".join(str(abs(id(x))) for x in to_list(object_list))


def is_all_none(iterable_or_element):
    """Whether there is nothing but None in a list, tuple or single element.

    Arguments:
        iterable_or_element: a list, a tuple or one element.

    Returns:
        bool.
    """
    return all(x is None for x in to_list(iterable_or_element, allow_tuple=True))


def slice_arrays(arrays, start=None, stop=None):
    """Takes the same rows out of an array or of each array of a list.

    Arguments:
        arrays: None, an array, or a list of arrays (entries may be None).
        start: int, the first row, or a list or array of row indices.
        stop: int, the row after the last one; not to be given with indices.

    Returns:
        An array for an array, a list for a list, `[None]` for None.

    Raises:
        ValueError: when `stop` is given together with indices.
    """
    if arrays is None:
        return [None]
    if isinstance(start, list) and stop is not None:
        raise ValueError("slice_arrays: `stop` must be None when `start` is a list of indices, got %r" % (stop,))
    if not hasattr(start, "__len__"):
        rows = slice(start, stop)
    else:
        # HDF5 datasets are indexed by lists, not by arrays.
        rows = start.tolist() if hasattr(start, "tolist") else start
    if isinstance(arrays, list):
        return [None if x is None else x[rows] for x in arrays]
    return arrays[rows]


def transpose_shape(shape, target_format, spatial_axes):
    """Reorders a channels_last shape for another data format.

    Arguments:
        shape: tuple or list in channels_last order.
        target_format: 'channels_first' or 'channels_last'.
        spatial_axes: tuple of the positions of the spatial axes in `shape`.

    Returns:
        A tuple for a tuple, a list for a list.

    Raises:
        ValueError: for an unknown format.
    """
    if target_format == "channels_first":
        # Channels go right before the spatial axes; what is in front (batch, time) stays.
        moved = list(shape[: spatial_axes[0]]) + [shape[-1]] + [shape[i] for i in spatial_axes]
        return tuple(moved) if isinstance(shape, tuple) else moved
    if target_format == "channels_last":
        return shape
    raise ValueError("data_format: expected 'channels_first' or 'channels_last', got %r" % (target_format,))


def check_for_unexpected_keys(name, input_dict, expected_values):
    """Refuses a dict that has keys nobody asked for.

    Arguments:
        name: str, the argument's name for the message.
        input_dict: dict to look at.
        expected_values: the keys that are allowed.

    Raises:
        ValueError: naming the unknown keys and the allowed ones.
    """
    unknown = set(input_dict).difference(expected_values)
    if unknown:
        raise ValueError(
            "%s: no output or input is called %s; the dict's keys must be among %s"
            % (name, sorted(unknown, key=str), list(expected_values))
        )
