"""Cases of CTC: the cost against sums over every alignment, the decoders against loops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from gpukeras import ops
from tests.ops.harness import Case, exactly, normal


def alignments(probabilities: np.ndarray) -> dict[tuple[int, ...], float]:
    """Probability of every label sequence, summed over all paths of classes; (T, C), the last class is the blank."""
    T, C = probabilities.shape
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(C), repeat=T):
        labels = tuple(k for k, _ in itertools.groupby(path) if k != C - 1)
        chance = float(np.prod([probabilities[t, k] for t, k in enumerate(path)]))
        found[labels] = found.get(labels, 0.0) + chance
    return found


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _cost(x: np.ndarray, labels: np.ndarray, steps: np.ndarray, counts: np.ndarray) -> np.ndarray:
    out = np.empty(len(x))
    for b, (n, k) in enumerate(zip(steps, counts)):
        chances = alignments(softmax(x[b, :n]))
        out[b] = -np.log(chances.get(tuple(labels[b, :k]), 0.0))
    return out


def _greedy(x: np.ndarray, steps: np.ndarray) -> Any:
    found, scores = [], []
    for b, n in enumerate(steps):
        path = [int(np.argmax(row)) for row in x[b, :n]]
        found.append([k for k, _ in itertools.groupby(path) if k != x.shape[2] - 1])
        scores.append([-sum(max(row) for row in x[b, :n])])
    out = np.full((len(x), max(map(len, found))), -1)
    for row, labels in zip(out, found):
        row[: len(labels)] = labels
    return [out, np.array(scores)]


def _beam(x: np.ndarray, steps: np.ndarray, top_paths: int) -> Any:
    """A beam wide enough keeps every sequence."""
    paths, scores = [], []
    for b, n in enumerate(steps):
        best = sorted(alignments(softmax(x[b, :n])).items(), key=lambda item: -item[1])[:top_paths]
        paths.append([[k for k, _ in itertools.groupby(labels)] for labels, _ in best])
        scores.append([np.log(chance) for _, chance in best])
    outs = []
    for k in range(top_paths):
        out = np.full((len(x), max(len(p[k]) for p in paths)), -1)
        for row, path in zip(out, paths):
            row[: len(path[k])] = path[k]
        outs.append(out)
    return [*outs, np.array(scores)]


LABELS = [[0, 1, 1], [2, 2, 0], [1, 0, 3], [0, 0, 0]]  # 3 is the blank
LOSS = {"float32": (1e-4, 1e-5)}

CASES = [
    Case(
        "ctc_loss",
        ops.ctc_loss,
        [normal(4, 5, 4), *[exactly(v, "int32") for v in (LABELS, [5, 4, 5, 2], [3, 2, 1, 0])]],
        _cost,
        tol=LOSS,
        why="logarithms of sums over five steps, each rounded",
    ),
    Case(
        "ctc_loss/one sample, far from certain",
        ops.ctc_loss,
        [normal(1, 6, 3, scale=8), *[exactly(v, "int32") for v in ([[0, 1]], [6], [2])]],
        _cost,
        tol=LOSS,
        why="logarithms of sums over six steps, each rounded",
    ),
    Case(
        "ctc_loss/half precision",
        ops.ctc_loss,
        [normal(2, 4, 3), *[exactly(v, "int32") for v in ([[0, 1], [1, 1]], [4, 4], [2, 2])]],
        _cost,
        dtypes=("float16",),
    ),
    Case(
        "ctc_loss/one label, one step",
        ops.ctc_loss,
        [normal(2, 1, 3), *[exactly(v, "int32") for v in ([[0], [1]], [1, 1], [1, 0])]],
        _cost,
    ),
    Case(
        "ctc_loss/no labels",
        ops.ctc_loss,
        [normal(2, 3, 3), exactly(np.zeros((2, 0)), "int32"), exactly([3, 2], "int32"), exactly([0, 0], "int32")],
        _cost,
    ),
    Case(
        "ctc_loss/no alignment",
        ops.ctc_loss,
        [normal(2, 3, 3), *[exactly(v, "int32") for v in ([[0, 0], [0, 1]], [2, 2], [2, 2])]],
        _cost,
        wrt=(),
    ),
    Case("ctc_greedy", ops.ctc_greedy, [normal(5, 6, 3), exactly([6, 0, 3, 6, 5], "int32")], _greedy, wrt=()),
    Case(
        "ctc_beam_search",
        lambda x, n: [*(r := ops.ctc_beam_search(x, n, 100, 2))[0], r[1]],
        [normal(3, 4, 3), exactly([4, 1, 3], "int32")],
        lambda x, n: _beam(x, n, 2),
        wrt=(),
    ),
]
