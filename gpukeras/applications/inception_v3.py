"""Inception v3 (C. Szegedy et al.: Rethinking the Inception Architecture for Computer Vision, 2015)."""

from . import imagenet_utils
from ._shared import Build
from .imagenet_utils import decode_predictions

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

_ORIGIN = "https://github.com/fchollet/deep-learning-models/releases/download/v0.5/"
_HASHES = {True: "9a0d58056eeedaa3f26cb7ebd46da564", False: "bcbd6486424b2319ff4ef7d526e38f63"}


def preprocess_input(x, **kwargs):
    """Scales pixels of 0 to 255 to -1 to 1.

    Arguments:
        x: array or tensor, one image or a batch; a floating-point array is changed in place.
        **kwargs: as for `imagenet_utils.preprocess_input`.

    Returns:
        Array or tensor of the same shape.
    """
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def InceptionV3(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs
):
    """Builds Inception v3: a stem and 11 inception blocks, `mixed0` to `mixed10`.

    Arguments:
        include_top: bool, whether the dense layer at the end is part of it.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: tensor to build the model on.
        input_shape: tuple, shape of one image, height and width at least 75 (made for 299); of any size when None.
        pooling: what follows the last block when `include_top` is False: None, 'avg' or 'max'.
        classes: int, how many classes the top tells apart.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to build with instead of the package's own.

    Returns:
        `Model`.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """
    b = Build("InceptionV3", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    x = _stem(b, b.input(299, 75, fixed=False))
    for i, pooled in enumerate((32, 64, 64)):
        x = _block_35(b, x, pooled, f"mixed{i}")
    x = _shrink_35(b, x, "mixed3")
    for i, filters in enumerate((128, 160, 160, 192), start=4):
        x = _block_17(b, x, filters, f"mixed{i}")
    x = _shrink_17(b, x, "mixed8")
    for i in (0, 1):
        x = _block_8(b, x, i)
    x = b.head(x)
    return b.published("inception_v3", x, _ORIGIN, _HASHES[b.include_top])


def _conv(b, x, filters, rows, cols, padding="same", strides=1):
    """Convolution without bias, batch normalisation without scale, ReLU."""
    layers = b.layers
    x = layers.Conv2D(filters, (rows, cols), strides=(strides, strides), padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(axis=b.axis, scale=False)(x)
    return layers.Activation("relu")(x)


def _pooled(b, x, filters):
    x = b.layers.AveragePooling2D((3, 3), strides=(1, 1), padding="same")(x)
    return _conv(b, x, filters, 1, 1)


def _stem(b, x):
    layers = b.layers
    x = _conv(b, x, 32, 3, 3, padding="valid", strides=2)
    x = _conv(b, x, 32, 3, 3, padding="valid")
    x = _conv(b, x, 64, 3, 3)
    x = layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
    x = _conv(b, x, 80, 1, 1, padding="valid")
    x = _conv(b, x, 192, 3, 3, padding="valid")
    return layers.MaxPooling2D((3, 3), strides=(2, 2))(x)


def _block_35(b, x, pooled, name):
    one = _conv(b, x, 64, 1, 1)
    five = _conv(b, _conv(b, x, 48, 1, 1), 64, 5, 5)
    three = _conv(b, _conv(b, _conv(b, x, 64, 1, 1), 96, 3, 3), 96, 3, 3)
    return b.layers.concatenate([one, five, three, _pooled(b, x, pooled)], axis=b.axis, name=name)


def _shrink_35(b, x, name):
    three = _conv(b, x, 384, 3, 3, padding="valid", strides=2)
    double = _conv(b, _conv(b, x, 64, 1, 1), 96, 3, 3)
    double = _conv(b, double, 96, 3, 3, padding="valid", strides=2)
    pooled = b.layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
    return b.layers.concatenate([three, double, pooled], axis=b.axis, name=name)


def _block_17(b, x, filters, name):
    one = _conv(b, x, 192, 1, 1)
    seven = _conv(b, x, filters, 1, 1)
    seven = _conv(b, seven, filters, 1, 7)
    seven = _conv(b, seven, 192, 7, 1)
    double = _conv(b, x, filters, 1, 1)
    double = _conv(b, double, filters, 7, 1)
    double = _conv(b, double, filters, 1, 7)
    double = _conv(b, double, filters, 7, 1)
    double = _conv(b, double, 192, 1, 7)
    return b.layers.concatenate([one, seven, double, _pooled(b, x, 192)], axis=b.axis, name=name)


def _shrink_17(b, x, name):
    three = _conv(b, x, 192, 1, 1)
    three = _conv(b, three, 320, 3, 3, padding="valid", strides=2)
    seven = _conv(b, x, 192, 1, 1)
    seven = _conv(b, seven, 192, 1, 7)
    seven = _conv(b, seven, 192, 7, 1)
    seven = _conv(b, seven, 192, 3, 3, padding="valid", strides=2)
    pooled = b.layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
    return b.layers.concatenate([three, seven, pooled], axis=b.axis, name=name)


def _block_8(b, x, i):
    concatenate = b.layers.concatenate
    one = _conv(b, x, 320, 1, 1)
    three = _conv(b, x, 384, 1, 1)
    three = [_conv(b, three, 384, 1, 3), _conv(b, three, 384, 3, 1)]
    three = concatenate(three, axis=b.axis, name=f"mixed9_{i}")
    double = _conv(b, _conv(b, x, 448, 1, 1), 384, 3, 3)
    double = [_conv(b, double, 384, 1, 3), _conv(b, double, 384, 3, 1)]
    double = concatenate(double, axis=b.axis)
    return concatenate([one, three, double, _pooled(b, x, 192)], axis=b.axis, name=f"mixed{9 + i}")
