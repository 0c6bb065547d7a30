"""Weights of layers in an HDF5 group, in Keras' own layout.

The group's attributes name the layers and the version; every layer has a group whose attribute `weight_names` lists
its datasets in order.
"""

import os
import warnings

import numpy as np

from .. import backend as K
from ..utils.io_utils import H5Dict, ask_to_proceed_with_overwrite, read_attribute_list, replacing, write_attribute_list
from .saving_convert import preprocess_weights_for_loading

# The version whose format is written, and the backend whose layouts the weights have.
FORMAT_VERSION = "2.2.4"
FORMAT_BACKEND = "tensorflow"


def save_attributes_to_hdf5_group(group, name, data):
    """Stores a list of byte strings as an attribute, in numbered pieces when it is longer than HDF5 takes.

    Arguments:
        group: h5py group.
        name: str, the attribute.
        data: list of bytes.

    Raises:
        RuntimeError: when a single entry is too long.
    """
    write_attribute_list(group, name, data)


def load_attributes_from_hdf5_group(group, name):
    """Reads what `save_attributes_to_hdf5_group` stored.

    Arguments:
        group: h5py group.
        name: str, the attribute.

    Returns:
        List of str.
    """
    return [n.decode("utf8") for n in read_attribute_list(group, name)]


def text(value):
    """A str from what an attribute gave: files differ in bytes, str and arrays of them.

    Arguments:
        value: str, bytes, NumPy scalar, or None.

    Returns:
        str, or None.
    """
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        value = value.item()
    return value.decode("utf8") if isinstance(value, bytes) else str(value)


def _as_dict(f):
    return f if isinstance(f, H5Dict) else H5Dict(f)


def _names(group, key):
    return [text(n) for n in group[key]] if key in group else []


def unique_names(variables):
    """Names for a list of variables, made different where two are equal.

    Arguments:
        variables: list of variables.

    Returns:
        List of str.
    """
    names, taken = [], set()
    for i, variable in enumerate(variables):
        name = str(getattr(variable, "name", None) or "param_%d" % i)
        if name in taken:
            stem, _, suffix = name.partition(":")
            number = 1
            while (name := "%s_%d%s" % (stem, number, ":" + suffix if suffix else "")) in taken:
                number += 1
        taken.add(name)
        names.append(name)
    return names


def save_weights_to_hdf5_group(f, layers):
    """Stores the weights of layers.

    Arguments:
        f: h5py group, or H5Dict.
        layers: list of layers.
    """
    f = _as_dict(f)
    f["layer_names"] = [layer.name.encode("utf8") for layer in layers]
    f["backend"] = FORMAT_BACKEND.encode("utf8")
    f["keras_version"] = FORMAT_VERSION.encode("utf8")
    for layer in layers:
        group = f.group(layer.name)
        variables = layer.weights
        names = unique_names(variables)
        group["weight_names"] = [n.encode("utf8") for n in names]
        for name, value in zip(names, K.batch_get_value(variables), strict=True):
            group[name] = np.asarray(value)


def _origin(f):
    version, backend = text(f.get("keras_version")), text(f.get("backend"))
    # Keras 1 wrote neither.
    return version or "1", backend


def _read_layer(f, name):
    group = f.group(name)
    names = _names(group, "weight_names")
    return names, [np.asarray(group[n]) for n in names]


def saved_weight_names(f):
    """Names of the weights in a file.

    Arguments:
        f: h5py group, or H5Dict, that holds the weights of a model.

    Returns:
        List of lists of str, for each layer that has weights.
    """
    f = _as_dict(f)
    return [names for names in (_names(f.group(n), "weight_names") for n in _names(f, "layer_names")) if names]


def _describe(layer):
    return "'%s' (%s)" % (layer.name, layer.__class__.__name__)


def _assign(pairs):
    _warn_about_nan(pairs)
    K.batch_set_value([(variable, value) for _, variable, value in pairs])


