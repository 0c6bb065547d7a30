"""Learns to tell whether two images show the same digit, with one network applied to both.

    python examples/mnist_siamese.py [--quick] [--plot FILE] [path/to/mnist.npz]

The network gives each image a point; points of equal digits are pulled together and those of different ones pushed
at least a margin apart (Hadsell, Chopra, LeCun: Dimensionality reduction by learning an invariant mapping, 2006).
Without a path MNIST is downloaded to ~/.keras/datasets on first use; `--quick` takes the 8x8 digits of the package.
"""

import argparse
import os

import numpy as np

import gpukeras as keras
from gpukeras import backend as K
from gpukeras.layers import Dense, Dropout, Flatten, Input, Lambda
from gpukeras.models import Model
from gpukeras.optimizers import RMSprop
from gpukeras.utils import plot_history

margin = 1


def load(path=None, quick=False):
    """Returns ((x_train, y_train), (x_test, y_test)), images in [0, 1]."""
    if quick:
        data = keras.datasets.digits.load_data()
    else:
        data = keras.datasets.mnist.load_data(*([os.path.abspath(path)] if path else []))
    (x_train, y_train), (x_test, y_test) = data
    top = float(x_train.max())
    return (x_train.astype("float32") / top, y_train), (x_test.astype("float32") / top, y_test)


def pairs(x, y, rng):
    """Returns pairs (n, 2, rows, columns), as many of equal digits as of different ones, and labels, 1 for equal."""
    places = [np.flatnonzero(y == d) for d in range(10)]
    count = min(map(len, places)) - 1
    found, labels = [], []
    for d, place in enumerate(places):
        for i in range(count):
            other = (d + rng.randint(1, 10)) % 10
            found += [[x[place[i]], x[place[i + 1]]], [x[place[i]], x[places[other][i]]]]
            labels += [1, 0]
    return np.array(found), np.array(labels)


def distance(points):
    """Euclidean distance, (n, 1); kept from 0, where the square root has no derivative."""
    a, b = points
    return K.sqrt(K.maximum(K.sum(K.square(a - b), axis=1, keepdims=True), K.epsilon()))


def contrastive_loss(y_true, y_pred):
    """Distance squared for equal digits, what is missing to the margin squared for different ones."""
    return K.mean(y_true * K.square(y_pred) + (1 - y_true) * K.square(K.maximum(margin - y_pred, 0)))


def accuracy(y_true, y_pred):
    """How often the distance is on the right side of half the margin."""
    return K.mean(K.equal(y_true, K.cast(y_pred < 0.5 * margin, y_true.dtype)))


def build(shape, units):
    """Returns the compiled model of two inputs."""
    image = Input(shape=shape)
    x = Flatten()(image)
    for dropout in (0.1, 0.1, None):
        x = Dense(units, activation="relu")(x)
        if dropout:
            x = Dropout(dropout)(x)
    point = Model(image, x)

    a, b = Input(shape=shape), Input(shape=shape)
    apart = Lambda(distance, output_shape=(1,))([point(a), point(b)])
    model = Model([a, b], apart)
    model.compile(loss=contrastive_loss, optimizer=RMSprop(), metrics=[accuracy])
    return model


def main(path=None, quick=False, plot=None):
    """Trains; returns the accuracy on pairs of test images."""
    np.random.seed(1)
    rng = np.random.RandomState(1)
    (x_train, y_train), (x_test, y_test) = load(path, quick)
    train, train_labels = pairs(x_train, y_train, rng)
    test, test_labels = pairs(x_test, y_test, rng)
    model = build(x_train.shape[1:], 64 if quick else 128)
    history = model.fit(
        [train[:, 0], train[:, 1]],
        train_labels,
        batch_size=32 if quick else 128,
        epochs=15 if quick else 20,
        validation_data=([test[:, 0], test[:, 1]], test_labels),
        verbose=2,
    )
    if plot:
        plot_history(history, plot)
    losses = history.history["loss"]
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    for name, (x, y) in {"training": (train, train_labels), "test": (test, test_labels)}.items():
        apart = model.predict([x[:, 0], x[:, 1]]).ravel()
        right = np.mean((apart < 0.5 * margin) == y)
        print(f"Accuracy on {name} pairs: {right:.4f}")
    return right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", help="the file mnist.npz; downloaded on first use when left out")
    parser.add_argument("--quick", action="store_true", help="the 8x8 digits of the package, in seconds")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
