"""Trains a dense network on handwritten digits of 8x8 pixels; takes seconds and needs no download.

    python examples/digits_mlp.py [--plot FILE]

Reaches at least 97 % on the 359 test images.
"""

import argparse

import numpy as np

import gpukeras as keras
from gpukeras.layers import Dense, Dropout
from gpukeras.models import Sequential
from gpukeras.utils import plot_history


def load():
    """Returns the digits as rows of 64 numbers in [0, 1] with one-hot labels."""
    (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
    x_train = x_train.reshape(-1, 64).astype("float32") / 16
    x_test = x_test.reshape(-1, 64).astype("float32") / 16
    y_train = keras.utils.to_categorical(y_train, 10)
    y_test = keras.utils.to_categorical(y_test, 10)
    return (x_train, y_train), (x_test, y_test)


def build():
    """Returns the compiled model: 64-128-128-10 with dropout."""
    model = Sequential()
    model.add(Dense(128, activation="relu", input_shape=(64,)))
    model.add(Dropout(0.2))
    model.add(Dense(128, activation="relu"))
    model.add(Dropout(0.2))
    model.add(Dense(10, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def main(plot=None, epochs=30):
    """Trains and evaluates; returns the test accuracy."""
    np.random.seed(1)
    (x_train, y_train), (x_test, y_test) = load()
    model = build()
    model.summary()
    history = model.fit(x_train, y_train, batch_size=32, epochs=epochs, validation_data=(x_test, y_test))
    if plot:
        plot_history(history, plot)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
