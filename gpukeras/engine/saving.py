"""Saving and loading of models: Keras' HDF5 files, JSON, YAML and pickles.

A file holds the attributes `model_config` and `training_config` (JSON), the group `model_weights` and the group
`optimizer_weights`. See `saving_h5` for weights, `saving_config` for files of other Keras versions.
"""

import json
import os
import pickle
import re
import warnings

import numpy as np

from .. import backend as K
from ..utils.generic_utils import get_custom_objects
from ..utils.io_utils import HDF5_OBJECT_HEADER_LIMIT, H5Dict, h5dict, replacing
from ..utils.serial import dump_json, load_yaml
from ..utils.trust import loading, remember
from .saving_config import normalize_config
from .saving_convert import preprocess_weights_for_loading
from .saving_h5 import (
    FORMAT_BACKEND,
    FORMAT_VERSION,
    is_path,
    load_attributes_from_hdf5_group,
    load_weights,
    load_weights_from_hdf5_group,
    load_weights_from_hdf5_group_by_name,
    may_write,
    open_for_reading,
    save_attributes_to_hdf5_group,
    save_weights,
    save_weights_to_hdf5_group,
    saved_weight_names,
    text,
    unique_names,
)
from .saving_training import arrange_optimizer_weights, normalize_training_config, parameter_names

__all__ = [
    "HDF5_OBJECT_HEADER_LIMIT",
    "h5dict",
    "load_attributes_from_hdf5_group",
    "load_model",
    "load_weights",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "pickle_model",
    "preprocess_weights_for_loading",
    "save_attributes_to_hdf5_group",
    "save_model",
    "save_weights",
    "save_weights_to_hdf5_group",
    "unpickle_model",
]

# What a model file consists of; all of it is replaced when a model is saved into an open group.
_PARTS = ("model_config", "training_config", "model_weights", "optimizer_weights", "keras_version", "backend")


def save_model(model, filepath, overwrite=True, include_optimizer=True):
    """Saves a model: architecture, weights, training configuration and optimizer state.

    A file is replaced as a whole at the end: a save that is interrupted leaves the old file as it was.

    Arguments:
        model: the model.
        filepath: str or path object; or an open h5py file or group.
        overwrite: bool, replace an existing file without asking.
        include_optimizer: bool, save the training configuration and the optimizer's state as well.
    """
    if not is_path(filepath):
        f = filepath if isinstance(filepath, H5Dict) else H5Dict(filepath)
        _clear(f)
        _serialize_model(model, f, include_optimizer)
        f.flush()
        return
    if not may_write(filepath, overwrite):
        return
    with replacing(filepath) as part:
        f = H5Dict(part, mode="w")
        try:
            _serialize_model(model, f, include_optimizer)
        finally:
            f.close()


def _clear(f):
    """Removes an older model from an open group and leaves what else is in there."""
    for part in _PARTS:
        for place in (f.data, getattr(f.data, "attrs", {})):
            if part in place:
                del place[part]


def _serialize_model(model, f, include_optimizer=True):
    config = {"class_name": model.__class__.__name__, "config": model.get_config()}
    f["keras_version"] = FORMAT_VERSION.encode("utf8")
    f["backend"] = FORMAT_BACKEND.encode("utf8")
    f["model_config"] = dump_json(config).encode("utf-8")
    remember(config)
    save_weights_to_hdf5_group(f["model_weights"], model.layers)
    if include_optimizer and getattr(model, "optimizer", None) is not None:
        _serialize_training(model, f)


