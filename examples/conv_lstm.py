"""Predicts the next frame of films of moving squares with convolutional LSTMs.

    python examples/conv_lstm.py [--quick] [--plot FILE]

The network gets the first frames of a film and says what each next frame will be; then it goes on by itself, fed with
its own predictions.
"""

import argparse

import numpy as np

from gpukeras.layers import BatchNormalization, Conv3D, ConvLSTM2D
from gpukeras.models import Sequential
from gpukeras.utils import plot_history


def films(count, frames, size, seed):
    """Returns noisy films (count, frames, size, size, 1) and the clean frames that follow each of theirs."""
    rng = np.random.RandomState(seed)
    clean = np.zeros((count, frames + 1, size, size, 1), dtype="float32")
    for film in clean:
        for _ in range(rng.randint(1, 4)):
            place = rng.randint(0, size, 2)
            speed = rng.randint(-1, 2, 2)
            half = rng.randint(1, 3)
            for t, frame in enumerate(film):
                row, column = place + t * speed
                frame[max(row - half, 0) : max(row + half, 0), max(column - half, 0) : max(column + half, 0)] = 1
    noisy = clean[:, :-1] + 0.1 * rng.choice([-1, 0, 1], clean[:, :-1].shape)
    return noisy.astype("float32"), clean[:, 1:]


def build(size, filters, layers):
    """Returns the compiled model; films may be of any length."""
    model = Sequential()
    for i in range(layers):
        shape = {"input_shape": (None, size, size, 1)} if i == 0 else {}
        model.add(ConvLSTM2D(filters, (3, 3), padding="same", return_sequences=True, **shape))
        model.add(BatchNormalization())
    model.add(Conv3D(1, (3, 3, 3), activation="sigmoid", padding="same", data_format="channels_last"))
    model.compile(loss="binary_crossentropy", optimizer="adam")
    return model


def main(quick=False, plot=None):
    """Trains; returns the loss of each epoch."""
    np.random.seed(1)
    count, frames, size, filters, layers, epochs = (48, 5, 12, 6, 1, 8) if quick else (1200, 15, 40, 40, 4, 300)
    noisy, following = films(count, frames, size, 0)
    model = build(size, filters, layers)
    model.summary()
    history = model.fit(
        noisy,
        following,
        batch_size=8 if quick else 10,
        epochs=epochs,
        validation_split=0.05,
        verbose=2,
    )
    if plot:
        plot_history(history, plot)
    losses = history.history["loss"]
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")

    seen, truth = films(1, frames, size, 1)
    track = seen[:, : frames // 2]
    for _ in range(frames - frames // 2):
        track = np.concatenate([track, model.predict(track)[:, -1:]], axis=1)
    wrong = np.abs((track[0, -1] > 0.5) != (truth[0, -2] > 0.5)).mean()
    print(f"Of the last predicted frame {wrong:.1%} of the pixels are wrong")
    return losses


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small films and a small network, in seconds")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
