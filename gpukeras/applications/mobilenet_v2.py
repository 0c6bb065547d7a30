"""MobileNetV2 (M. Sandler et al.: MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018)."""

import numpy as np

from ._shared import Build, correct_pad, mobile_input, modules
from .imagenet_utils import decode_predictions, scaled_to_one

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

_ORIGIN = "https://github.com/JonathanCMitchell/mobilenet_v2_keras/releases/download/v1.1/"
_ALPHAS = {alpha: str(alpha) for alpha in (0.35, 0.50, 0.75, 1.0, 1.3, 1.4)}
_SIZES = (96, 128, 160, 192, 224)
# Filters, blocks and first stride of each stage; all but the first stage widen their input six times.
_STAGES = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))


def preprocess_input(x, **kwargs):
    """Scales pixels of 0 to 255 to -1 to just below 1: Keras 2.2 divides by 128 here, not by 127.5.

    Arguments:
        x: array or tensor, one image or a batch; a floating-point array is changed in place.
        **kwargs: as for `imagenet_utils.preprocess_input`.

    Returns:
        Array or tensor of the same shape.
    """
    backend = modules(kwargs).backend
    if not isinstance(x, np.ndarray) and not backend.dtype(x).startswith("float"):
        x = backend.cast(x, backend.floatx())
    return scaled_to_one(x, 128.0, backend.floatx())


def MobileNetV2(
    input_shape=None,
    alpha=1.0,
    depth_multiplier=1,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """Builds MobileNetV2: 17 residual blocks that widen, convolve by channel, and narrow again.

    Arguments:
        input_shape: tuple, shape of one image, height and width at least 32; (224, 224, 3) when None, of any size
            without the top.
        alpha: float, factor on the number of filters of every layer.
        depth_multiplier: int, kept for old scripts; only 1 goes with the ImageNet weights.
        include_top: bool, whether the dense layer at the end is part of it.
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
    b = Build("MobileNetV2", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    x, size = mobile_input(b, alpha, _ALPHAS, _SIZES, depth_multiplier)
    layers = b.layers
    x = layers.ZeroPadding2D(correct_pad(b, x, 3), name="Conv1_pad")(x)
    x = layers.Conv2D(_rounded(32 * alpha), (3, 3), strides=(2, 2), use_bias=False, name="Conv1")(x)
    x = _normalize(b, x, "bn_Conv1", "Conv1_relu")
    block = 0
    for filters, count, strides in _STAGES:
        for i in range(count):
            x = _block(b, x, _rounded(filters * alpha), strides if i == 0 else 1, block)
            block += 1
    x = layers.Conv2D(_rounded(1280 * max(alpha, 1.0)), (1, 1), use_bias=False, name="Conv_1")(x)
    x = _normalize(b, x, "Conv_1_bn", "out_relu")
    if b.include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(classes, activation="softmax", name="Logits")(x)
    else:
        x = b.pool(x)
    model = b.model("mobilenetv2_%0.2f_%s" % (alpha, size), x)
    suffix = "" if b.include_top else "_no_top"
    file_name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{_ALPHAS.get(alpha)}_{size}{suffix}.h5"
    return b.load(model, _ORIGIN + file_name)


def _rounded(filters, divisor=8):
    """The nearest multiple of `divisor`, but never more than a tenth below `filters`."""
    nearest = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * filters else nearest


def _normalize(b, x, name, activation=None):
    x = b.layers.BatchNormalization(axis=b.last_axis, epsilon=1e-3, momentum=0.999, name=name)(x)
    return x if activation is None else b.layers.ReLU(6.0, name=activation)(x)


def _block(b, x, filters, strides, block):
    """An inverted residual block; the very first one does not widen its input."""
    layers = b.layers
    channels = b.m.backend.int_shape(x)[b.last_axis]
    name = f"block_{block}_" if block else "expanded_conv_"
    y = x
    if block:
        y = layers.Conv2D(6 * channels, (1, 1), padding="same", use_bias=False, name=name + "expand")(y)
        y = _normalize(b, y, name + "expand_BN", name + "expand_relu")
    if strides == 2:
        y = layers.ZeroPadding2D(correct_pad(b, y, 3), name=name + "pad")(y)
    y = layers.DepthwiseConv2D(
        (3, 3),
        strides=(strides, strides),
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        name=name + "depthwise",
    )(y)
    y = _normalize(b, y, name + "depthwise_BN", name + "depthwise_relu")
    y = layers.Conv2D(filters, (1, 1), padding="same", use_bias=False, name=name + "project")(y)
    y = _normalize(b, y, name + "project_BN")
    if channels == filters and strides == 1:
        return layers.Add(name=name + "add")([x, y])
    return y
