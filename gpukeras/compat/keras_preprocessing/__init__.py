"""Stands in for the package `keras_preprocessing` where it is not installed; its parts are `keras.preprocessing`."""

import importlib

from ...preprocessing import image, sequence, text

#: The release whose functions these are.
__version__ = "1.0.5"

_NAMES = ("backend", "utils")
_given = {}


def set_keras_submodules(backend=None, utils=None):
    """Names the modules that `get_keras_submodule` hands out.

    Arguments:
        backend: module, or None to keep what was there.
        utils: likewise.
    """
    given = zip(_NAMES, (backend, utils), strict=True)
    _given.update({name: module for name, module in given if module is not None})


def get_keras_submodule(name):
    """Returns a module of Keras.

    Arguments:
        name: 'backend' or 'utils'.

    Returns:
        The module that `set_keras_submodules` was given, else this package's.

    Raises:
        ImportError: for any other name.
    """
    if name not in _NAMES:
        raise ImportError(f"keras_preprocessing has no submodule {name!r} of Keras; it knows {', '.join(_NAMES)}")
    return _given.get(name) or importlib.import_module("gpukeras." + name)
