"""Tells kind film reviews from unkind ones with an LSTM that reads them from both ends.

    python examples/imdb_bidirectional_lstm.py [--quick] [--plot FILE]

The reviews are downloaded to ~/.keras/datasets on first use; `--quick` makes some up.
"""

import argparse

import numpy as np
import reviews

from gpukeras.layers import LSTM, Bidirectional, Dense, Dropout, Embedding
from gpukeras.models import Sequential
from gpukeras.utils import plot_history


def build(max_features, maxlen, units):
    """Returns the compiled model."""
    model = Sequential()
    model.add(Embedding(max_features, 2 * units, input_length=maxlen))
    model.add(Bidirectional(LSTM(units)))
    model.add(Dropout(0.5))
    model.add(Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def main(quick=False, plot=None):
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
    )
    if plot:
        plot_history(history, plot)
    losses = history.history["loss"]
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    accuracy = history.history["val_accuracy"][-1]
    print("Test accuracy:", accuracy)
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="made-up reviews and a smaller network, in seconds")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
