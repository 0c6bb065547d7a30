"""Stands in for the package `keras_applications` where it is not installed; its networks are `keras.applications`."""

import importlib

#: The release whose networks and helpers these are.
__version__ = "1.0.8"

_NAMES = ("backend", "layers", "models", "utils")
_NETWORKS = (
    "densenet",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "nasnet",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
)
_given = {}


def set_keras_submodules(backend=None, layers=None, models=None, utils=None, engine=None):
    """Names the modules that `get_keras_submodule` hands out.

    Arguments:
        backend: module, or None to keep what was there.
        layers: likewise.
        models: likewise.
        utils: likewise.
        engine: not used.
    """
    given = zip(_NAMES, (backend, layers, models, utils), strict=True)
    _given.update({name: module for name, module in given if module is not None})


def get_keras_submodule(name):
    """Returns a module that networks are built with.

    Arguments:
        name: 'backend', 'layers', 'models' or 'utils'.

    Returns:
        The module that `set_keras_submodules` was given, else this package's.

    Raises:
        ImportError: for any other name.
    """
    if name not in _NAMES:
        raise ImportError(f"keras_applications has no submodule {name!r} of Keras; it knows {', '.join(_NAMES)}")
    return _given.get(name) or importlib.import_module("gpukeras." + name)


def get_submodules_from_kwargs(kwargs):
    """Takes the modules to build with from a network's keyword arguments.

    Arguments:
        kwargs: dict with any of the keys 'backend', 'layers', 'models' and 'utils'.

    Returns:
        Tuple of the four modules; those of `get_keras_submodule` where the dict has none.

    Raises:
        TypeError: for any other key.
    """
    for key in kwargs:
        if key not in _NAMES:
            raise TypeError(f"unexpected keyword argument {key!r}; the modules are {', '.join(_NAMES)}")
    return tuple(kwargs[name] if name in kwargs else get_keras_submodule(name) for name in _NAMES)


def correct_pad(backend, inputs, kernel_size):
    """Zeros to put around images so that a convolution of stride 2 with padding 'valid' acts as with 'same'.

    Arguments:
        backend: module, `keras.backend`.
        inputs: tensor, N H W C, or N C H W where that is the image format.
        kernel_size: int, or tuple of 2.

    Returns:
        Pair of pairs of int: `((top, bottom), (left, right))`.
    """
    first = 2 if backend.image_data_format() == "channels_first" else 1
    sides = backend.int_shape(inputs)[first : first + 2]
    kernel = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    # A side of unknown length counts as even.
    return tuple((k // 2 - (side is None or side % 2 == 0), k // 2) for side, k in zip(sides, kernel, strict=True))


def __getattr__(name):
    if name in _NETWORKS:
        return importlib.import_module("gpukeras.applications." + name)
    raise AttributeError(f"module 'keras_applications' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_NETWORKS])
