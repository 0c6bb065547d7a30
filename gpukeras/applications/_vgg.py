"""The VGG networks: blocks of 3x3 convolutions, each closed by max pooling."""

_ORIGIN = "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/"


def build(b, blocks, hashes):
    """Builds a VGG network.

    Arguments:
        b: `Build`.
        blocks: tuple of 5 int, convolutions per block.
        hashes: pair of strings, MD5 of the weights with the top and without it.

    Returns:
        `Model`.
    """
    layers = b.layers
    x = b.input(224, 32, fixed=b.include_top)
    for block, (count, filters) in enumerate(zip(blocks, (64, 128, 256, 512, 512)), start=1):
        for i in range(1, count + 1):
            x = layers.Conv2D(filters, (3, 3), activation="relu", padding="same", name=f"block{block}_conv{i}")(x)
        x = layers.MaxPooling2D((2, 2), strides=(2, 2), name=f"block{block}_pool")(x)
    if b.include_top:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(4096, activation="relu", name="fc1")(x)
        x = layers.Dense(4096, activation="relu", name="fc2")(x)
        x = layers.Dense(b.classes, activation="softmax", name="predictions")(x)
    else:
        x = b.pool(x)
    return b.published(b.name.lower(), x, _ORIGIN, hashes[0 if b.include_top else 1])