def _warn_about_nan(pairs):
    bad = []
    for layer, variable, value in pairs:
        if value.size and value.dtype.kind == "f" and np.isnan(np.min(value)):
            bad.append("%s of layer %s" % (variable.name, _describe(layer)))
    if bad:
        warnings.warn("The loaded weights contain NaN, in %s" % ", ".join(bad), stacklevel=4)


def load_weights_from_hdf5_group(f, layers, reshape=False):
    """Loads weights into layers, matched by their order.

    Arguments:
        f: h5py group, or H5Dict.
        layers: list of layers; those without weights are passed over.
        reshape: bool, reshape weights of the right size but another shape.

    Raises:
        ValueError: when numbers of layers or weights, or shapes, differ.
    """
    f = _as_dict(f)
    version, backend = _origin(f)
    layers = [layer for layer in layers if layer.weights]
    saved = [(name, *_read_layer(f, name)) for name in _names(f, "layer_names")]
    saved = [entry for entry in saved if entry[1]]
    if len(saved) != len(layers):
        raise ValueError(
            "Cannot load weights of %d layers into a model with %d layers. The file has %s; the model has %s. "
            "Use by_name=True to load the layers they share."
            % (len(saved), len(layers), [s[0] for s in saved], [layer.name for layer in layers])
        )
    pairs = []
    for i, (layer, (name, names, values)) in enumerate(zip(layers, saved, strict=True)):
        values = preprocess_weights_for_loading(layer, values, version, backend, reshape=reshape)
        if len(values) != len(layer.weights):
            raise ValueError(_count_message(layer, i, name, values))
        values = _in_order(layer, names, values)
        for variable, value in zip(layer.weights, values, strict=True):
            if tuple(variable.shape) != np.shape(value):
                raise ValueError(_shape_message(layer, variable, name, value))
            pairs.append((layer, variable, value))
    _assign(pairs)


def _in_order(layer, names, values):
    """The values in the layer's order; by name where the order shifted since (a sublayer was frozen, say)."""
    variables = layer.weights
    if all(tuple(v.shape) == np.shape(x) for v, x in zip(variables, values, strict=True)):
        return values
    mine = [v.name for v in variables]
    if len(set(mine)) == len(mine) == len(names) and set(mine) == set(names):
        by_name = dict(zip(names, values, strict=True))
        return [by_name[n] for n in mine]
    return values


def _count_message(layer, index, saved_name, values):
    return "Layer #%d %s expects %d weights, but the saved layer '%s' has %d of them" % (
        index,
        _describe(layer),
        len(layer.weights),
        saved_name,
        len(values),
    )


def _shape_message(layer, variable, saved_name, value):
    return "Layer %s: its weight %s has shape %s, but the saved weight of layer '%s' has shape %s" % (
        _describe(layer),
        variable.name,
        tuple(variable.shape),
        saved_name,
        np.shape(value),
    )


def load_weights_from_hdf5_group_by_name(f, layers, skip_mismatch=False, reshape=False):
    """Loads weights into the layers that have the same names as saved ones; the others stay as they are.

    Arguments:
        f: h5py group, or H5Dict.
        layers: list of layers.
        skip_mismatch: bool, warn about layers whose weights do not fit, instead of raising.
        reshape: bool, reshape weights of the right size but another shape.

    Raises:
        ValueError: when the weights of a named layer do not fit and `skip_mismatch` is False.
    """
    f = _as_dict(f)
    version, backend = _origin(f)
    index = {}
    for layer in layers:
        index.setdefault(layer.name, []).append(layer)
    pairs = []
    for i, name in enumerate(_names(f, "layer_names")):
        if name not in index:
            continue
        names, saved = _read_layer(f, name)
        for layer in index[name]:
            try:
                pairs += _fitting(layer, i, names, saved, version, backend, reshape)
            except _Mismatch as mismatch:
                if not skip_mismatch:
                    raise ValueError(str(mismatch)) from None
                warnings.warn(
                    "Skipping loading of layer '%s' due to mismatch of its weights: %s" % (name, mismatch), stacklevel=3
                )
    _assign(pairs)


class _Mismatch(Exception):
    """Saved weights that do not fit a layer."""


