"""Trains a small convolutional network on handwritten digits of 8x8 pixels; needs no download.

    python examples/digits_cnn.py [--plot FILE]

Reaches at least 98 % on the 359 test images.
"""

import argparse

import numpy as np

import gpukeras as keras
from gpukeras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from gpukeras.models import Sequential
from gpukeras.utils import plot_history


def load():
    """Returns the digits as images of one channel in [0, 1] with their labels."""
    (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
    x_train = x_train.reshape(-1, 8, 8, 1).astype("float32") / 16
    x_test = x_test.reshape(-1, 8, 8, 1).astype("float32") / 16
    return (x_train, y_train), (x_test, y_test)


def build():
    """Returns the compiled model: two convolutions, pooling, two dense layers."""
    model = Sequential()
    model.add(Conv2D(32, (3, 3), padding="same", activation="relu", input_shape=(8, 8, 1)))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(MaxPooling2D((2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(128, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def main(plot=None, epochs=20):
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
