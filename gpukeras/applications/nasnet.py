"""NASNet-A (B. Zoph, V. Vasudevan, J. Shlens, Q. V. Le: Learning Transferable Architectures, 2017)."""

from . import imagenet_utils
from ._shared import Build, correct_pad
from .imagenet_utils import decode_predictions

__all__ = ["NASNet", "NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

_ORIGIN = "https://github.com/titu1994/Keras-NASNet/releases/download/v1.2/"
# By the size the network was designed for: names and MD5 of the weights with the top and without it.
_FILES = {
    331: (("large", "11577c9a518f0070763c2b964a382f17"), ("large-no-top", "d81d89dc07e6e56530c4e77faddd61b5")),
    224: (("mobile", "020fb642bf7360b370c678b08e0adf61"), ("mobile-no-top", "1ed92395b5b598bdda52abe5c0dbfd63")),
}


def preprocess_input(x, **kwargs):
    """Scales pixels of 0 to 255 to -1 to 1.

    Arguments:
        x: array or tensor, one image or a batch; a floating-point array is changed in place.
        **kwargs: as for `imagenet_utils.preprocess_input`.

    Returns:
        Array or tensor of the same shape.
    """
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def NASNet(
    input_shape=None,
    penultimate_filters=4032,
    num_blocks=6,
    stem_block_filters=96,
    skip_reduction=True,
    filter_multiplier=2,
    include_top=True,
    weights=None,
    input_tensor=None,
    pooling=None,
    classes=1000,
    default_size=None,
    **kwargs,
):
    """Builds a NASNet-A: three runs of `num_blocks` normal cells, a reduction cell before the second and the third.

    Arguments:
        input_shape: tuple, shape of one image, height and width at least 32.
        penultimate_filters: int, channels of the last cell; a multiple of 24 times the square of the multiplier.
        num_blocks: int, normal cells in a run.
        stem_block_filters: int, filters of the first convolution.
        skip_reduction: bool, whether the cell after a reduction reads the output of the cell two before it.
        filter_multiplier: int, factor on the number of filters from run to run.
        include_top: bool, whether the dense layer at the end is part of it.
        weights: None (random), 'imagenet' (only for the two functions below) or the path of a file of weights.
        input_tensor: tensor to build the model on.
        pooling: what follows the last cell when `include_top` is False: None, 'avg' or 'max'.
        classes: int, how many classes the top tells apart.
        default_size: int, height and width when `input_shape` is None; 331 when None.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to build with instead of the package's own.

    Returns:
        `Model`.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """
    b = Build("NASNet", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    unit = 24 * filter_multiplier**2
    if penultimate_filters % unit != 0:
        raise ValueError(
            f"NASNet: `penultimate_filters` must be a multiple of {unit} (24 * filter_multiplier ** 2), "
            f"got {penultimate_filters}"
        )
    if weights == "imagenet" and default_size not in _FILES:
        raise ValueError("NASNet: only NASNetLarge and NASNetMobile have ImageNet weights; use weights=None")
    x = b.input(default_size or 331, 32, fixed=b.include_top)
    x = _Cells(b, filter_multiplier, skip_reduction).stack(x, penultimate_filters // 24, num_blocks, stem_block_filters)
    x = b.layers.Activation("relu")(x)
    if b.include_top:
        x = b.layers.GlobalAveragePooling2D()(x)
        x = b.layers.Dense(classes, activation="softmax", name="predictions")(x)
    else:
        x = b.pool(x)
    model = b.model("NASNet", x)
    if weights != "imagenet":
        return b.load(model, None)
    variant, file_hash = _FILES[default_size][0 if b.include_top else 1]
    return b.load(model, f"{_ORIGIN}NASNet-{variant}.h5", file_hash, f"nasnet_{variant.replace('-', '_')}.h5")


def NASNetLarge(
    input_shape=None, include_top=True, weights="imagenet", input_tensor=None, pooling=None, classes=1000, **kwargs
):
    """Builds NASNet-A Large (6 @ 4032), made for images of 331 pixels.

    Arguments:
        input_shape: tuple, shape of one image, height and width at least 32; (331, 331, 3) when None.
        include_top: bool, whether the dense layer at the end is part of it.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: tensor to build the model on.
        pooling: what follows the last cell when `include_top` is False: None, 'avg' or 'max'.
        classes: int, how many classes the top tells apart.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to build with instead of the package's own.

    Returns:
        `Model`.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """
    return NASNet(
        input_shape, 4032, 6, 96, True, 2, include_top, weights, input_tensor, pooling, classes, 331, **kwargs
    )


def NASNetMobile(
    input_shape=None, include_top=True, weights="imagenet", input_tensor=None, pooling=None, classes=1000, **kwargs
):
    """Builds NASNet-A Mobile (4 @ 1056), made for images of 224 pixels.

    Arguments:
        input_shape: tuple, shape of one image, height and width at least 32; (224, 224, 3) when None.
        include_top: bool, whether the dense layer at the end is part of it.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: tensor to build the model on.
        pooling: what follows the last cell when `include_top` is False: None, 'avg' or 'max'.
        classes: int, how many classes the top tells apart.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to build with instead of the package's own.

    Returns:
        `Model`.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """
    return NASNet(
        input_shape, 1056, 4, 32, False, 2, include_top, weights, input_tensor, pooling, classes, 224, **kwargs
    )


class _Cells:
    """Builds the cells of a NASNet; every cell reads the outputs of the two before it, `x` and `p`.

    Which of them is the larger one is known from the order of the cells; their sizes may not be known yet.
    """

    def __init__(self, b, multiplier, skip_reduction):
        self.b = b
        self.layers = b.layers
        self.scope = b.m.backend.name_scope
        self.multiplier = multiplier
        self.skip_reduction = skip_reduction

    def stack(self, x, filters, count, stem_filters):
        m = self.multiplier
        x = self.layers.Conv2D(
            stem_filters,
            (3, 3),
            strides=(2, 2),
            padding="valid",
            use_bias=False,
            name="stem_conv1",
            kernel_initializer="he_normal",
        )(x)
        x = self.normalize(x, "stem_bn1")
        stem = x
        x = self.reduction(x, None, filters // m**2, "stem_1")
        x, p = self.reduction(x, stem, filters // m, "stem_2", p_is_larger=True), x
        # The first cell after a reduction reads a tensor of twice its size.
        larger = True
        for run in range(3):
            first = run * count
            if run:
                reduced = self.reduction(x, p, filters * m**run, f"reduce_{first}")
                p = p if self.skip_reduction else x
                x, larger, first = reduced, True, first + 1
            for i in range(count):
                x, p = self.normal(x, p, filters * m**run, str(first + i), larger), x
                larger = False
        return x

    def normalize(self, x, name):
        return self.layers.BatchNormalization(axis=self.b.last_axis, momentum=0.9997, epsilon=1e-3, name=name)(x)

    def convolution(self, x, filters, name):
        return self.layers.Conv2D(
            filters, (1, 1), padding="same", name=name, use_bias=False, kernel_initializer="he_normal"
        )(x)

    def separable(self, x, filters, size, name, strides=1):
        """ReLU, separable convolution, normalisation; twice."""
        layers = self.layers
        with self.scope(f"separable_conv_block_{name}"):
            x = layers.Activation("relu")(x)
            if strides == 2:
                x = layers.ZeroPadding2D(correct_pad(self.b, x, size), name=f"separable_conv_1_pad_{name}")(x)
            for i in (1, 2):
                if i == 2:
                    x = layers.Activation("relu")(x)
                halving = i == 1 and strides == 2
                x = layers.SeparableConv2D(
                    filters,
                    (size, size),
                    strides=(2, 2) if halving else (1, 1),
                    name=f"separable_conv_{i}_{name}",
                    padding="valid" if halving else "same",
                    use_bias=False,
                )(x)
                x = self.normalize(x, f"separable_conv_{i}_bn_{name}")
        return x

    def adjust(self, p, x, filters, name, p_is_larger):
        """Brings `p` to the size of `x` and to `filters` channels."""
        with self.scope("adjust_block"):
            if p is None:
                return x
            if p_is_larger:
                with self.scope(f"adjust_reduction_block_{name}"):
                    return self.adjust_by_reduction(p, filters, name)
            if self.b.m.backend.int_shape(p)[self.b.last_axis] != filters:
                with self.scope(f"adjust_projection_block_{name}"):
                    p = self.layers.Activation("relu")(p)
                    p = self.convolution(p, filters, f"adjust_conv_projection_{name}")
                    return self.normalize(p, f"adjust_bn_{name}")
        return p

    def adjust_by_reduction(self, p, filters, name):
        """Every second pixel, from the first and from the second on: half of the channels from each."""
        layers = self.layers
        p = layers.Activation("relu", name=f"adjust_relu_1_{name}")(p)
        even = layers.AveragePooling2D((1, 1), strides=(2, 2), padding="valid", name=f"adjust_avg_pool_1_{name}")(p)
        even = self.convolution(even, filters // 2, f"adjust_conv_1_{name}")
        odd = layers.ZeroPadding2D(padding=((0, 1), (0, 1)))(p)
        odd = layers.Cropping2D(cropping=((1, 0), (1, 0)))(odd)
        odd = layers.AveragePooling2D((1, 1), strides=(2, 2), padding="valid", name=f"adjust_avg_pool_2_{name}")(odd)
        odd = self.convolution(odd, filters // 2, f"adjust_conv_2_{name}")
        p = layers.concatenate([even, odd], axis=self.b.last_axis)
        return self.normalize(p, f"adjust_bn_{name}")

    def pool(self, kind, x, name, strides=1):
        layer = self.layers.MaxPooling2D if kind == "max" else self.layers.AveragePooling2D
        padding = "same" if strides == 1 else "valid"
        return layer((3, 3), strides=(strides, strides), padding=padding, name=name)(x)

    def normal(self, x, p, filters, name, p_is_larger):
        """A normal cell: size and channels stay; six tensors side by side."""
        with self.scope(f"normal_A_block_{name}"):
            p = self.adjust(p, x, filters, name, p_is_larger)
            h = self.layers.Activation("relu")(x)
            h = self.convolution(h, filters, f"normal_conv_1_{name}")
            h = self.normalize(h, f"normal_bn_1_{name}")
            parts = self.normal_parts(h, p, filters, name)
            return self.layers.concatenate([p, *parts], axis=self.b.last_axis, name=f"normal_concat_{name}")

    def normal_parts(self, h, p, filters, name):
        add = self.layers.add
        with self.scope("block_1"):
            left = self.separable(h, filters, 5, f"normal_left1_{name}")
            right = self.separable(p, filters, 3, f"normal_right1_{name}")
            x1 = add([left, right], name=f"normal_add_1_{name}")
        with self.scope("block_2"):
            left = self.separable(p, filters, 5, f"normal_left2_{name}")
            right = self.separable(p, filters, 3, f"normal_right2_{name}")
            x2 = add([left, right], name=f"normal_add_2_{name}")
        with self.scope("block_3"):
            x3 = add([self.pool("mean", h, f"normal_left3_{name}"), p], name=f"normal_add_3_{name}")
        with self.scope("block_4"):
            left = self.pool("mean", p, f"normal_left4_{name}")
            right = self.pool("mean", p, f"normal_right4_{name}")
            x4 = add([left, right], name=f"normal_add_4_{name}")
        with self.scope("block_5"):
            x5 = add([self.separable(h, filters, 3, f"normal_left5_{name}"), h], name=f"normal_add_5_{name}")
        return [x1, x2, x3, x4, x5]

    def reduction(self, x, p, filters, name, p_is_larger=False):
        """A reduction cell: halves the size; four tensors side by side."""
        with self.scope(f"reduction_A_block_{name}"):
            p = self.adjust(p, x, filters, name, p_is_larger)
            h = self.layers.Activation("relu")(x)
            h = self.convolution(h, filters, f"reduction_conv_1_{name}")
            h = self.normalize(h, f"reduction_bn_1_{name}")
            padded = self.layers.ZeroPadding2D(correct_pad(self.b, h, 3), name=f"reduction_pad_1_{name}")(h)
            parts = self.reduction_parts(h, p, padded, filters, name)
            return self.layers.concatenate(parts, axis=self.b.last_axis, name=f"reduction_concat_{name}")

    def reduction_parts(self, h, p, padded, filters, name):
        add = self.layers.add
        with self.scope("block_1"):
            left = self.separable(h, filters, 5, f"reduction_left1_{name}", strides=2)
            right = self.separable(p, filters, 7, f"reduction_right1_{name}", strides=2)
            x1 = add([left, right], name=f"reduction_add_1_{name}")
        with self.scope("block_2"):
            left = self.pool("max", padded, f"reduction_left2_{name}", strides=2)
            right = self.separable(p, filters, 7, f"reduction_right2_{name}", strides=2)
            x2 = add([left, right], name=f"reduction_add_2_{name}")
        with self.scope("block_3"):
            left = self.pool("mean", padded, f"reduction_left3_{name}", strides=2)
            right = self.separable(p, filters, 5, f"reduction_right3_{name}", strides=2)
            x3 = add([left, right], name=f"reduction_add3_{name}")
        with self.scope("block_4"):
            x4 = add([x2, self.pool("mean", x1, f"reduction_left4_{name}")])
        with self.scope("block_5"):
            left = self.separable(x1, filters, 3, f"reduction_left4_{name}")
            right = self.pool("max", padded, f"reduction_right5_{name}", strides=2)
            x5 = add([left, right], name=f"reduction_add4_{name}")
        return [x2, x3, x4, x5]
