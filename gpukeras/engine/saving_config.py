"""Configs of other Keras versions, rewritten as Keras 2.2 writes them.

One pass, run whenever a model's config is loaded. It knows the spellings of tf.keras 2.x (class `Functional`,
`GlorotUniform`, `L2`, dtype policies, `registered_name`, ...) and of Keras 3's HDF5 files (`batch_shape`, nodes as
`args`/`kwargs`); a config of Keras 2.0 to 2.2 passes through unchanged.
"""

import inspect

from ..utils.generic_utils import get_custom_objects
from ..utils.serial import is_stored_array, stored_array
from .saving_nodes import MODEL_CLASSES, normalize_graph

# Variance scaling under the names it has in tf.keras: scale, mode, distribution.
_SCALINGS = {
    "GlorotUniform": (1.0, "fan_avg", "uniform"),
    "GlorotNormal": (1.0, "fan_avg", "normal"),
    "HeUniform": (2.0, "fan_in", "uniform"),
    "HeNormal": (2.0, "fan_in", "normal"),
    "LecunUniform": (1.0, "fan_in", "uniform"),
    "LecunNormal": (1.0, "fan_in", "normal"),
}
_INITIALIZERS = {
    "Zeros": (),
    "Ones": (),
    "Constant": ("value",),
    "RandomNormal": ("mean", "stddev", "seed"),
    "RandomUniform": ("minval", "maxval", "seed"),
    "TruncatedNormal": ("mean", "stddev", "seed"),
    "VarianceScaling": ("scale", "mode", "distribution", "seed"),
    "Orthogonal": ("gain", "seed"),
    "Identity": ("gain",),
}
_RENAMED_KEYS = {
    "InputLayer": {"batch_shape": "batch_input_shape"},
    "LeakyReLU": {"negative_slope": "alpha"},
}
ANY = object()
# Keys that other versions write and Keras 2.2 has not: the values under which they mean what 2.2 does anyway.
_FOREIGN_KEYS = {
    "activity_regularizer": (None,),
    "adjustment": (None,),
    "autocast": ANY,
    "backward_layer": ANY,
    "build_config": ANY,
    "depth_multiplier": (1,),
    "dilation_rate": (1, [1], [1, 1], [1, 1, 1]),
    "dynamic": (False,),
    "experimental_autocast": ANY,
    "fused": ANY,
    "groups": (1,),
    "implementation": ANY,
    "interpolation": ("nearest",),
    "keepdims": (False,),
    "kernel_constraint": ANY,
    "kernel_initializer": ANY,
    "kernel_regularizer": ANY,
    "lora_rank": (None,),
    "lora_alpha": ANY,
    "module": ANY,
    "function_module": ANY,
    "mask_module": ANY,
    "output_shape_module": ANY,
    "noise_shape": (None,),
    "optional": (False,),
    "output_padding": (None,),
    "quantization_config": (None,),
    "ragged": (False, None),
    "renorm": (False,),
    "renorm_clipping": ANY,
    "renorm_momentum": ANY,
    "reset_after": (False,),
    "seed": ANY,
    "sparse": (False,),
    "synchronized": (False,),
    "time_major": (False,),
    "use_legacy_config": ANY,
    "virtual_batch_size": (None,),
    "zero_output_for_mask": ANY,
}
_OUTER_KEYS = ("module", "registered_name", "build_config", "compile_config", "shared_object_id")


def normalize_config(config, custom_objects=None):
    """Rewrites a config of any Keras version as one of Keras 2.2; the argument is left as it is.

    Arguments:
        config: dict, list or plain value read from a file.
        custom_objects: dict of the caller's objects; what they name is left alone.

    Returns:
        The config.

    Raises:
        ValueError: when a layer uses a feature of a later version that has no counterpart.
    """
    known = dict(get_custom_objects())
    known.update(custom_objects or {})
    return _Normalizer(known).visit(config)


