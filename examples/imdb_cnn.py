"""Tells kind film reviews from unkind ones by the best match of small word patterns: a convolution over the text.

    python examples/imdb_cnn.py [--quick]

The reviews are downloaded to ~/.keras/datasets on first use; `--quick` makes some up.
"""

import sys

import numpy as np
import reviews

from gpukeras.layers import Activation, Conv1D, Dense, Dropout, Embedding, GlobalMaxPooling1D
from gpukeras.models import Sequential


def build(max_features, maxlen, embedding, filters, hidden):
    """Returns the compiled model; every filter sees three words at a time."""
    model = Sequential()
    model.add(Embedding(max_features, embedding, input_length=maxlen))
    model.add(Dropout(0.2))
    model.add(Conv1D(filters, 3, padding="valid", activation="relu", strides=1))
    model.add(GlobalMaxPooling1D())
    model.add(Dense(hidden))
    model.add(Dropout(0.2))
    model.add(Activation("relu"))
    model.add(Dense(1))
    model.add(Activation("sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def main(quick=False):
    """Trains; returns the accuracy on the test reviews."""
    np.random.seed(1)
    max_features, maxlen, epochs = (100, 20, 12) if quick else (5000, 400, 2)
    sizes = (16, 32, 32) if quick else (50, 250, 250)
    (x_train, y_train), (x_test, y_test) = reviews.load(max_features, maxlen, quick)
    model = build(max_features, maxlen, *sizes)
    history = model.fit(
        x_train,
        y_train,
        batch_size=16 if quick else 32,
        epochs=epochs,
        verbose=2,
        validation_data=(x_test, y_test),
    ).history
    print(f"loss {history['loss'][0]:.4f} -> {history['loss'][-1]:.4f}")
    print("Test accuracy:", history["val_acc"][-1])
    return history["val_acc"][-1]


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
