"""MobileNet (A. G. Howard et al.: MobileNets: Efficient Convolutional Neural Networks for Mobile Vision, 2017)."""

from .. import backend as K
from ..layers import DepthwiseConv2D
from . import imagenet_utils
from ._shared import Build, mobile_input
from .imagenet_utils import decode_predictions

__all__ = ["DepthwiseConv2D", "MobileNet", "decode_predictions", "preprocess_input", "relu6"]

_ORIGIN = "https://github.com/fchollet/deep-learning-models/releases/download/v0.6/"
_ALPHAS = {0.25: "2_5", 0.50: "5_0", 0.75: "7_5", 1.0: "1_0"}
_SIZES = (128, 160, 192, 224)
# Filters and stride of each pair of a depthwise and a 1x1 convolution.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


def preprocess_input(x, **kwargs):
    """Scales pixels of 0 to 255 to -1 to 1.

    Arguments:
        x: array or tensor, one image or a batch; a floating-point array is changed in place.
        **kwargs: as for `imagenet_utils.preprocess_input`.

    Returns:
        Array or tensor of the same shape.
    """
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def relu6(x):
    """ReLU cut off at 6; models saved by Keras before 2.2 name it, and `DepthwiseConv2D`, as custom objects.

    Arguments:
        x: tensor.

    Returns:
        Tensor.
    """
    return K.relu(x, max_value=6)


def MobileNet(
    input_shape=None,
    alpha=1.0,
    depth_multiplier=1,
    dropout=1e-3,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """Builds MobileNet: 13 pairs of a depthwise and a 1x1 convolution.

    Arguments:
        input_shape: tuple, shape of one image, height and width at least 32; (224, 224, 3) when None, of any size
            without the top.
        alpha: float, factor on the number of filters of every layer.
        depth_multiplier: int, filters per channel of the depthwise convolutions.
        dropout: float, rate of the dropout before the classifier.
        include_top: bool, whether the classifier at the end is part of it.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: tensor to build the model on.
        pooling: what follows the last block when `include_top` is False: None, 'avg' or 'max'.
        classes: int, how many classes the top tells apart.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to build with instead of the package's own.

    Returns:
        `Model`.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """
    b = Build("MobileNet", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    x, size = mobile_input(b, alpha, _ALPHAS, _SIZES, depth_multiplier)
    layers = b.layers
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="conv1_pad")(x)
    x = layers.Conv2D(int(32 * alpha), (3, 3), strides=(2, 2), use_bias=False, name="conv1")(x)
    x = _normalize(b, x, "conv1")
    for i, (filters, strides) in enumerate(_BLOCKS, start=1):
        x = _pair(b, x, int(filters * alpha), depth_multiplier, strides, i)
    if b.include_top:
        channels = int(1024 * alpha)
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Reshape((channels, 1, 1) if b.axis == 1 else (1, 1, channels))(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, (1, 1), padding="same", name="conv_preds")(x)
        x = layers.Activation("softmax", name="act_softmax")(x)
        x = layers.Reshape((classes,))(x)
    else:
        x = b.pool(x)
    model = b.model("mobilenet_%0.2f_%s" % (alpha, size), x)
    suffix = "" if b.include_top else "_no_top"
    return b.load(model, f"{_ORIGIN}mobilenet_{_ALPHAS.get(alpha)}_{size}_tf{suffix}.h5")


def _normalize(b, x, name):
    x = b.layers.BatchNormalization(axis=b.last_axis, name=name + "_bn")(x)
    return b.layers.ReLU(6.0, name=name + "_relu")(x)


def _pair(b, x, filters, depth_multiplier, strides, i):
    layers = b.layers
    if strides > 1:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
    x = layers.DepthwiseConv2D(
        (3, 3),
        padding="same" if strides == 1 else "valid",
        depth_multiplier=depth_multiplier,
        strides=(strides, strides),
        use_bias=False,
        name=f"conv_dw_{i}",
    )(x)
    x = _normalize(b, x, f"conv_dw_{i}")
    x = layers.Conv2D(filters, (1, 1), padding="same", use_bias=False, name=f"conv_pw_{i}")(x)
    return _normalize(b, x, f"conv_pw_{i}")