def _serialize_training(model, f):
    optimizer = model.optimizer
    if optimizer.__class__.__name__ == "TFOptimizer":
        warnings.warn(
            "The optimizer wraps one of TensorFlow's and cannot be saved: compile the model again after loading it",
            stacklevel=4,
        )
        return
    training = {
        "optimizer_config": {"class_name": optimizer.__class__.__name__, "config": optimizer.get_config()},
        "loss": model.loss,
        "metrics": model.metrics,
        "sample_weight_mode": model.sample_weight_mode,
        "loss_weights": model.loss_weights,
    }
    weighted = getattr(model, "weighted_metrics", None)
    if weighted:
        training["weighted_metrics"] = weighted
    f["training_config"] = dump_json(training).encode("utf-8")
    variables = getattr(optimizer, "weights", None)
    if variables:
        group = f["optimizer_weights"]
        names = unique_names(variables)
        group["weight_names"] = [n.encode("utf8") for n in names]
        for name, value in zip(names, K.batch_get_value(variables), strict=True):
            group[name] = np.asarray(value)


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """Loads a model that `save_model`, Keras 2 or tf.keras wrote.

    Arguments:
        filepath: str or path object; or an open h5py file or group, or a dict-like `h5dict`.
        custom_objects: dict of name -> class or function: the model's own layers, losses, metrics, ...; also
            layer name -> function for Lambda layers whose stored bytecode is not to be used.
        compile: bool, compile the model as it was, with its optimizer's state.
        safe_mode: bool, refuse bytecode (of Lambda layers) that this user did not write.

    Returns:
        The model, compiled if it was.

    Raises:
        OSError: for a missing, truncated or foreign file.
        ValueError: for a file without a model, unknown layers, or untrusted bytecode.
    """
    if is_path(filepath):
        f = open_for_reading(filepath)
        try:
            return _deserialize_model(f, os.fsdecode(filepath), custom_objects, compile, safe_mode)
        finally:
            f.close()
    f = filepath if isinstance(filepath, H5Dict) else H5Dict(filepath, mode="r")
    return _deserialize_model(f, "the open file", custom_objects, compile, safe_mode)


def _deserialize_model(f, source, custom_objects, compile, safe_mode):
    config = text(f.get("model_config"))
    if config is None:
        hint = ""
        if "layer_names" in f:
            hint = ": it holds weights only; build the model and call its load_weights()"
        raise ValueError("No model in %s%s" % (source, hint))
    model = _build(_parse(config, source), custom_objects, safe_mode, source)
    if "model_weights" not in f:
        raise ValueError("No weights in %s (no group `model_weights`)" % source)
    load_weights_from_hdf5_group(f["model_weights"], model.layers)
    if compile:
        training = text(f.get("training_config"))
        if training is None:
            warnings.warn(
                "%s holds no training configuration: the model was never compiled, or was saved without it. "
                "Compile it before training." % source,
                stacklevel=3,
            )
        else:
            try:
                _compile_as_saved(model, _parse(training, source), f, custom_objects, source)
            except (TypeError, ValueError) as error:
                error.add_note("The model without its training configuration loads with compile=False.")
                raise
    return model


def _parse(config, source):
    try:
        return json.loads(config)
    except ValueError as error:
        raise ValueError("The configuration in %s is not valid JSON: %s" % (source, error)) from error


def _build(config, custom_objects, safe_mode, source):
    from ..layers import deserialize

    if isinstance(config, list) or not isinstance(config, dict):
        raise TypeError(
            "A model's config is a dict with 'class_name' and 'config', got a %s; for a list of layers use "
            "Sequential.from_config" % type(config).__name__
        )
    config = normalize_config(config, custom_objects)
    with loading(source, safe_mode):
        return deserialize(config, custom_objects=custom_objects)


def _compile_as_saved(model, config, f, custom_objects, source):
    from .. import optimizers

    custom = dict(get_custom_objects())
    custom.update(custom_objects or {})
    training = normalize_training_config(config, model.output_names, custom_objects)
    optimizer = optimizers.deserialize(training["optimizer_config"], custom_objects=custom_objects)
    given = {
        "loss": _resolve(training["loss"], custom),
        "metrics": _resolve(training["metrics"], custom),
        "loss_weights": training["loss_weights"],
        "sample_weight_mode": training["sample_weight_mode"],
    }
    if training["weighted_metrics"]:
        given["weighted_metrics"] = _resolve(training["weighted_metrics"], custom)
    model.compile(optimizer=optimizer, **given)
    if "optimizer_weights" in f:
        _restore_optimizer(model, f, source)


