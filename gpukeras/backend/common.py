"""Configuration of the backend: float type, fuzz factor, image layout, backend name, and where they are kept.

They come from `keras.json` in `$KERAS_HOME` (default `~/.keras`); the file is written with the defaults when it
is missing and the folder can be written to.  `KERAS_BACKEND` overrides the name of the backend.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any

import numpy as np

from .. import ops
from ..graph import dtype as _dtype
from ..graph.tensor import Tensor

__all__ = [
    "backend",
    "cast_to_floatx",
    "epsilon",
    "floatx",
    "image_data_format",
    "image_dim_ordering",
    "normalize_data_format",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_image_dim_ordering",
]

_DATA_FORMATS = ("channels_first", "channels_last")
#: Names that programs for Keras 2 know how to treat; a file shared with Keras 3 may hold others.
_KERAS_2_BACKENDS = ("tensorflow", "theano", "cntk")
_DEFAULTS: dict[str, Any] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "backend": "tensorflow",
    "image_data_format": "channels_last",
}


class _Config:
    """The settings in force."""

    epsilon: float = _DEFAULTS["epsilon"]
    image_data_format: str = _DEFAULTS["image_data_format"]
    backend: str = _DEFAULTS["backend"]


def epsilon() -> float:
    """Returns the fuzz factor that keeps divisions and logarithms finite.

    Returns:
        A float, 1e-7 unless set.
    """
    return _Config.epsilon


def set_epsilon(e: float) -> None:
    """Sets the fuzz factor.

    Arguments:
        e: float, the new value.
    """
    _Config.epsilon = float(e)


def floatx() -> str:
    """Returns the name of the default float type.

    Returns:
        'float16', 'float32' or 'float64'.
    """
    return _dtype.floatx().name


def set_floatx(floatx: str) -> None:
    """Sets the default float type.

    Arguments:
        floatx: 'float16', 'float32' or 'float64'.

    Raises:
        ValueError: for any other name.
    """
    _dtype.set_floatx(floatx)


def cast_to_floatx(x: Any) -> Any:
    """Converts an array to the default float type.

    Arguments:
        x: array, number or nested list; a symbolic tensor gives a symbolic tensor.

    Returns:
        NumPy array of the same shape and dtype `floatx()`.
    """
    if isinstance(x, Tensor):
        return ops.cast(x, floatx())
    return np.asarray(x, dtype=floatx())


def image_data_format() -> str:
    """Returns the default layout of images.

    Returns:
        'channels_last' (N, H, W, C) or 'channels_first' (N, C, H, W).
    """
    return _Config.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets the default layout of images.

    Arguments:
        data_format: 'channels_first' or 'channels_last'.

    Raises:
        ValueError: for any other name.
    """
    _Config.image_data_format = _checked_format(data_format)


def normalize_data_format(value: str | None) -> str:
    """Returns a valid layout name for the `data_format` argument of a layer or function.

    Arguments:
        value: 'channels_first', 'channels_last' in any case, or None for the default layout.

    Returns:
        'channels_first' or 'channels_last'.

    Raises:
        ValueError: for any other value.
    """
    return _Config.image_data_format if value is None else _checked_format(value)


def _checked_format(value: Any) -> str:
    name = value.lower() if isinstance(value, str) else value
    if name not in _DATA_FORMATS:
        raise ValueError(f"Unknown data_format: {value!r}; expected 'channels_first' or 'channels_last'")
    return str(name)


def image_dim_ordering() -> str:
    """Returns the default layout of images under its Keras 1 name.

    Returns:
        'th' (channels first) or 'tf' (channels last).
    """
    return "th" if _Config.image_data_format == "channels_first" else "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Sets the default layout of images by its Keras 1 name.

    Arguments:
        dim_ordering: 'th' (channels first) or 'tf' (channels last).

    Raises:
        ValueError: for any other name.
    """
    if dim_ordering not in ("tf", "th"):
        raise ValueError(f"Unknown dim_ordering: {dim_ordering!r}; expected 'tf' or 'th'")
    _Config.image_data_format = "channels_first" if dim_ordering == "th" else "channels_last"


def backend() -> str:
    """Returns the name scripts compare to choose between code paths.

    Returns:
        'tensorflow', whose conventions this backend follows, unless `KERAS_BACKEND` or keras.json says otherwise.
    """
    return _Config.backend


def _keras_home() -> str:
    return os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")


def _load_config(folder: str) -> None:
    """Takes the settings from keras.json in `folder`; writes that file when there is none."""
    path = os.path.join(folder, "keras.json")
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        _write_defaults(folder, path)
        found = {}
    except (OSError, ValueError):  # unreadable or not JSON: Keras goes on with the defaults, so do we
        found = {}
    if not isinstance(found, dict):
        found = {}
    try:
        set_floatx(found.get("floatx", _DEFAULTS["floatx"]))
        set_epsilon(found.get("epsilon", _DEFAULTS["epsilon"]))
        set_image_data_format(found.get("image_data_format", _DEFAULTS["image_data_format"]))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    if found.get("backend") in _KERAS_2_BACKENDS:
        _Config.backend = found["backend"]
    _Config.backend = os.environ.get("KERAS_BACKEND") or _Config.backend
    if _Config.backend != "tensorflow":
        sys.stderr.write(f"K.backend() answers {_Config.backend!r}, as asked for; gpukeras computes all the same\n")


def _write_defaults(folder: str, path: str) -> None:
    """Writes keras.json in one step, so that a process that reads it meanwhile sees all of it or nothing."""
    parent = folder if os.path.isdir(folder) else os.path.dirname(folder)
    if not os.access(parent, os.W_OK):
        return
    try:
        os.makedirs(folder, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".keras-", suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(_DEFAULTS, file, indent=4)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError:  # a full disk or a race for the folder is no reason not to import
        pass


_keras_dir = _keras_home()
_config_path = os.path.join(_keras_dir, "keras.json")
_load_config(_keras_dir)


def __getattr__(name: str) -> Any:
    # The variables of old Keras that programs read directly.
    if name == "_EPSILON":
        return epsilon()
    if name == "_FLOATX":
        return floatx()
    if name == "_IMAGE_DATA_FORMAT":
        return image_data_format()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