def _fitting(layer, index, names, saved, version, backend, reshape):
    try:
        values = preprocess_weights_for_loading(layer, saved, version, backend, reshape=reshape)
    except ValueError as error:
        raise _Mismatch(str(error)) from error
    if len(values) != len(layer.weights):
        raise _Mismatch(_count_message(layer, index, layer.name, values))
    values = _in_order(layer, names, values)
    for variable, value in zip(layer.weights, values, strict=True):
        if tuple(variable.shape) != np.shape(value):
            raise _Mismatch(_shape_message(layer, variable, layer.name, value))
    return [(layer, variable, value) for variable, value in zip(layer.weights, values, strict=True)]


def is_path(filepath):
    """Whether an argument names a file, rather than being an open one.

    Arguments:
        filepath: anything.

    Returns:
        bool.
    """
    return isinstance(filepath, str | bytes | os.PathLike)


def may_write(filepath, overwrite):
    """Whether a file may be written: asks on the terminal when it exists and must not just be replaced.

    Arguments:
        filepath: str or path object.
        overwrite: bool.

    Returns:
        bool.
    """
    if overwrite or not os.path.isfile(filepath):
        return True
    return ask_to_proceed_with_overwrite(filepath)


def open_for_reading(filepath):
    """Opens an HDF5 file and explains it when that fails.

    Arguments:
        filepath: str or path object.

    Returns:
        H5Dict.

    Raises:
        OSError: for a missing, truncated or foreign file.
    """
    name = os.fsdecode(filepath)
    if not os.path.exists(name):
        raise FileNotFoundError("No such file: %s" % name)
    try:
        return H5Dict(name, mode="r")
    except OSError as error:
        with open(name, "rb") as f:
            start = f.read(8)
        if start == b"\x89HDF\r\n\x1a\n":
            what = "is an HDF5 file that cannot be read (truncated or damaged)"
        elif start[:2] == b"PK":
            what = "is a ZIP archive, such as Keras 3 writes, not an HDF5 file; save it there as .h5"
        else:
            what = "is not an HDF5 file (it starts with %r)" % start
        raise OSError("%s %s: %s" % (name, what, error)) from error


def save_weights(model, filepath, overwrite=True):
    """Writes the weights of a model, without its architecture.

    Arguments:
        model: the model.
        filepath: str or path object, or an open h5py file or group.
        overwrite: bool, replace an existing file without asking.
    """
    if not is_path(filepath):
        save_weights_to_hdf5_group(filepath, model.layers)
        return
    if not may_write(filepath, overwrite):
        return
    with replacing(filepath) as part:
        f = H5Dict(part, mode="w")
        try:
            save_weights_to_hdf5_group(f, model.layers)
        finally:
            f.close()


def load_weights(model, filepath, by_name=False, skip_mismatch=False, reshape=False):
    """Loads weights into a model, from a weights file or from a file that holds a whole model.

    Arguments:
        model: the model, built.
        filepath: str or path object, or an open h5py file or group.
        by_name: bool, match layers by name instead of by order.
        skip_mismatch: bool, pass over layers that do not fit; only by name.
        reshape: bool, reshape weights of the right size but another shape.

    Raises:
        ValueError: when the weights do not fit, or the file holds none.
    """
    f = open_for_reading(filepath) if is_path(filepath) else _as_dict(filepath)
    try:
        group = f["model_weights"] if "layer_names" not in f and "model_weights" in f else f
        if "layer_names" not in group and "layers" in group:
            raise ValueError(
                "%s holds weights in the layout that Keras 3 and tf-keras use for names ending in .weights.h5, which "
                "is not read here: let tf-keras save them under another name ending in .h5, or either of them the "
                "whole model, as model.save('model.h5')" % (filepath,)
            )
        if "layer_names" not in group:
            raise ValueError("%s holds no Keras weights (no `layer_names`)" % (filepath,))
        if by_name:
            load_weights_from_hdf5_group_by_name(group, model.layers, skip_mismatch=skip_mismatch, reshape=reshape)
        else:
            load_weights_from_hdf5_group(group, model.layers, reshape=reshape)
    finally:
        if is_path(filepath):
            f.close()
