"""Reads numbers off noisy images of any number of digits: convolutions, two-way GRUs and the CTC loss.

    python examples/image_ocr.py [--quick] [--plot FILE]

The images are drawn on the fly from a little font of 5x7 pixels.  The network does not learn where each digit stands,
only which digits there are in which order: CTC sums over all ways to place them.
"""

import argparse
import itertools

import numpy as np

from gpukeras import backend as K
from gpukeras.layers import (
    GRU,
    Activation,
    Bidirectional,
    Conv2D,
    Dense,
    Input,
    Lambda,
    MaxPooling2D,
    Permute,
    Reshape,
)
from gpukeras.models import Model
from gpukeras.optimizers import Adam
from gpukeras.utils import plot_history

ALPHABET = "0123456789"
# Seven rows of five pixels per digit, each row a number in base 32.
FONT = {
    "0": "EHJLPHE", "1": "4C4444E", "2": "EH1248V", "3": "V2421HE", "4": "26AIV22",
    "5": "VGU11HE", "6": "68GUHHE", "7": "V124888", "8": "EHHEHHE", "9": "EHHF12C",
}  # fmt: skip
HEIGHT = 16


def glyph(character):
    """Returns a 7x5 array of zeros and ones."""
    rows = [int(c, 32) for c in FONT[character]]
    return np.array([[row >> bit & 1 for bit in (4, 3, 2, 1, 0)] for row in rows], dtype="float32")


def paint(text, width, rng):
    """Returns an image (width, HEIGHT) of the text at a random place, in noise."""
    image = np.zeros((HEIGHT, width), dtype="float32")
    gaps = rng.randint(1, 4, len(text))
    left = rng.randint(0, max(width - 5 * len(text) - gaps.sum(), 1))
    for character, gap in zip(text, gaps):
        top = rng.randint(3, HEIGHT - 10)
        image[top : top + 7, left : left + 5] = glyph(character)
        left += 5 + gap
    return np.clip(image + 0.15 * rng.randn(HEIGHT, width), 0, 1).T


def batch(count, longest, width, steps, rng):
    """Returns the inputs of the training model, and a target for the loss it puts out, which is ignored."""
    texts = ["".join(rng.choice(list(ALPHABET), rng.randint(1, longest + 1))) for _ in range(count)]
    labels = np.full((count, longest), -1)
    for row, text in zip(labels, texts):
        row[: len(text)] = [ALPHABET.index(c) for c in text]
    inputs = {
        "image": np.array([paint(text, width, rng) for text in texts])[..., np.newaxis],
        "labels": labels,
        "input_length": np.full((count, 1), steps),
        "label_length": np.array([[len(text)] for text in texts]),
    }
    return inputs, {"ctc": np.zeros(count)}, texts


def ctc(arguments):
    """The loss is a layer, because it needs more than the labels and the prediction."""
    y_pred, labels, input_length, label_length = arguments
    return K.ctc_batch_cost(labels, y_pred, input_length, label_length)


def build(width, longest, filters, units, lr):
    """Returns the compiled training model and the model that gives class probabilities, (n, width / 2, classes)."""
    image = Input(shape=(width, HEIGHT, 1), name="image")
    x = Conv2D(filters, (3, 3), padding="same", activation="relu")(image)
    x = MaxPooling2D((1, 2))(x)
    x = Conv2D(filters, (3, 3), padding="same", activation="relu")(x)
    x = MaxPooling2D((2, 2))(x)
    x = Permute((1, 3, 2))(x)
    x = Reshape((width // 2, filters * HEIGHT // 4))(x)
    x = Dense(units, activation="relu")(x)
    x = Bidirectional(GRU(units, return_sequences=True))(x)
    x = Dense(len(ALPHABET) + 1)(x)  # one class more: the blank
    y_pred = Activation("softmax")(x)
    reader = Model(image, y_pred)

    labels = Input(shape=(longest,), name="labels", dtype="int32")
    input_length = Input(shape=(1,), name="input_length", dtype="int32")
    label_length = Input(shape=(1,), name="label_length", dtype="int32")
    loss = Lambda(ctc, output_shape=(1,), name="ctc")([y_pred, labels, input_length, label_length])
    model = Model([image, labels, input_length, label_length], loss)
    model.compile(loss={"ctc": lambda y_true, y_pred: y_pred}, optimizer=Adam(lr=lr))
    return model, reader


def read(reader, images):
    """Returns the texts of images, by the best class at every step."""
    best = reader.predict(images).argmax(axis=-1)
    return ["".join(ALPHABET[k] for k, _ in itertools.groupby(row) if k < len(ALPHABET)) for row in best]


def main(quick=False, plot=None):
    """Trains; returns the share of numbers read without a mistake."""
    np.random.seed(1)
    rng = np.random.RandomState(1)
    longest, width, filters, units = (2, 20, 8, 32) if quick else (8, 80, 16, 128)
    count, size, epochs, lr = (512, 16, 18, 0.01) if quick else (16384, 32, 20, 0.001)
    model, reader = build(width, longest, filters, units, lr)
    model.summary()
    inputs, targets, _ = batch(count, longest, width, width // 2, rng)
    history = model.fit(inputs, targets, batch_size=size, epochs=epochs, verbose=2)
    if plot:
        plot_history(history, plot)
    losses = history.history["loss"]
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    inputs, _, texts = batch(200, longest, width, width // 2, rng)
    told = read(reader, inputs["image"])
    for text, guess in list(zip(texts, told))[:10]:
        print(f"{text:>{longest}} read as {guess}")
    scores = reader.predict(inputs["image"][:1])
    found, _ = K.ctc_decode(K.constant(scores), K.constant([width // 2], dtype="int32"), greedy=False, beam_width=10)
    print("The first one by beam search:", "".join(ALPHABET[k] for k in K.eval(found[0])[0]))
    right = np.mean([a == b for a, b in zip(texts, told)])
    print(f"Read without a mistake: {right:.3f}")
    return right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="numbers of one or two digits, in seconds")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves of the training into this file")
    main(**vars(parser.parse_args()))
