"""Tells kind film reviews from unkind ones by the best match of small word patterns: a convolution over the text.

    python examples/imdb_cnn.py [--quick] [--plot FILE]

The reviews are downloaded to ~/.keras/datasets on first use; `--quick` makes some up.
"""

import argparse

import numpy as np
import reviews

from gpukeras.layers import Activation, Conv1D, Dense, Dropout, Embedding, GlobalMaxPooling1D
from gpukeras.models import Sequential
from gpukeras.utils import plot_history


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


def main(quick=False, plot=None):
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
