"""`tf.layers`: Keras' layers as functions; every call makes a new layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import layers as keras
from ...backend.running import GRAPH
from ...engine.base_layer import InputSpec, Layer
from ._base import convert
from ._missing import module_getattr
from ._variables import GraphKeys

# tf.layers' own names of arguments, and Keras'.
_NAMES = {
    "inputs": None, "reuse": None, "trainable": "trainable", "center": "center", "momentum": "momentum",
    "kernel_regularizer": "kernel_regularizer", "fused": None, "renorm": None, "renorm_clipping": None,
    "renorm_momentum": None, "virtual_batch_size": None, "adjustment": None,
}  # fmt: skip


def _settings(kwargs: dict[str, Any]) -> dict[str, Any]:
    unsupported = [k for k in ("renorm", "virtual_batch_size", "adjustment") if kwargs.get(k)]
    if kwargs.get("reuse") or unsupported:
        what = ", ".join(unsupported) or "reuse=True"
        raise NotImplementedError(f"tf.layers: {what}; call one Keras layer several times to share its weights")
    return {k: v for k, v in kwargs.items() if _NAMES.get(k, k) is not None}


def _function(layer: type[Layer], name: str, required: tuple[str, ...]) -> Callable[..., Any]:
    def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) > len(required):
            raise TypeError(f"tf.layers.{name}: only inputs, {', '.join(required)} go without names")
        kwargs.update(zip(required, args))
        return _run(layer(**_settings(kwargs)), convert(inputs))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"keras.layers.{layer.__name__} applied to `inputs`; its arguments are those of the layer."
    return call


def _run(layer: Layer, inputs: Any, **kwargs: Any) -> Any:
    out = layer(inputs, **kwargs)
    for update in layer.updates:
        GRAPH.add_to_collection(GraphKeys.UPDATE_OPS, update)
    for loss in layer.losses:
        GRAPH.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return out


_TABLE: dict[str, tuple[type[Layer], tuple[str, ...]]] = {
    "dense": (keras.Dense, ("units", "activation", "use_bias")),
    "conv1d": (keras.Conv1D, ("filters", "kernel_size", "strides", "padding")),
    "conv2d": (keras.Conv2D, ("filters", "kernel_size", "strides", "padding")),
    "conv3d": (keras.Conv3D, ("filters", "kernel_size", "strides", "padding")),
    "conv2d_transpose": (keras.Conv2DTranspose, ("filters", "kernel_size", "strides", "padding")),
    "conv3d_transpose": (keras.Conv3DTranspose, ("filters", "kernel_size", "strides", "padding")),
    "separable_conv1d": (keras.SeparableConv1D, ("filters", "kernel_size", "strides", "padding")),
    "separable_conv2d": (keras.SeparableConv2D, ("filters", "kernel_size", "strides", "padding")),
    "max_pooling1d": (keras.MaxPooling1D, ("pool_size", "strides", "padding")),
    "max_pooling2d": (keras.MaxPooling2D, ("pool_size", "strides", "padding")),
    "max_pooling3d": (keras.MaxPooling3D, ("pool_size", "strides", "padding")),
    "average_pooling1d": (keras.AveragePooling1D, ("pool_size", "strides", "padding")),
    "average_pooling2d": (keras.AveragePooling2D, ("pool_size", "strides", "padding")),
    "average_pooling3d": (keras.AveragePooling3D, ("pool_size", "strides", "padding")),
    "flatten": (keras.Flatten, ()),
}  # fmt: skip
globals().update({name: _function(layer, name, required) for name, (layer, required) in _TABLE.items()})
globals().update({layer.__name__: layer for layer, _ in _TABLE.values()})
BatchNormalization, Dropout = keras.BatchNormalization, keras.Dropout


def dropout(
    inputs: Any, rate: float = 0.5, noise_shape: Any = None, seed: Any = None, training: Any = False,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Dropout when `training` holds (an int, bool or scalar tensor)."""
    from ... import backend as K

    x = convert(inputs)
    return K.in_train_phase(lambda: K.dropout(x, rate, noise_shape, seed), x, training=training)


def batch_normalization(
    inputs: Any, axis: int = -1, training: Any = False, name: str | None = None, **kwargs: Any
) -> Any:
    """Batch normalisation; the updates of the moving averages go into the collection UPDATE_OPS."""
    layer = keras.BatchNormalization(axis=axis, name=name, **_settings({"epsilon": 1e-3, **kwargs}))
    return _run(layer, convert(inputs), training=training)


__all__ = ["BatchNormalization", "Dropout", "InputSpec", "Layer", "batch_normalization", "dropout"]
__getattr__ = module_getattr("layers")
