"""Connectionist temporal classification on the native engine against the NumPy kernel."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from gpukeras.runtime import native

from .engines import kernels, normal, placeholder, rng, run

pytestmark = pytest.mark.skipif(not hasattr(native.load(), "ctc"), reason="the extension is off")


def graph(logits, labels, steps, counts):
    arrays = [logits, *(np.array(a, "int32") for a in (labels, steps, counts))]
    tensors = [placeholder(a.shape, a.dtype.name) for a in arrays]
    return ops.ctc_loss(*tensors), tensors[0], dict(zip(tensors, arrays, strict=True))


def check(logits, labels, steps, counts, tolerance=2e-5):
    loss, x, feeds = graph(logits, labels, steps, counts)
    weight = placeholder((len(logits),))
    feeds[weight] = normal(len(logits))
    outs = [loss, *gradients(ops.sum(ops.where(ops.less(loss, 1e30), loss * weight, weight)), [x])]
    assert "ctc" in kernels(outs, feeds) and kernels([loss], feeds) == ["ctc"]
    want = run(outs, feeds, "numpy")
    for g, w in zip(run(outs, feeds, "native"), want, strict=True):
        np.testing.assert_allclose(g, w, tolerance, tolerance)
    np.testing.assert_array_equal(run([loss], feeds, "native")[0], run(outs, feeds, "native")[0])


@pytest.mark.parametrize("sizes", [(4, 9, 6, 3), (1, 1, 2, 1), (33, 3, 300, 2), (2, 150, 5, 140)])
def test_cost_and_gradient(sizes):
    samples, length, classes, most = sizes
    counts = rng.integers(1, min(most, max(length // 2, 1)) + 1, samples)
    labels = rng.integers(0, classes - 1, (samples, most))
    # probabilities come from differences of logarithms that grow with the steps, of a few hundred here
    tolerance = 2e-4 if length > 100 else 2e-5
    check(normal(samples, length, classes), labels, [length] * samples, counts, tolerance)


def test_repeated_labels_short_sequences_and_none_at_all():
    labels = [[1, 1, 2], [0, 0, 0], [2, 2, 2], [3, 0, 1], [1, 4, 4]]
    # the third has no alignment: equal labels need blanks between them
    check(normal(5, 6, 5), labels, [6, 5, 4, 6, 3], [3, 2, 3, 0, 3])
    check(normal(2, 3, 4), np.zeros((2, 0)), [3, 2], [0, 0])


@pytest.mark.parametrize(
    "labels, steps, counts, message",
    [
        ([[1, -1], [0, 0]], [4, 4], [2, 2], "label -1 at place 1 of sample 0"),
        ([[1, 0], [4, 2]], [4, 4], [2, 2], "label 2 at place 1 of sample 1: expected labels from 0 to 3 .class 4"),
        ([[1, 0], [1, 2]], [4, 1], [2, 2], "sample 1 has 2 labels and an input length of 1"),
        ([[1, 0], [1, 2]], [5, 4], [2, 2], "sample 0 has 2 labels and an input length of 5.*at most the 4 steps"),
    ],
)
def test_mistakes_are_named_alike(labels, steps, counts, message):
    loss, _, feeds = graph(normal(2, 4, 5), labels, steps, counts)
    for engine in ("numpy", "native"):
        with pytest.raises(ValueError, match=message):
            run([loss], feeds, engine)