class _Normalizer:
    """Walks a config; `custom` holds the objects by name that are not ours to rewrite."""

    def __init__(self, custom):
        self.custom = custom

    def visit(self, value):
        if isinstance(value, list | tuple):
            return type(value)(self.visit(v) for v in value)
        if not isinstance(value, dict):
            return value
        if "class_name" in value and ("config" in value or "items" in value):
            return self.object(value)
        return {k: self.visit(v) for k, v in value.items()}

    def object(self, value):
        """Rewrites a dict that stands for an object."""
        name = value["class_name"]
        if isinstance(name, str) and ">" in name and name not in self.custom:
            name = name.rsplit(">", 1)[1]
        config = value.get("config")
        special = self._special(name, value, config)
        if special is not None:
            return special[0]
        config = self.visit(config)
        if name in self.custom or not isinstance(config, dict):
            return self._outer(value, name, config)
        name, config = self._initializer_or_regularizer(name, config)
        if name in MODEL_CLASSES:
            if name == "Functional":
                name = "Model"
            config = normalize_graph(config)
        else:
            config = self._layer(name, config)
        return self._outer(value, name, config)

    @staticmethod
    def _outer(value, name, config):
        out = {k: v for k, v in value.items() if k not in _OUTER_KEYS}
        out["class_name"], out["config"] = name, config
        return out

    def _special(self, name, value, config):
        """Plain values that later versions wrap into objects: a one-element tuple, or None."""
        if name in ("DTypePolicy", "Policy", "PolicyV1", "FloatDTypePolicy"):
            return (_dtype(config.get("name")),)
        if name == "function" and not isinstance(config, dict):
            return (config,)
        if name == "__tuple__":
            return (tuple(self.visit(v) for v in value["items"]),)
        if name == "TensorShape":
            return (list(value.get("items", config)),)
        if name == "__lambda__":
            return ([config["code"], config.get("defaults"), config.get("closure")],)
        if name in ("__numpy__", "__tensor__"):
            return (stored_array(config),)
        return None

    def _initializer_or_regularizer(self, name, config):
        if name in _SCALINGS:
            scale, mode, distribution = _SCALINGS[name]
            config = {"scale": scale, "mode": mode, "distribution": distribution, "seed": config.get("seed")}
            return "VarianceScaling", config
        if name in ("L1", "L2"):
            return "L1L2", {"l1": config.get("l1", 0.0), "l2": config.get("l2", 0.0)}
        if name == "IdentityInitializer":
            name = "Identity"
        if name in _INITIALIZERS:
            config = {k: v for k, v in config.items() if k in _INITIALIZERS[name]}
            if is_stored_array(config.get("value")):
                config["value"] = stored_array(config["value"])
            if config.get("distribution") in ("truncated_normal", "untruncated_normal"):
                config["distribution"] = "normal"
        return name, config

    def _layer(self, name, config):
        cls = _builtin_layer(name)
        if cls is None:
            return config
        config = {_RENAMED_KEYS.get(name, {}).get(k, k): v for k, v in config.items()}
        if "dtype" in config:
            config["dtype"] = _dtype(config["dtype"])
        if name == "BatchNormalization" and isinstance(config.get("axis"), list | tuple) and len(config["axis"]) == 1:
            config["axis"] = config["axis"][0]
        if name in ("ELU", "LeakyReLU", "ThresholdedReLU"):
            # Keras 2.0 keeps the slope as an array.
            config = {k: stored_array(v).item() if is_stored_array(v) else v for k, v in config.items()}
        if name == "Lambda":
            config = self._lambda(config)
        return _without_foreign_keys(name, config, cls)

    def _lambda(self, config):
        config = dict(config)
        arguments = config.get("arguments") or {}
        config["arguments"] = {k: stored_array(v) if is_stored_array(v) else v for k, v in arguments.items()}
        for part in ("function", "output_shape", "mask"):
            # Keras 3 wraps functions and leaves their kind to the wrapping.
            if part + "_type" not in config and part in config:
                code = config[part]
                is_code = isinstance(code, list) and len(code) == 3 and isinstance(code[0], str)
                kind = "lambda" if is_code else "function" if part == "function" else "raw"
                config[part + "_type"] = kind
        config.setdefault("output_shape", None)
        config.setdefault("output_shape_type", "raw")
        return config


def _dtype(dtype):
    """Name of the dtype of a layer's weights, from a name or a policy's name."""
    if isinstance(dtype, dict):
        dtype = (dtype.get("config") or {}).get("name")
    if isinstance(dtype, str) and (dtype.startswith("mixed_") or dtype == "bfloat16"):
        return "float32"
    return dtype


def _builtin_layer(name):
    from .. import layers

    cls = getattr(layers, name, None) if isinstance(name, str) else None
    return cls if inspect.isclass(cls) else None


def accepted_keywords(cls):
    """Keywords that a class's constructor takes, those it passes on to its bases included.

    Arguments:
        cls: class.

    Returns:
        Set of str, or None when everything may be taken.
    """
    names = set()
    for base in inspect.getmro(cls):
        init = base.__dict__.get("__init__")
        if init is None or base is object:
            continue
        init = getattr(init, "_original_function", init)
        parameters = inspect.signature(init).parameters.values()
        names.update(p.name for p in parameters)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    # What every layer takes by way of **kwargs.
    names |= {"batch_input_shape", "input_shape", "batch_size", "dtype", "name", "trainable", "weights", "input_dtype"}
    return names


def _without_foreign_keys(name, config, cls):
    taken = accepted_keywords(cls)
    kept = {}
    for key, value in config.items():
        if key in taken or key not in _FOREIGN_KEYS:
            kept[key] = value
            continue
        harmless = _FOREIGN_KEYS[key]
        plain = list(value) if isinstance(value, tuple) else value
        if harmless is not ANY and plain not in harmless:
            raise ValueError(
                "Layer '%s' (%s) was saved by a later version of Keras with %s=%r, which this %s has not; expected %s"
                % (config.get("name"), name, key, value, name, " or ".join(repr(h) for h in harmless))
            )
    return kept
