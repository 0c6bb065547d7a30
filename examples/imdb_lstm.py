"""Tells kind film reviews from unkind ones with an LSTM over word embeddings.

    python examples/imdb_lstm.py [--quick] [--plot FILE]

The reviews are downloaded to ~/.keras/datasets on first use; `--quick` makes some up.
"""

import argparse

import numpy as np
import reviews

from gpukeras.layers import LSTM, Dense, Embedding
from gpukeras.models import Sequential
from gpukeras.utils import plot_history


def build(max_features, units, dropout=0.2):
    """Returns the compiled model."""
    model = Sequential()
    model.add(Embedding(max_features, units))
    model.add(LSTM(units, dropout=dropout, recurrent_dropout=dropout))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def main(quick=False, plot=None):
    """Trains and evaluates; returns the test accuracy."""
    np.random.seed(1)
    max_features, maxlen, units, epochs = (100, 20, 16, 14) if quick else (20000, 80, 128, 15)
    (x_train, y_train), (x_test, y_test) = reviews.load(max_features, maxlen, quick)
    print(len(x_train), "reviews to learn from,", len(x_test), "to be tested on")
    model = build(max_features, units, dropout=0.0 if quick else 0.2)
    history = model.fit(
        x_train,
        y_train,
        batch_size=16 if quick else 32,
        epochs=epochs,
        verbose=2,
        validation_data=(x_test, y_test),
    )
    if plot:
        plot_history(history, plot)
    score, accuracy = model.evaluate(x_test, y_test, batch_size=32, verbose=0)
    losses = history.history["loss"]
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    print("Test score:", score)
    print("Test accuracy:", accuracy)
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="made-up reviews and a smaller network, in seconds")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
