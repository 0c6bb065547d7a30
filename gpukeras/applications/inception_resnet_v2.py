"""Inception-ResNet v2 (C. Szegedy et al.: Inception-v4, Inception-ResNet and the Impact of Residual ..., 2016)."""

from ..layers.lambda_layer import NAMED_FUNCTIONS
from . import imagenet_utils
from ._shared import Build
from .imagenet_utils import decode_predictions

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

_ORIGIN = "https://github.com/fchollet/deep-learning-models/releases/download/v0.7/"
_HASHES = {True: "e693bd0210a403b3192acc6073ad2e96", False: "d19885ff4a710c122648d3b5c3b684e4"}


def preprocess_input(x, **kwargs):
    """Scales pixels of 0 to 255 to -1 to 1.

    Arguments:
        x: array or tensor, one image or a batch; a floating-point array is changed in place.
        **kwargs: as for `imagenet_utils.preprocess_input`.

    Returns:
        Array or tensor of the same shape.
    """
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def InceptionResNetV2(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs
):
    """Builds Inception-ResNet v2: a stem, then 10, 20 and 10 residual inception blocks at 35, 17 and 8 pixels.

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
    b = Build("InceptionResNetV2", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    x = _stem(b, b.input(299, 75, fixed=False))
    for i in range(1, 11):
        x = _residual(b, x, _branches_35, 0.17, f"block35_{i}")
    x = _shrink_35(b, x)
    for i in range(1, 21):
        x = _residual(b, x, _branches_17, 0.1, f"block17_{i}")
    x = _shrink_17(b, x)
    for i in range(1, 10):
        x = _residual(b, x, _branches_8, 0.2, f"block8_{i}")
    x = _residual(b, x, _branches_8, 1.0, "block8_10", activation=None)
    x = b.head(_conv(b, x, 1536, 1, name="conv_7b"))
    return b.published("inception_resnet_v2", x, _ORIGIN, _HASHES[b.include_top])


def _conv(b, x, filters, size, padding="same", strides=1, name=None):
    """Convolution without bias, batch normalisation without scale, ReLU."""
    layers = b.layers
    x = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False, name=name)(x)
    x = layers.BatchNormalization(axis=b.axis, scale=False, name=name and name + "_bn")(x)
    return layers.Activation("relu", name=name and name + "_ac")(x)


def _stem(b, x):
    layers = b.layers
    x = _conv(b, x, 32, 3, padding="valid", strides=2)
    x = _conv(b, x, 32, 3, padding="valid")
    x = _conv(b, x, 64, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _conv(b, x, 80, 1, padding="valid")
    x = _conv(b, x, 192, 3, padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    one = _conv(b, x, 96, 1)
    five = _conv(b, _conv(b, x, 48, 1), 64, 5)
    three = _conv(b, _conv(b, _conv(b, x, 64, 1), 96, 3), 96, 3)
    pooled = _conv(b, layers.AveragePooling2D(3, strides=1, padding="same")(x), 64, 1)
    return layers.Concatenate(axis=b.axis, name="mixed_5b")([one, five, three, pooled])


def _branches_35(b, x):
    one = _conv(b, x, 32, 1)
    three = _conv(b, _conv(b, x, 32, 1), 32, 3)
    return [one, three, _conv(b, _conv(b, _conv(b, x, 32, 1), 48, 3), 64, 3)]


def _branches_17(b, x):
    one = _conv(b, x, 192, 1)
    return [one, _conv(b, _conv(b, _conv(b, x, 128, 1), 160, (1, 7)), 192, (7, 1))]


def _branches_8(b, x):
    one = _conv(b, x, 192, 1)
    return [one, _conv(b, _conv(b, _conv(b, x, 192, 1), 224, (1, 3)), 256, (3, 1))]


def inception_resnet_scaled_sum(inputs, scale):
    """What the Lambda layers compute.

    Arguments:
        inputs: list of two tensors of one shape.
        scale: float.

    Returns:
        Tensor: the first plus `scale` times the second.
    """
    return inputs[0] + inputs[1] * scale


# Saved models name the function, so that they load on any machine and any version of Python.
NAMED_FUNCTIONS[inception_resnet_scaled_sum.__name__] = inception_resnet_scaled_sum


def _residual(b, x, branches, scale, name, activation="relu"):
    """Adds the branches, brought back to the number of channels of `x` and scaled, to `x`."""
    layers = b.layers
    shape = b.m.backend.int_shape(x)
    mixed = layers.Concatenate(axis=b.axis, name=name + "_mixed")(branches(b, x))
    up = layers.Conv2D(shape[b.axis], 1, padding="same", name=name + "_conv")(mixed)
    x = layers.Lambda(inception_resnet_scaled_sum, output_shape=shape[1:], arguments={"scale": scale}, name=name)(
        [x, up]
    )
    return x if activation is None else layers.Activation(activation, name=name + "_ac")(x)


def _shrink_35(b, x):
    three = _conv(b, x, 384, 3, padding="valid", strides=2)
    double = _conv(b, _conv(b, x, 256, 1), 256, 3)
    double = _conv(b, double, 384, 3, padding="valid", strides=2)
    pooled = b.layers.MaxPooling2D(3, strides=2)(x)
    return b.layers.Concatenate(axis=b.axis, name="mixed_6a")([three, double, pooled])


def _shrink_17(b, x):
    first = _conv(b, _conv(b, x, 256, 1), 384, 3, padding="valid", strides=2)
    second = _conv(b, _conv(b, x, 256, 1), 288, 3, padding="valid", strides=2)
    third = _conv(b, _conv(b, x, 256, 1), 288, 3)
    third = _conv(b, third, 320, 3, padding="valid", strides=2)
    pooled = b.layers.MaxPooling2D(3, strides=2)(x)
    return b.layers.Concatenate(axis=b.axis, name="mixed_7a")([first, second, third, pooled])
