"""Learns to add numbers that are written out in characters: '535+61 ' to '596 '.

    python examples/addition_rnn.py [--quick] [--plot FILE]

One LSTM reads the question; what it remembers is given to a second one at every step, which writes the answer.
Questions are given backwards, so that the digits that matter first are read last (Sutskever, Vinyals, Le: Sequence to
sequence learning with neural networks, 2014).  `--quick` adds numbers of one digit for a few epochs.
"""

import argparse

import numpy as np

from gpukeras.layers import LSTM, Dense, RepeatVector, TimeDistributed
from gpukeras.models import Sequential
from gpukeras.utils import plot_history

ALPHABET = " +0123456789"
PLACE = {c: i for i, c in enumerate(ALPHABET)}


def encode(text, length):
    """Returns a one-hot array (length, characters)."""
    out = np.zeros((length, len(ALPHABET)), dtype=bool)
    for i, c in enumerate(text.ljust(length)):
        out[i, PLACE[c]] = True
    return out


def decode(scores):
    """Returns the most likely text for scores (length, characters)."""
    return "".join(ALPHABET[i] for i in scores.argmax(axis=-1))


def questions(count, digits, rng):
    """Returns different sums as (question, answer) texts."""
    seen = {}
    while len(seen) < count:
        highest = [10 ** rng.randint(1, digits + 1) for _ in range(2)]
        a, b = (int(rng.randint(0, h)) for h in highest)
        seen[f"{a}+{b}"] = str(a + b)
    return list(seen.items())


def build(length, answer_length, units):
    """Returns the compiled model."""
    model = Sequential()
    model.add(LSTM(units, input_shape=(length, len(ALPHABET))))
    model.add(RepeatVector(answer_length))
    model.add(LSTM(units, return_sequences=True))
    model.add(TimeDistributed(Dense(len(ALPHABET), activation="softmax")))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def main(quick=False, plot=None):
    """Trains, showing ten answers after every round; returns the loss of each epoch."""
    rng = np.random.RandomState(1)
    np.random.seed(1)
    digits, count, units, rounds, epochs = (1, 100, 32, 3, 30) if quick else (3, 50000, 128, 200, 1)
    length, answer_length = 2 * digits + 1, digits + 1
    pairs = questions(count, digits, rng)
    x = np.array([encode(q.ljust(length)[::-1], length) for q, _ in pairs])
    y = np.array([encode(a, answer_length) for _, a in pairs])
    held_out = len(x) // 10
    model = build(length, answer_length, units)
    model.summary()
    losses, val_losses = [], []
    for i in range(rounds):
        print("Round", i + 1)
        fitted = model.fit(
            x[held_out:],
            y[held_out:],
            batch_size=10 if quick else 128,
            epochs=epochs,
            verbose=0 if quick else 1,
            validation_data=(x[:held_out], y[:held_out]),
        )
        losses += fitted.history["loss"]
        val_losses += fitted.history["val_loss"]
        chosen = rng.randint(0, held_out, 10)
        for guess, (question, answer) in zip(model.predict(x[chosen]), (pairs[k] for k in chosen)):
            told = decode(guess)
            print(question.ljust(length), "=", told, "right" if told.strip() == answer else f"wrong, {answer}")
    if plot:
        plot_history({"loss": losses, "val_loss": val_losses}, plot)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    return losses


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="numbers of one digit, in seconds")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