def _resolve(value, custom):
    """Puts custom objects in place of their names; configs of custom classes become instances."""
    if isinstance(value, list):
        return [_resolve(v, custom) for v in value]
    if isinstance(value, dict):
        if "class_name" in value:
            name = value["class_name"].rsplit(">", 1)[-1]
            cls = custom.get(value["class_name"], custom.get(name))
            if cls is None:
                return value
            config = value.get("config") or {}
            return cls.from_config(config) if hasattr(cls, "from_config") else cls(**config)
        return {k: _resolve(v, custom) for k, v in value.items()}
    if isinstance(value, str):
        return custom.get(value, value)
    return value


def _restore_optimizer(model, f, source):
    group, version = f["optimizer_weights"], text(f.get("keras_version"))
    names = [text(n) for n in group["weight_names"]] if "weight_names" in group else []
    values = [np.asarray(group[n]) for n in names]
    # The optimizer makes its weights along with the training function.
    model._make_train_function()
    parameters = parameter_names(model, saved_weight_names(f["model_weights"])) if _before_2_0_6(version) else None
    arranged = arrange_optimizer_weights(model.optimizer, names, values, parameters)
    if arranged is None:
        warnings.warn(
            "The optimizer state in %s (%d arrays) does not fit this %s (%d arrays): training starts with a fresh one"
            % (source, len(values), model.optimizer.__class__.__name__, len(model.optimizer.weights)),
            stacklevel=4,
        )
        return
    model.optimizer.set_weights(arranged)


def _before_2_0_6(version):
    numbers = [int(n) for n in re.findall(r"\d+", version or "1")[:3]]
    return numbers < [2, 0, 6]


def model_from_config(config, custom_objects=None, safe_mode=True):
    """Builds a model, with new weights, from a config.

    Arguments:
        config: dict `{'class_name', 'config'}`.
        custom_objects: dict of name -> class or function.
        safe_mode: bool, refuse bytecode (of Lambda layers) that this user did not write.

    Returns:
        The model, not compiled.

    Raises:
        TypeError: for a list.
        ValueError: for unknown layers or untrusted bytecode.
    """
    return _build(config, custom_objects, safe_mode, "this config")


def model_from_json(json_string, custom_objects=None, safe_mode=True):
    """Builds a model, with new weights, from what `model.to_json()` gave.

    Arguments:
        json_string: str.
        custom_objects: dict of name -> class or function.
        safe_mode: bool, refuse bytecode (of Lambda layers) that this user did not write.

    Returns:
        The model, not compiled.
    """
    return _build(_parse(json_string, "the JSON string"), custom_objects, safe_mode, "the JSON string")


def model_from_yaml(yaml_string, custom_objects=None, safe_mode=True):
    """Builds a model, with new weights, from what `model.to_yaml()` gave; never runs code from the text.

    Arguments:
        yaml_string: str.
        custom_objects: dict of name -> class or function.
        safe_mode: bool, refuse bytecode (of Lambda layers) that this user did not write.

    Returns:
        The model, not compiled.
    """
    return _build(load_yaml(yaml_string), custom_objects, safe_mode, "the YAML string")


def pickle_model(model):
    """Turns a model into a dict of plain values and arrays, optimizer state included.

    Arguments:
        model: the model.

    Returns:
        dict.
    """
    state = {}
    f = H5Dict(state, mode="w")
    _serialize_model(model, f)
    f.close()
    return state


def _with_arrays(state):
    """The state as Keras 2.2 pickled it holds its arrays as pickles of their own, each with a mark beside it."""
    arrays = {name for name in state if state.get("_%s_pickled" % name) is True}
    marks = {"_is_group", *("_%s_pickled" % name for name in arrays)}
    found = {}
    for name, value in state.items():
        if name not in marks:
            value = pickle.loads(value) if name in arrays else value
            found[name] = _with_arrays(value) if isinstance(value, dict) else value
    return found


def unpickle_model(state):
    """Rebuilds a model from what `pickle_model` gave.

    Arguments:
        state: dict; that of a pickle of Keras 2.2 as well.

    Returns:
        The model.
    """
    f = H5Dict(_with_arrays(state), mode="r")
    # Whoever unpickles has agreed to run what the pickle says already.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*holds no training configuration.*")
        return _deserialize_model(f, "the pickle", None, True, safe_mode=False)
