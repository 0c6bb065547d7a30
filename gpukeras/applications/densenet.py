"""DenseNet (G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger: Densely Connected Convolutional Networks, 2016)."""

from . import imagenet_utils
from ._shared import Build
from .imagenet_utils import decode_predictions

__all__ = ["DenseNet", "DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

_ORIGIN = "https://github.com/keras-team/keras-applications/releases/download/densenet/"
_EPSILON = 1.001e-5
_KNOWN = {(6, 12, 24, 16): "densenet121", (6, 12, 32, 32): "densenet169", (6, 12, 48, 32): "densenet201"}
_HASHES = {
    ("densenet121", True): "9d60b8095a5708f2dcce2bca79d332c7",
    ("densenet121", False): "30ee3e1110167f948a6b9946edeeb738",
    ("densenet169", True): "d699b8f76981ab1b30698df4c175e90b",
    ("densenet169", False): "b8c4d4c20dd625c148057b9ff1c1176b",
    ("densenet201", True): "1ceb130c1ea1b78c3bf6114dbdfd8807",
    ("densenet201", False): "c13680b51ded0fb44dff2d8f86ac8bb1",
}


def preprocess_input(x, data_format=None, **kwargs):
    """Scales pixels of 0 to 255 to 0 to 1, then shifts and scales each colour by ImageNet's mean and deviation.

    Arguments:
        x: array or tensor, one image or a batch; a floating-point array is changed in place.
        data_format: 'channels_last', 'channels_first' or None for the configured one.
        **kwargs: as for `imagenet_utils.preprocess_input`.

    Returns:
        Array or tensor of the same shape.
    """
    return imagenet_utils.preprocess_input(x, data_format, mode="torch", **kwargs)


def DenseNet(
    blocks,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """Builds a DenseNet: four dense blocks, in which each layer reads the outputs of all before it.

    Arguments:
        blocks: list of 4 int, layers per dense block; ImageNet weights exist for those of the functions below.
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
    blocks = tuple(blocks)
    name = _KNOWN.get(blocks, "densenet")
    b = Build(
        name.replace("densenet", "DenseNet"), include_top, weights, input_tensor, input_shape, pooling, classes, kwargs
    )
    if weights == "imagenet" and blocks not in _KNOWN:
        known = ", ".join(str(list(k)) for k in _KNOWN)
        raise ValueError(
            f"DenseNet: there are ImageNet weights for blocks={known}, got {list(blocks)}; use weights=None"
        )
    layers = b.layers
    x = b.input(224, 32, fixed=b.include_top)
    x = layers.ZeroPadding2D(((3, 3), (3, 3)))(x)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1/conv")(x)
    x = _activate(b, x, "conv1/bn", "conv1/relu")
    x = layers.ZeroPadding2D(((1, 1), (1, 1)))(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for i, count in enumerate(blocks, start=2):
        for j in range(1, count + 1):
            x = _dense_layer(b, x, f"conv{i}_block{j}")
        if i < len(blocks) + 1:
            x = _transition(b, x, f"pool{i}")
    x = b.head(_activate(b, x, "bn", "relu"), "fc1000")
    return b.published(name, x, _ORIGIN, _HASHES.get((name, b.include_top)))


def _activate(b, x, name, activation):
    x = b.layers.BatchNormalization(axis=b.axis, epsilon=_EPSILON, name=name)(x)
    return b.layers.Activation("relu", name=activation)(x)


def _dense_layer(b, x, name, growth=32):
    layers = b.layers
    y = _activate(b, x, name + "_0_bn", name + "_0_relu")
    y = layers.Conv2D(4 * growth, 1, use_bias=False, name=name + "_1_conv")(y)
    y = _activate(b, y, name + "_1_bn", name + "_1_relu")
    y = layers.Conv2D(growth, 3, padding="same", use_bias=False, name=name + "_2_conv")(y)
    return layers.Concatenate(axis=b.axis, name=name + "_concat")([x, y])


def _transition(b, x, name):
    """Halves the channels, and the size."""
    layers = b.layers
    x = _activate(b, x, name + "_bn", name + "_relu")
    half = b.m.backend.int_shape(x)[b.axis] // 2
    x = layers.Conv2D(half, 1, use_bias=False, name=name + "_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=name + "_pool")(x)


def DenseNet121(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs
):
    """Builds DenseNet-121.

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
    return DenseNet([6, 12, 24, 16], include_top, weights, input_tensor, input_shape, pooling, classes, **kwargs)


def DenseNet169(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs
):
    """Builds DenseNet-169.

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
    return DenseNet([6, 12, 32, 32], include_top, weights, input_tensor, input_shape, pooling, classes, **kwargs)


def DenseNet201(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs
):
    """Builds DenseNet-201.

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
    return DenseNet([6, 12, 48, 32], include_top, weights, input_tensor, input_shape, pooling, classes, **kwargs)
