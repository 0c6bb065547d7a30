"""Tells kind film reviews from unkind ones with an LSTM that reads them from both ends.

    python examples/imdb_bidirectional_lstm.py [--quick]

The reviews are downloaded to ~/.keras/datasets on first use; `--quick` makes some up.
"""

import sys

import numpy as np
import reviews

from gpukeras.layers import LSTM, Bidirectional, Dense, Dropout, Embedding
from gpukeras.models import Sequential


def build(max_features, maxlen, units):
    """Returns the compiled model."""
    model = Sequential()
    model.add(Embedding(max_features, 2 * units, input_length=maxlen))
    model.add(Bidirectional(LSTM(units)))
    model.add(Dropout(0.5))
    model.add(Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def main(quick=False):
    """Trains; returns the accuracy on the test reviews."""
    np.random.seed(1)
    max_features, maxlen, units, epochs = (100, 20, 8, 14) if quick else (20000, 100, 64, 4)
    (x_train, y_train), (x_test, y_test) = reviews.load(max_features, maxlen, quick)
    model = build(max_features, maxlen, units)
    history = model.fit(
        x_train,
        y_train,
        batch_size=16 if quick else 32,
        epochs=epochs,
        verbose=2,
        validation_data=[x_test, y_test],
    ).history
    print(f"loss {history['loss'][0]:.4f} -> {history['loss'][-1]:.4f}")
    print("Test accuracy:", history["val_acc"][-1])
    return history["val_acc"][-1]


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
