"""Helpers for users and for the package itself.

The names below are resolved at first use: several of them live above the engine, which itself needs
`generic_utils`, and resolving late keeps both the import order and the import time simple.
"""

import importlib

_HOME = {
    "CustomObjectScope": "generic_utils",
    "custom_object_scope": "generic_utils",
    "get_custom_objects": "generic_utils",
    "serialize_keras_object": "generic_utils",
    "deserialize_keras_object": "generic_utils",
    "Progbar": "generic_utils",
    "to_categorical": "np_utils",
    "normalize": "np_utils",
    "HDF5Matrix": "io_utils",
    "h5dict": "io_utils",
    "get_file": "data_utils",
    "Sequence": "data_utils",
    "GeneratorEnqueuer": "data_utils",
    "OrderedEnqueuer": "data_utils",
    "convert_all_kernels_in_model": "layer_utils",
    "get_source_inputs": "layer_utils",
    "print_summary": "layer_utils",
    "multi_gpu_model": "multi_gpu_utils",
    "plot_history": "vis_utils",
    "plot_model": "vis_utils",
}

_SUBMODULES = (
    "conv_utils",
    "data_utils",
    "generic_utils",
    "io_utils",
    "layer_utils",
    "multi_gpu_utils",
    "np_utils",
    "test_utils",
    "vis_utils",
)

__all__ = [
    "CustomObjectScope",
    "GeneratorEnqueuer",
    "HDF5Matrix",
    "OrderedEnqueuer",
    "Progbar",
    "Sequence",
    "convert_all_kernels_in_model",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "get_source_inputs",
    "h5dict",
    "multi_gpu_model",
    "normalize",
    "plot_history",
    "plot_model",
    "print_summary",
    "serialize_keras_object",
    "to_categorical",
]


def __getattr__(name):
    if name in _HOME:
        value = getattr(importlib.import_module("." + _HOME[name], __name__), name)
        globals()[name] = value
        return value
    if name in _SUBMODULES:
        return importlib.import_module("." + name, __name__)
    raise AttributeError("module %r has no attribute %r" % (__name__, name))


def __dir__():
    return sorted(set(globals()) | set(_HOME) | set(_SUBMODULES))
