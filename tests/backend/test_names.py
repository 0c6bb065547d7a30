"""The names of `keras.backend`: complete, documented, and the same objects under every path."""

import importlib
import inspect
import types

import numpy as np
import pytest

import gpukeras.backend
from gpukeras import backend as K

PUBLIC = {
    name: value
    for name, value in vars(gpukeras.backend).items()
    if not name.startswith("_") and not isinstance(value, types.ModuleType) and getattr(value, "__module__", "")
}


def test_tensorflow_backend_holds_the_same_objects():
    other = importlib.import_module("gpukeras.backend.tensorflow_backend")
    assert K.tensorflow_backend is other
    assert PUBLIC
    for name, value in PUBLIC.items():
        assert getattr(other, name) is value
        assert name in dir(other)
    scope = {}
    exec("from gpukeras.backend.tensorflow_backend import *", scope)
    assert set(PUBLIC) <= set(scope)
    assert other._get_available_gpus is K._get_available_gpus
    with pytest.raises(AttributeError):
        other.no_such_function  # noqa: B018


def test_common_holds_the_same_objects():
    common = importlib.import_module("gpukeras.backend.common")
    for name in common.__all__:
        assert getattr(common, name) is getattr(K, name)
    K.set_epsilon(0.5)
    assert (common._EPSILON, common._FLOATX, common._IMAGE_DATA_FORMAT) == (0.5, "float32", "channels_last")
    with pytest.raises(AttributeError):
        common._NOTHING  # noqa: B018


def test_to_tensor():
    x = K._to_tensor(2.5, "float64")
    assert K.dtype(x) == "float64" and K.eval(x) == 2.5
    assert K.dtype(K._to_tensor(K.ones((2,)), "float16")) == "float16"


@pytest.mark.parametrize("name", sorted(n for n, v in PUBLIC.items() if v.__module__.startswith("gpukeras.backend")))
def test_documented(name):
    value = PUBLIC[name]
    text = inspect.getdoc(value) or ""
    summary = text.split("\n\n")[0]
    assert summary.endswith((".", ":")) or "\n" in summary, f"{name}: the first line is no sentence"
    function = value.__init__ if inspect.isclass(value) else value
    parameters = [p for p in inspect.signature(function).parameters if p != "self"]
    section = text.split("Arguments:")[1].split("Returns:")[0] if "Arguments:" in text else ""
    for parameter in parameters:
        assert f"{parameter}:" in section, f"{name}: argument {parameter} is not documented"
    if not inspect.isclass(value) and inspect.signature(function).return_annotation not in (None, "None"):
        assert "Returns:" in text, f"{name}: what it returns is not documented"


def test_modules_programs_take_from_here():
    assert K.np is np
    assert K.tf.range is importlib.import_module("gpukeras.compat.tensorflow").range is K.tensorflow_backend.tf.range
