"""Small networks of every kind with data for them, for training on one device and on another."""

import numpy as np

from gpukeras.layers import (
    GRU,
    LSTM,
    Activation,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    Input,
    MaxPooling2D,
    add,
)
from gpukeras.models import Model, Sequential


def _rand(seed, *shape):
    return np.random.RandomState(seed).randn(*shape).astype("float32")


def mlp():
    """A perceptron with dropout."""
    return Sequential(
        [Dense(16, activation="relu", input_shape=(6,)), Dropout(0.2, seed=3), Dense(3, activation="softmax")]
    )


def cnn():
    """Convolutions, pooling, batch normalisation, a residual connection."""
    inputs = Input((8, 8, 3))
    # No bias: its gradient under batch normalisation is 0 but for rounding, which Adam would make steps of.
    x = Conv2D(8, 3, padding="same", use_bias=False, kernel_regularizer="l2")(inputs)
    x = Activation("relu")(BatchNormalization()(x))
    x = add([MaxPooling2D()(x), Conv2D(8, 1, strides=2)(inputs)])
    x = DepthwiseConv2D(3, padding="same")(x)
    return Model(inputs, Dense(3, activation="softmax")(GlobalAveragePooling2D()(x)))


def lstm():
    """An embedding and recurrent layers, the first of them with Keras' default activations."""
    return Sequential(
        [Embedding(30, 8, input_length=7), LSTM(6, return_sequences=True), GRU(5), Dense(3, activation="softmax")]
    )


def masked():
    """Masked steps, both directions."""
    return Sequential(
        [Embedding(30, 8, mask_zero=True, input_length=7), Bidirectional(LSTM(4)), Dense(3, activation="softmax")]
    )


def text():
    """One-dimensional convolutions."""
    return Sequential(
        [Embedding(30, 8, input_length=7), Conv1D(6, 3, activation="relu"), GlobalMaxPooling1D(),
         Dense(3, activation="softmax")]
    )  # fmt: skip


def local():
    """Images flattened into dense layers with an activity penalty."""
    return Sequential(
        [Flatten(input_shape=(8, 8, 3)), Dense(8, activation="tanh", activity_regularizer="l2"),
         Dense(3, activation="softmax")]
    )  # fmt: skip


_ROWS, _IMAGES = _rand(1, 40, 6), _rand(2, 40, 8, 8, 3)
_WORDS = np.random.RandomState(3).randint(0, 30, (40, 7))
_CLASSES = np.random.RandomState(4).randint(0, 3, 40)
#: name -> (maker, inputs, classes)
NETWORKS = {
    "mlp": (mlp, _ROWS, _CLASSES),
    "cnn": (cnn, _IMAGES, _CLASSES),
    "local": (local, _IMAGES, _CLASSES),
    "text": (text, _WORDS, _CLASSES),
    "lstm": (lstm, _WORDS, _CLASSES),
    "masked": (masked, _WORDS, _CLASSES),
}
