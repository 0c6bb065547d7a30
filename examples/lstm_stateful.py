"""Shows what a stateful LSTM can learn that one without memory between batches cannot.

    python examples/lstm_stateful.py [--quick] [--plot FILE]

The target at every step is the mean of the last few numbers of a random series, but the networks see one number at a
time.  The stateful network carries its state from one batch to the next, so it can remember the numbers before; the
other one starts from nothing every time and can at best guess from a single number.
"""

import argparse

import numpy as np

from gpukeras.layers import LSTM, Dense
from gpukeras.models import Sequential
from gpukeras.utils import plot_history

WINDOW = 2


def series(length, seed):
    """Returns inputs (length, 1, 1) and the running means of the last WINDOW of them, (length, 1)."""
    x = np.random.RandomState(seed).uniform(-0.5, 0.5, length + WINDOW - 1)
    means = np.convolve(x, np.ones(WINDOW) / WINDOW, mode="valid")
    return x[WINDOW - 1 :].reshape(-1, 1, 1), means.reshape(-1, 1)


def build(stateful, units):
    """Returns the compiled model; batches of a stateful network have a fixed size, here 1."""
    model = Sequential()
    model.add(LSTM(units, batch_input_shape=(1, 1, 1), stateful=stateful))
    model.add(Dense(1))
    model.compile(loss="mse", optimizer="adam")
    return model


def train(stateful, length, units, epochs):
    """Returns the loss of each epoch, and that on another series at the end."""
    x, y = series(length, 0)
    x_test, y_test = series(length // 4, 1)
    model = build(stateful, units)
    losses = []
    for _ in range(epochs):
        # in order, and each time from the beginning of the series
        losses += model.fit(x, y, batch_size=1, epochs=1, verbose=0, shuffle=False).history["loss"]
        model.reset_states()
    return losses, model.evaluate(x_test, y_test, batch_size=1, verbose=0)


def main(quick=False, plot=None):
    """Trains both networks; returns their test losses, the stateful one's first."""
    np.random.seed(1)
    length, units, epochs = (200, 8, 12) if quick else (1000, 20, 10)
    losses, stateful = train(True, length, units, epochs)
    print(f"loss {losses[0]:.5f} -> {losses[-1]:.5f}")
    other_losses, stateless = train(False, length, units, epochs)
    if plot:
        plot_history({"stateful": losses, "stateless": other_losses}, plot)
    print(f"Test loss: stateful {stateful:.5f}, stateless {stateless:.5f}")
    return stateful, stateless


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a shorter series, in seconds")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
