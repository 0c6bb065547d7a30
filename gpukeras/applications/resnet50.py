"""ResNet-50 (K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition, 2015)."""

from ._shared import Build
from .imagenet_utils import decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]

_ORIGIN = "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
_HASHES = {True: "a7b3fe01876f51b976af0dea6bc144eb", False: "a268eb855778b3df3c7506639542a6af"}
_STAGES = {2: (3, 64), 3: (4, 128), 4: (6, 256), 5: (3, 512)}


def ResNet50(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs
):
    """Builds ResNet-50 as of Keras 2.2: 16 residual blocks of 3 convolutions; the first of a stage halves the size.

    The same network under the layer names of later versions is `applications.resnet.ResNet50`.

    Arguments:
        include_top: bool, whether the dense layer at the end is part of it.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: tensor to build the model on.
        input_shape: tuple, shape of one image, height and width at least 32; (224, 224, 3) when None, of any size
            without the top.
        pooling: what follows the last block when `include_top` is False: None, 'avg' or 'max'.
        classes: int, how many classes the top tells apart.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to build with instead of the package's own.

    Returns:
        `Model`.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """
    b = Build("ResNet50", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    layers = b.layers
    x = b.input(224, 32, fixed=b.include_top)
    x = layers.ZeroPadding2D((3, 3), name="conv1_pad")(x)
    x = _convolution(b, x, 64, 7, "conv1", strides=2)
    x = layers.BatchNormalization(axis=b.axis, name="bn_conv1")(x)
    x = layers.Activation("relu")(x)
    x = layers.ZeroPadding2D((1, 1), name="pool1_pad")(x)
    x = layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
    for stage, (blocks, filters) in _STAGES.items():
        for letter in "abcdef"[:blocks]:
            x = _block(b, x, filters, f"{stage}{letter}", first=letter == "a", strides=1 if stage == 2 else 2)
    x = b.head(x, "fc1000")
    return b.published("resnet50", x, _ORIGIN, _HASHES[b.include_top])


def _convolution(b, x, filters, size, name, strides=1, padding="valid"):
    return b.layers.Conv2D(
        filters, (size, size), strides=(strides, strides), padding=padding, kernel_initializer="he_normal", name=name
    )(x)


def _block(b, x, filters, name, first, strides):
    """One residual block: 1x1, 3x3, 1x1; the first of a stage has a convolution on the short way too."""
    layers = b.layers
    strides = strides if first else 1
    y = _convolution(b, x, filters, 1, f"res{name}_branch2a", strides)
    y = layers.BatchNormalization(axis=b.axis, name=f"bn{name}_branch2a")(y)
    y = layers.Activation("relu")(y)
    y = _convolution(b, y, filters, 3, f"res{name}_branch2b", padding="same")
    y = layers.BatchNormalization(axis=b.axis, name=f"bn{name}_branch2b")(y)
    y = layers.Activation("relu")(y)
    y = _convolution(b, y, 4 * filters, 1, f"res{name}_branch2c")
    y = layers.BatchNormalization(axis=b.axis, name=f"bn{name}_branch2c")(y)
    if first:
        x = _convolution(b, x, 4 * filters, 1, f"res{name}_branch1", strides)
        x = layers.BatchNormalization(axis=b.axis, name=f"bn{name}_branch1")(x)
    y = layers.add([y, x])
    return layers.Activation("relu")(y)
