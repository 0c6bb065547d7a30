"""Trains a 784-512-512-10 network with dropout on MNIST and reaches at least 98.2 % on its test images.

    python examples/mnist_mlp.py [path/to/mnist.npz]

Without a path the data is downloaded to ~/.keras/datasets on first use.
"""

import os
import sys

import numpy as np

import gpukeras as keras
from gpukeras.datasets import mnist
from gpukeras.layers import Dense, Dropout
from gpukeras.models import Sequential
from gpukeras.optimizers import RMSprop

batch_size = 128
num_classes = 10


def load(path=None):
    """Returns the images as rows of 784 numbers in [0, 1] with one-hot labels."""
    data = mnist.load_data(os.path.abspath(path)) if path else mnist.load_data()
    (x_train, y_train), (x_test, y_test) = data
    x_train = x_train.reshape(60000, 784).astype("float32") / 255
    x_test = x_test.reshape(10000, 784).astype("float32") / 255
    y_train = keras.utils.to_categorical(y_train, num_classes)
    y_test = keras.utils.to_categorical(y_test, num_classes)
    return (x_train, y_train), (x_test, y_test)


def build():
    """Returns the compiled model."""
    model = Sequential()
    model.add(Dense(512, activation="relu", input_shape=(784,)))
    model.add(Dropout(0.2))
    model.add(Dense(512, activation="relu"))
    model.add(Dropout(0.2))
    model.add(Dense(num_classes, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=RMSprop(), metrics=["accuracy"])
    return model


def main(path=None, epochs=20):
    """Trains and evaluates; returns the test accuracy."""
    np.random.seed(1)
    (x_train, y_train), (x_test, y_test) = load(path)
    model = build()
    model.summary()
    model.fit(
        x_train,
        y_train,
        batch_size=batch_size,
        epochs=epochs,
        verbose=1,
        validation_data=(x_test, y_test),
    )
    score = model.evaluate(x_test, y_test, verbose=0)
    print("Test loss:", score[0])
    print("Test accuracy:", score[1])
    return score[1]


if __name__ == "__main__":
    main(*sys.argv[1:2])
