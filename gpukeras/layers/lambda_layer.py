"""The Lambda layer: any function of tensors as a layer."""

import types
import warnings

import numpy as np

from .. import backend as K
from ..engine.base_layer import Layer
from ..legacy import interfaces
from ..utils.generic_utils import deserialize_keras_object, func_dump, has_arg, to_list
from ..utils.trust import load_function

__all__ = ["Lambda"]

# A loaded function finds these names, and custom objects, as its globals: `K` and `np` are what functions in
# saved models use most.
_GLOBALS = {"K": K, "np": np, "numpy": np, "__builtins__": __builtins__}

# Functions of the package's own models: these are saved by name and need neither bytecode nor custom objects.
NAMED_FUNCTIONS = {"replica_rows": K.replica_rows}

# Keys that tf.keras adds to the config.
_FOREIGN_KEYS = ("module", "output_shape_module", "function_module", "mask_module")


class Lambda(Layer):
    """Applies a function.

    Arguments:
        function: takes the input tensor (or list of them) first; if it has a `mask` argument, it gets the mask.
        output_shape: None to infer it; a tuple without the batch axis; or a function of the input shape that
            returns the whole output shape.
        mask: None, a mask, or a function of (inputs, mask) that returns one.
        arguments: dict of keyword arguments for the function.

    A model saves a Python function as bytecode, which only the same version of Python reads; a function that is to
    live longer is better registered as a custom object or written as a layer.
    """

    @interfaces.legacy_lambda_support
    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: `function` must be a function of the input tensor, got {function!r}")
        if not (output_shape is None or isinstance(output_shape, (tuple, list)) or callable(output_shape)):
            raise TypeError(f"In Lambda, `output_shape` must be a list, a tuple, or a function, got {output_shape!r}")
        self.function = function
        self.arguments = arguments if arguments else {}
        self.mask = mask
        if mask is not None:
            self.supports_masking = True
        self._output_shape = tuple(output_shape) if isinstance(output_shape, list) else output_shape
        self._input_dtypes = None

    def compute_output_shape(self, input_shape):
        """Shape of the output: as given, or what the function does to placeholders.

        Arguments:
            input_shape: shape tuple, or a list of them.

        Returns:
            A shape tuple, or a list of them.

        Raises:
            ValueError: when the `output_shape` function returns no shape.
        """
        if self._output_shape is None:
            return self._inferred_shape(input_shape)
        if isinstance(self._output_shape, tuple):
            first = input_shape[0] if isinstance(input_shape, list) else input_shape
            return (first[0] if first else None, *self._output_shape)
        shape = self._output_shape(input_shape)
        if not isinstance(shape, (list, tuple)):
            raise ValueError(
                f"Lambda {self.name!r}: `output_shape` function must return a tuple or a list of tuples, got {shape!r}"
            )
        return shape if isinstance(shape, list) else tuple(shape)

    def _inferred_shape(self, input_shape):
        several = isinstance(input_shape, list)
        shapes = input_shape if several else [input_shape]
        dtypes = self._input_dtypes or []
        if len(dtypes) != len(shapes):
            dtypes = [None] * len(shapes)
        stand_ins = [K.placeholder(shape=s, dtype=d) for s, d in zip(shapes, dtypes)]
        output = self.call(stand_ins if several else stand_ins[0])
        if isinstance(output, list):
            return [K.int_shape(x) for x in output]
        return K.int_shape(output)

    def call(self, inputs, mask=None):
        self._input_dtypes = [K.dtype(x) for x in to_list(inputs)]
        arguments = self.arguments
        if has_arg(self.function, "mask"):
            arguments = dict(arguments, mask=mask)
        return self.function(inputs, **arguments)

    def compute_mask(self, inputs, mask=None):
        if callable(self.mask):
            return self.mask(inputs, mask)
        return self.mask

    def get_config(self):
        function, function_type = _dump(self.function)
        if callable(self._output_shape):
            output_shape, output_shape_type = _dump(self._output_shape)
        else:
            output_shape, output_shape_type = self._output_shape, "raw"
        # 2.2.4 forgets the mask, and refuses files that have one: only layers that need the keys get them.
        mask = dict(zip(("mask", "mask_type"), _dump(self.mask))) if callable(self.mask) else {}
        return {
            **super().get_config(),
            "function": function,
            "function_type": function_type,
            "output_shape": output_shape,
            "output_shape_type": output_shape_type,
            "arguments": self.arguments,
            **mask,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds a Lambda from what `get_config` returned.

        Arguments:
            config: dict.
            custom_objects: dict of name -> function; also visible to bytecode as global names. What is found
                under the layer's name takes the place of the stored bytecode, and under `<name>/mask` that
                of the mask's.

        Returns:
            A new layer.

        Raises:
            TypeError: for a function type that is none.
            ValueError: for bytecode that this user did not write, or that is of another Python.
        """
        config = {k: v for k, v in config.items() if k not in _FOREIGN_KEYS}
        for part, kind in (("function", "function"), ("output_shape", "raw"), ("mask", "raw")):
            kind = config.pop(part + "_type", kind)
            if part in config:
                config[part] = _load(config, part, kind, custom_objects)
        # JSON turned arrays into {'type': 'ndarray', 'value': [...]}.
        config["arguments"] = {k: _as_array(v) for k, v in (config.get("arguments") or {}).items()}
        return cls(**config)


def _dump(function):
    # The package's own functions go in by name, other functions and lambdas as bytecode, other callables by name.
    name = getattr(function, "__name__", None)
    if name in NAMED_FUNCTIONS and NAMED_FUNCTIONS[name] is function:
        return name, "function"
    if isinstance(function, types.FunctionType):
        return func_dump(function), "lambda"
    if not hasattr(function, "__name__"):
        warnings.warn(
            f"Lambda: {function!r} has neither bytecode nor a name and is saved under its class name; pass "
            "it in custom_objects under that name to load it.",
            stacklevel=4,
        )
        return type(function).__name__, "function"
    return function.__name__, "function"


def _load(config, part, kind, custom_objects):
    """One of the functions of a config, or the plain value in its place."""
    stored = config[part]
    if kind == "raw":
        return stored
    custom = custom_objects or {}
    if kind == "function":
        return deserialize_keras_object(
            stored, NAMED_FUNCTIONS, custom_objects=custom_objects, printable_module_name=f"{part} in Lambda layer"
        )
    if kind != "lambda":
        raise TypeError(f"Unknown function type of `{part}` in Lambda layer: {kind!r}; expected 'function' or 'lambda'")
    name = str(config.get("name", ""))
    given = custom.get(name if part == "function" else f"{name}/{part}")
    if callable(given):
        return given
    if part == "output_shape" and config["function"] is custom.get(name):
        # The given function tells its own shape.
        return None
    if isinstance(stored, dict):
        # tf.keras: {'class_name': '__lambda__', 'config': {'code': ..., 'defaults': ..., 'closure': ...}}
        parts = stored.get("config", {})
        stored = (parts.get("code"), parts.get("defaults"), parts.get("closure"))
    supply = name if part != "mask" else f"{name}/mask"
    return load_function(stored, {**_GLOBALS, **custom}, name, supply)


def _as_array(value):
    if isinstance(value, dict) and value.get("type") == "ndarray":
        return np.array(value["value"])
    return value
