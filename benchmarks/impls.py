"""The implementations that can be timed: which module each imports, and under which environment."""

from typing import NamedTuple


class Impl(NamedTuple):
    """One row of the comparison."""

    module: str
    env: dict
    note: str


QUIET_TF = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}

IMPLS = {
    "gpukeras": Impl("gpukeras", {}, "the engine gpukeras chooses by itself"),
    "gpukeras-numpy": Impl("gpukeras", {"GPUKERAS_ENGINE": "numpy"}, "plain NumPy"),
    "tf-keras": Impl("tf_keras", QUIET_TF, "Keras 2 on TensorFlow 2"),
    "keras3-tensorflow": Impl("keras", {"KERAS_BACKEND": "tensorflow", **QUIET_TF}, "Keras 3 on TensorFlow"),
    "keras3-jax": Impl("keras", {"KERAS_BACKEND": "jax"}, "Keras 3 on JAX"),
    "keras3-torch": Impl("keras", {"KERAS_BACKEND": "torch"}, "Keras 3 on PyTorch"),
    "torch": Impl("torch", {}, "PyTorch, eager"),
    "torch-compile": Impl("torch", {}, "PyTorch, torch.compile"),
}
