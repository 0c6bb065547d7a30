"""Writes text in the manner of a text it has read, one character after the other.

    python examples/lstm_text_generation.py [--quick] [--plot FILE] [path/to/text.txt]

Without a path it reads the README.md beside the examples.  A text of a hundred thousand characters or more, and some
twenty epochs, are needed before the result reads like language; `--quick` only shows that it learns.
"""

import argparse
from pathlib import Path

import numpy as np

from gpukeras.callbacks import LambdaCallback
from gpukeras.layers import LSTM, Dense
from gpukeras.models import Sequential
from gpukeras.optimizers import RMSprop
from gpukeras.utils import plot_history

maxlen = 40


def read(path=None, limit=None):
    """Returns the text in lower case, at most `limit` characters of it."""
    path = Path(path) if path else Path(__file__).resolve().parent.parent / "README.md"
    return " ".join(path.read_text(encoding="utf-8").lower().split())[:limit]


def windows(text, place, step=3):
    """Returns pieces of `maxlen` characters, one-hot (n, maxlen, characters), and the character after each."""
    starts = np.arange(0, len(text) - maxlen, step)
    numbers = np.array([place[c] for c in text])
    one_hot = np.eye(len(place), dtype=bool)
    return one_hot[numbers[starts[:, None] + np.arange(maxlen)]], one_hot[numbers[starts + maxlen]]


def draw(probabilities, temperature, rng):
    """Returns an index drawn from probabilities made sharper (below 1) or flatter (above 1) by a temperature."""
    p = np.exp(np.log(np.asarray(probabilities, "float64") + 1e-12) / temperature)
    return rng.choice(len(p), p=p / p.sum())


def write(model, text, place, length, temperature, rng):
    """Returns a piece of the text and what the model writes after it."""
    alphabet = sorted(place)
    start = rng.randint(0, len(text) - maxlen)
    seed = written = text[start : start + maxlen]
    for _ in range(length):
        x = np.zeros((1, maxlen, len(place)))
        x[0, np.arange(maxlen), [place[c] for c in written[-maxlen:]]] = 1
        written += alphabet[draw(model.predict(x, verbose=0)[0], temperature, rng)]
    return seed, written[maxlen:]


def build(characters, units):
    """Returns the compiled model."""
    model = Sequential()
    model.add(LSTM(units, input_shape=(maxlen, characters)))
    model.add(Dense(characters, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=RMSprop(lr=0.01))
    return model


def main(path=None, quick=False, plot=None):
    """Trains, writing a little after every few epochs; returns the loss of each epoch."""
    np.random.seed(1)
    rng = np.random.RandomState(1)
    text = read(path, 2000 if quick else None)
    place = {c: i for i, c in enumerate(sorted(set(text)))}
    print(len(text), "characters,", len(place), "different ones")
    x, y = windows(text, place)
    model = build(len(place), 32 if quick else 128)
    epochs, every = (12, 6) if quick else (60, 5)

    def after(epoch, _):
        if (epoch + 1) % every:
            return
        for temperature in (0.2, 0.5, 1.0):
            seed, written = write(model, text, place, 20 if quick else 400, temperature, rng)
            print(f"--- temperature {temperature}: {seed!r} goes on {written!r}")

    history = model.fit(
        x, y, batch_size=32 if quick else 128, epochs=epochs, verbose=2, callbacks=[LambdaCallback(on_epoch_end=after)]
    )
    if plot:
        plot_history(history, plot)
    losses = history.history["loss"]
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    return losses


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", help="a text file; README.md when left out")
    parser.add_argument("--quick", action="store_true", help="the text's beginning and a small network, in seconds")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
