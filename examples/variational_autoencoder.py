"""Learns to draw digits: a variational autoencoder with two latent numbers.

    python examples/variational_autoencoder.py [--quick] [--plot FILE] [path/to/mnist.npz]

The encoder gives the mean and the logarithm of the variance of a normal distribution over codes, a code is drawn from
it, and the decoder draws a digit from the code (Kingma, Welling: Auto-encoding variational Bayes, 2013).  Without a
path MNIST is downloaded to ~/.keras/datasets on first use; `--quick` takes the 8x8 digits of the package instead.
"""

import argparse
import os

import numpy as np

import gpukeras as keras
from gpukeras import backend as K
from gpukeras.layers import Dense, Input, Lambda
from gpukeras.losses import binary_crossentropy
from gpukeras.models import Model
from gpukeras.utils import plot_history

latent_dim = 2


def load(path=None, quick=False):
    """Returns training images, test images and test labels; images as rows of numbers in [0, 1]."""
    if quick:
        (x_train, _), (x_test, y_test) = keras.datasets.digits.load_data()
    else:
        mnist = keras.datasets.mnist
        (x_train, _), (x_test, y_test) = mnist.load_data(os.path.abspath(path)) if path else mnist.load_data()
    top = float(x_train.max())
    return [x.reshape(len(x), -1).astype("float32") / top for x in (x_train, x_test)] + [y_test]


def sample(arguments):
    """A code drawn around the mean; the randomness stands outside, so that gradients reach mean and variance."""
    mean, log_variance = arguments
    noise = K.random_normal(shape=(K.shape(mean)[0], K.int_shape(mean)[1]))
    return mean + K.exp(0.5 * log_variance) * noise


def build(pixels, hidden):
    """Returns encoder, decoder and the compiled whole."""
    images = Input(shape=(pixels,), name="encoder_input")
    x = Dense(hidden, activation="relu")(images)
    mean = Dense(latent_dim, name="mean")(x)
    log_variance = Dense(latent_dim, name="log_variance")(x)
    code = Lambda(sample, output_shape=(latent_dim,), name="code")([mean, log_variance])
    encoder = Model(images, [mean, log_variance, code], name="encoder")

    codes = Input(shape=(latent_dim,), name="code_input")
    x = Dense(hidden, activation="relu")(codes)
    decoder = Model(codes, Dense(pixels, activation="sigmoid")(x), name="decoder")

    drawn = decoder(encoder(images)[2])
    vae = Model(images, drawn, name="vae")
    likeness = pixels * binary_crossentropy(images, drawn)
    divergence = -0.5 * K.sum(1 + log_variance - K.square(mean) - K.exp(log_variance), axis=-1)
    vae.add_loss(K.mean(likeness + divergence))
    vae.compile(optimizer="adam")
    return encoder, decoder, vae


def show(image):
    """Prints an image with characters."""
    side = int(np.sqrt(image.size))
    for row in image.reshape(side, side):
        print("".join(" .:-=+*#%@"[min(int(10 * v), 9)] for v in row))


def main(path=None, quick=False, plot=None):
    """Trains; returns the loss of each epoch."""
    np.random.seed(1)
    x_train, x_test, y_test = load(path, quick)
    encoder, decoder, vae = build(x_train.shape[1], 128 if quick else 512)
    vae.summary()
    history = vae.fit(
        x_train, epochs=30 if quick else 50, batch_size=32 if quick else 128, validation_data=(x_test, None), verbose=2
    )
    if plot:
        plot_history(history, plot)
    losses = history.history["loss"]
    print(f"loss {losses[0]:.2f} -> {losses[-1]:.2f}")
    means = encoder.predict(x_test, batch_size=128)[0]
    for digit in range(10):
        centre = means[y_test == digit].mean(axis=0)
        print(f"What lies in the middle of the codes of {digit}, {np.round(centre, 2)}:")
        show(decoder.predict(centre[np.newaxis]))
    return losses


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", help="the file mnist.npz; downloaded on first use when left out")
    parser.add_argument("--quick", action="store_true", help="the 8x8 digits of the package, in seconds")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
