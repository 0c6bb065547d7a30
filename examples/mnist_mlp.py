"""Trains a 784-512-512-10 network with dropout on MNIST and reaches at least 98.2 % on its test images.

    python examples/mnist_mlp.py [--quick] [--plot FILE] [path/to/mnist.npz]

Without a path the data is downloaded to ~/.keras/datasets on first use.  `--quick` takes the 8x8 digits that come
with the package instead, and a few seconds.
"""

import argparse
import os

import numpy as np

import gpukeras as keras
from gpukeras.layers import Dense, Dropout
from gpukeras.models import Sequential
from gpukeras.optimizers import RMSprop
from gpukeras.utils import plot_history

batch_size = 128
num_classes = 10


def load(path=None, quick=False):
    """Returns the images as rows of numbers in [0, 1] with one-hot labels."""
    if quick:
        (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
    else:
        mnist = keras.datasets.mnist
        (x_train, y_train), (x_test, y_test) = mnist.load_data(os.path.abspath(path)) if path else mnist.load_data()
    top = float(x_train.max())
    x_train = x_train.reshape(len(x_train), -1).astype("float32") / top
    x_test = x_test.reshape(len(x_test), -1).astype("float32") / top
    y_train = keras.utils.to_categorical(y_train, num_classes)
    y_test = keras.utils.to_categorical(y_test, num_classes)
    return (x_train, y_train), (x_test, y_test)


def build(pixels):
    """Returns the compiled model."""
    model = Sequential()
    model.add(Dense(512, activation="relu", input_shape=(pixels,)))
    model.add(Dropout(0.2))
    model.add(Dense(512, activation="relu"))
    model.add(Dropout(0.2))
    model.add(Dense(num_classes, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=RMSprop(), metrics=["accuracy"])
    return model


def main(path=None, quick=False, plot=None, epochs=20):
    """Trains and evaluates; returns the test accuracy."""
    np.random.seed(1)
    (x_train, y_train), (x_test, y_test) = load(path, quick)
    model = build(x_train.shape[1])
    model.summary()
    history = model.fit(
        x_train,
        y_train,
        batch_size=32 if quick else batch_size,
        epochs=4 if quick else epochs,
        verbose=2,
        validation_data=(x_test, y_test),
    )
    if plot:
        plot_history(history, plot)
    losses = history.history["loss"]
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    score = model.evaluate(x_test, y_test, verbose=0)
    print("Test loss:", score[0])
    print("Test accuracy:", score[1])
    return score[1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", help="the file mnist.npz; downloaded on first use when left out")
    parser.add_argument("--quick", action="store_true", help="the 8x8 digits of the package, in seconds")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
