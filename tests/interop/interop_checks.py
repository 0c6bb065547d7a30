"""What tests/interop compares, how closely, and what differs on purpose.

Two packages agree on a file when the predictions are the same, the optimizer's state has come along bit by bit, and the
next training step on the same batch gives the same loss and the same weights, up to rounding in float32.
"""

import os

import h5py
import interop_peer as peer
import numpy as np

import gpukeras

# Sums of a few dozen float32 products in another order, in two steps.
CLOSE = dict(rtol=3e-5, atol=3e-6)

# -- What is not the same, and why -----------------------------------------------------------------------------
#
# Parts: y predictions, loss of the next step, w weights after it, m moving means, v moving variances (both before and
# after the step), s optimizer state. A case named here differs in these parts: the tests hold that it does.

ENLARGING = "enlarges with half-pixel centres; Keras 2.2 on TensorFlow 1 samples at i / scale"
# Moving variances: Keras 2.2 corrects the batch's by n / (n - 1 - epsilon), tf-keras by nothing except in TensorFlow's
# fused operation for images, n / (n - 1). A test of their own compares them; here: n values per
# channel and epsilon.
VARIANCES = {
    "layer/BatchNormalization": (6, 1e-3),
    "layer/BatchNormalization/axis": (20, 0.1),
    "model/nested": (8, 1e-3),
    "model/sequential": (8, 1e-3),
}

# Files that tf-keras wrote, in gpukeras.
FROM_TF_KERAS = {
    "layer/UpSampling2D/bilinear": ("y loss", ENLARGING),
    "optimizer/Nadam": ("w", "the newer Nadam has no schedule_decay: its momentum warms up 250 times as fast"),
    "optimizer/Nadam/first": ("w", "as above"),
}
# Files that gpukeras wrote, in tf-keras, which uses its legacy optimizers for them: the formulas of Keras 2.2.
TO_TF_KERAS = {
    "layer/UpSampling2D/bilinear": ("y loss", ENLARGING),
    "optimizer/SGD": ("s", "keeps no moments without momentum: nothing is lost but a counter that nothing reads"),
    "optimizer/SGD/clipvalue": ("s", "as above"),
    "optimizer/SGD/clipnorm": ("w s", "clips the norm of each gradient, Keras 2.2 that of all of them together"),
    "optimizer/Nadam": ("w s", "wants the product of its schedule in the file, which has no place for it"),
    "optimizer/Nadam/first": ("s", "as above; all of the state is zeros here"),
}
# Keras 2 on TensorFlow 1 corrects the first step of every moving average in a program for a start at zero.
AVERAGES = dict.fromkeys([*VARIANCES, "model/convolutions"], ("m v", "first step of moving averages"))
# And starts the product of Nadam's schedule again when it loads a state.
TO_KERAS_2_2_4 = dict(AVERAGES, **{"optimizer/Nadam": ("w", "schedule starts again")})
# Before 2.2 penalties on weights inside a Bidirectional did not count.
FROM_KERAS_2_1 = dict(AVERAGES, **{"model/recurrent": ("loss w", "no penalties inside Bidirectional")})


def differing(table, name):
    """The parts of a case that a table of differences names."""
    return set(table.get(name, ("",))[0].split())


def same(got, want):
    """Whether two lists of arrays agree up to rounding."""
    return len(got) == len(want) and all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, **CLOSE) for a, b in zip(got, want)
    )


def compare(got, want, what):
    """Asserts that two lists of arrays agree."""
    assert len(got) == len(want), "%s: %d arrays, expected %d" % (what, len(got), len(want))
    for i, (a, b) in enumerate(zip(got, want)):
        assert np.shape(a) == np.shape(b), "%s %d: shape %s, expected %s" % (what, i, np.shape(a), np.shape(b))
        np.testing.assert_allclose(a, b, err_msg="%s %d" % (what, i), **CLOSE)


def compare_parts(got, want, differences, variances=()):
    """Compares all numbers of a case; `differences` are the parts that must not be the same."""
    for part in ("y", "loss", "w", "m", "v"):
        if part in want and not (part == "v" and variances):
            if part in differences and part not in "mv":
                assert not same(got.get(part, []), want[part]), "the difference in %r is gone" % part
            elif part not in differences:
                compare(got.get(part, []), want[part], part)
    if variances:
        compare_variances(got["v"], want["v"], variances)


def compare_variances(ours, theirs, case):
    """Moving variances of this package and of tf-keras: the batch's variance with and without Keras' correction."""
    half = len(ours) // 2
    count, epsilon = case
    correction = count / (count - 1 - epsilon)
    for old, new, other_old, other_new in zip(ours[:half], ours[half:], theirs[:half], theirs[half:]):
        np.testing.assert_allclose(old, other_old, **CLOSE)
        batch, other = new - 0.99 * old, other_new - 0.99 * other_old
        # Differences of numbers near 1: a few of their last bits.
        np.testing.assert_allclose(batch, other * correction, rtol=1e-3, atol=3e-6)


def has_state(loaded, saved):
    """Whether every array of a saved optimizer state is among the loaded ones, bit by bit."""
    return all(any(np.array_equal(value, other) for other in loaded) for value in saved)


def saved_state(path):
    """The optimizer's arrays in a file, without counters and placeholders."""
    with h5py.File(path, "r") as f:
        if "optimizer_weights" not in f:
            return []
        group = f["optimizer_weights"]
        found = [group[name][()] for name in group.attrs["weight_names"]]
    return [v for v in found if np.ndim(v) and np.shape(v) != (1,)]


def read_model(folder, name, table, tf_keras):
    """Loads a file here and compares it with the numbers that its writer put beside it."""
    path = os.path.join(folder, peer.file_name(name))
    got, _ = peer.read_case(gpukeras, folder, name)
    counts = VARIANCES.get(name) if tf_keras else None
    compare_parts(got, peer.stored(path), differing(table, name), counts)
    assert has_state(got["s"], saved_state(path))


def read_weights(folder, name):
    """Loads weights by order and by name into the same model built here."""
    want = peer.stored(os.path.join(folder, peer.file_name(name, weights=True)))["y"]
    got = peer.read_weights(gpukeras, folder, name)
    compare(got["o"], want, "loaded by order")
    compare(got["n"], want, "loaded by name")


def compare_answers(name, answers, want, folder, table, tf_keras):
    got, parts = answers.arrays[name], differing(table, name)
    if tf_keras and name in VARIANCES:
        compare_variances(want["v"], got["v"], VARIANCES[name])
        parts = parts | {"v"}
    compare_parts(got, want, parts)
    saved = saved_state(os.path.join(folder, peer.file_name(name)))
    # A state of zeros is there by chance.
    assert ("s" in parts) or has_state(got.get("s", []), saved)
