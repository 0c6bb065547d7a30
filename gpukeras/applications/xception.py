"""Xception (F. Chollet: Xception: Deep Learning with Depthwise Separable Convolutions, 2016)."""

from . import imagenet_utils
from ._shared import Build
from .imagenet_utils import decode_predictions

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

_ORIGIN = "https://github.com/fchollet/deep-learning-models/releases/download/v0.4/"
_HASHES = {True: "0a58e3b7378bc2990ea3b43d5981f1f6", False: "b0042744bf5b25fce3cb969f33bebb97"}


def preprocess_input(x, **kwargs):
    """Scales pixels of 0 to 255 to -1 to 1.

    Arguments:
        x: array or tensor, one image or a batch; a floating-point array is changed in place.
        **kwargs: as for `imagenet_utils.preprocess_input`.

    Returns:
        Array or tensor of the same shape.
    """
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def Xception(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs
):
    """Builds Xception: 14 blocks of depthwise separable convolutions, most of them residual.

    Arguments:
        include_top: bool, whether the dense layer at the end is part of it.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: tensor to build the model on.
        input_shape: tuple, shape of one image, height and width at least 71 (made for 299); of any size when None.
        pooling: what follows the last block when `include_top` is False: None, 'avg' or 'max'.
        classes: int, how many classes the top tells apart.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to build with instead of the package's own.

    Returns:
        `Model`.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """
    b = Build("Xception", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    x = _entry(b, b.input(299, 71, fixed=False))
    for i, filters in enumerate((128, 256, 728), start=2):
        x = _shrink(b, x, filters, filters, f"block{i}", activate_first=i > 2)
    for i in range(5, 13):
        x = _middle(b, x, f"block{i}")
    x = _shrink(b, x, 728, 1024, "block13")
    for i, filters in enumerate((1536, 2048), start=1):
        x = _activation(b, _separable(b, x, filters, f"block14_sepconv{i}"), f"block14_sepconv{i}_act")
    x = b.head(x)
    return b.published("xception", x, _ORIGIN, _HASHES[b.include_top])


def _activation(b, x, name):
    return b.layers.Activation("relu", name=name)(x)


def _separable(b, x, filters, name):
    x = b.layers.SeparableConv2D(filters, (3, 3), padding="same", use_bias=False, name=name)(x)
    return b.layers.BatchNormalization(axis=b.last_axis, name=name + "_bn")(x)


def _entry(b, x):
    layers = b.layers
    for i, (filters, strides) in enumerate(((32, 2), (64, 1)), start=1):
        name = f"block1_conv{i}"
        x = layers.Conv2D(filters, (3, 3), strides=(strides, strides), use_bias=False, name=name)(x)
        x = layers.BatchNormalization(axis=b.last_axis, name=name + "_bn")(x)
        x = _activation(b, x, name + "_act")
    return x


def _shrink(b, x, filters, filters_out, name, activate_first=True):
    """A residual block that halves the size; its short way is a convolution of stride 2."""
    layers = b.layers
    short = layers.Conv2D(filters_out, (1, 1), strides=(2, 2), padding="same", use_bias=False)(x)
    short = layers.BatchNormalization(axis=b.last_axis)(short)
    if activate_first:
        x = _activation(b, x, name + "_sepconv1_act")
    x = _separable(b, x, filters, name + "_sepconv1")
    x = _activation(b, x, name + "_sepconv2_act")
    x = _separable(b, x, filters_out, name + "_sepconv2")
    x = layers.MaxPooling2D((3, 3), strides=(2, 2), padding="same", name=name + "_pool")(x)
    return layers.add([x, short])


def _middle(b, x, name):
    """A residual block of three separable convolutions that keeps size and channels."""
    y = x
    for i in (1, 2, 3):
        y = _activation(b, y, f"{name}_sepconv{i}_act")
        y = _separable(b, y, 728, f"{name}_sepconv{i}")
    return b.layers.add([y, x])
