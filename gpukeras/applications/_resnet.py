"""The residual networks of both versions, named as Keras does after 2.2: a stem, four stages of blocks, a head."""

_ORIGIN = "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
_EPSILON = 1.001e-5


def build(b, block, counts, hashes, preact=False):
    """Builds a residual network.

    Arguments:
        b: `Build`.
        block: function of `(b, x, filters, name, first, last, stage)`.
        counts: tuple of 4 int, blocks per stage.
        hashes: pair of strings, MD5 of the weights with the top and without it.
        preact: bool, whether normalisation comes before each convolution (version 2).

    Returns:
        `Model`.
    """
    layers = b.layers
    x = b.input(224, 32, fixed=b.include_top)
    x = layers.ZeroPadding2D(((3, 3), (3, 3)), name="conv1_pad")(x)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    if not preact:
        x = normalize(b, x, "conv1_bn", "conv1_relu")
    x = layers.ZeroPadding2D(((1, 1), (1, 1)), name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, count in enumerate(counts, start=2):
        for i in range(1, count + 1):
            x = block(b, x, 32 * 2 ** (stage - 1), f"conv{stage}_block{i}", i == 1, i == count, stage)
    if preact:
        x = normalize(b, x, "post_bn", "post_relu")
    x = b.head(x, "predictions")
    return b.published(b.name.lower(), x, _ORIGIN, hashes[0 if b.include_top else 1])


def normalize(b, x, name, activation=None):
    """Batch normalisation, and ReLU under the name `activation` when one is given."""
    x = b.layers.BatchNormalization(axis=b.axis, epsilon=_EPSILON, name=name)(x)
    return x if activation is None else b.layers.Activation("relu", name=activation)(x)


def residual_block(b, x, filters, name, first, last, stage):
    """Version 1: 1x1, 3x3, 1x1, each normalised; the first block of each stage but the first halves the size."""
    layers = b.layers
    strides = 2 if first and stage > 2 else 1
    if first:
        short = layers.Conv2D(4 * filters, 1, strides=strides, name=name + "_0_conv")(x)
        short = normalize(b, short, name + "_0_bn")
    else:
        short = x
    x = layers.Conv2D(filters, 1, strides=strides, name=name + "_1_conv")(x)
    x = normalize(b, x, name + "_1_bn", name + "_1_relu")
    x = layers.Conv2D(filters, 3, padding="same", name=name + "_2_conv")(x)
    x = normalize(b, x, name + "_2_bn", name + "_2_relu")
    x = layers.Conv2D(4 * filters, 1, name=name + "_3_conv")(x)
    x = normalize(b, x, name + "_3_bn")
    x = layers.Add(name=name + "_add")([short, x])
    return layers.Activation("relu", name=name + "_out")(x)


def preact_block(b, x, filters, name, first, last, stage):
    """Version 2: normalised before each convolution; the last block of each stage but the last halves the size."""
    layers = b.layers
    strides = 2 if last and stage < 5 else 1
    preact = normalize(b, x, name + "_preact_bn", name + "_preact_relu")
    if first:
        short = layers.Conv2D(4 * filters, 1, strides=strides, name=name + "_0_conv")(preact)
    else:
        short = layers.MaxPooling2D(1, strides=strides)(x) if strides > 1 else x
    x = layers.Conv2D(filters, 1, use_bias=False, name=name + "_1_conv")(preact)
    x = normalize(b, x, name + "_1_bn", name + "_1_relu")
    x = layers.ZeroPadding2D(((1, 1), (1, 1)), name=name + "_2_pad")(x)
    x = layers.Conv2D(filters, 3, strides=strides, use_bias=False, name=name + "_2_conv")(x)
    x = normalize(b, x, name + "_2_bn", name + "_2_relu")
    x = layers.Conv2D(4 * filters, 1, name=name + "_3_conv")(x)
    return layers.Add(name=name + "_out")([short, x])
