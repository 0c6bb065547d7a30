"""Reading label sequences off the class scores of every step: the best path, and prefix beam search."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from ..graph.dtype import as_dtype
from ..graph.op import Op, Partial, Spec
from ..graph.tensor import Tensor, apply, as_tensor
from .elementwise import cast
from .operands import as_floats

__all__ = ["ctc_beam_search", "ctc_greedy"]

INT64 = as_dtype("int64")


class _Decode(Op):
    """Base of the decoders.  Inputs: scores (B, T, C), whose last class is the blank; numbers of steps (B,)."""

    dynamic = True
    no_grad = "integer labels; the scores of paths are for ranking them"

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        x, steps = ins[0].shape, ins[1].shape
        assert x is not None and steps is not None
        if len(x) != 3 or len(steps) != 1 or (None not in (x[0], steps[0]) and x[0] != steps[0]):
            raise ValueError(
                f"{self.name}: expected scores (B, T, C) and input lengths (B,), got {tuple(x)} and {tuple(steps)}"
            )
        paths = getattr(self, "top_paths", 1)
        batch = x[0] if x[0] is not None else steps[0]
        return [Spec((batch, None), INT64)] * paths + [Spec((batch, paths), ins[0].dtype)]

    def check(self, steps: Any, shape: tuple[int, ...]) -> None:
        """Raises where a sample has more steps than there are."""
        if steps.size and (int(steps.max()) > shape[1] or int(steps.min()) < 0):
            raise ValueError(
                f"{self.name}: input lengths {steps.tolist()} for scores of shape {shape}: 0 to {shape[1]}"
            )


def _padded(sequences: Sequence[Sequence[int]]) -> np.ndarray:
    """Sequences as rows as wide as the longest, filled up with -1."""
    out = np.full((len(sequences), max(map(len, sequences), default=0)), -1, np.int64)
    for row, labels in zip(out, sequences, strict=True):
        row[: len(labels)] = labels
    return out


class CTCGreedy(_Decode):
    """The best class of every step, repeats merged and blanks dropped; minus the sum of its scores."""

    name = "ctc_greedy"

    def compute(self, xp: Any, ins: list[Any]) -> Sequence[Any]:
        x, steps = ins
        self.check(steps, x.shape)
        (B, T, C) = x.shape
        inside = xp.arange(T) < steps[:, None]
        score = xp.where(inside, -x.max(axis=2), 0).sum(axis=1, keepdims=True) if T else xp.zeros((B, 1), x.dtype)
        best = x.argmax(axis=2) if T else xp.zeros((B, 0), "int64")
        keep = inside & (best != C - 1)
        keep[:, 1:] &= best[:, 1:] != best[:, :-1]
        place = xp.cumsum(keep, axis=1)
        width = int(place[:, -1].max()) if T and B else 0
        labels = xp.full((B, width), -1, "int64")
        rows, columns = xp.nonzero(keep)
        labels[rows, place[rows, columns] - 1] = best[rows, columns]
        return [labels, score.astype(x.dtype)]


class CTCBeamSearch(_Decode):
    """The likeliest label sequences, summed over their alignments as far as the beam keeps them.

    Graves, Sequence transduction with recurrent neural networks, 2012 (without a language model).

    Arguments:
        beam_width: prefixes kept from step to step.
        top_paths: sequences returned.
    """

    name = "ctc_beam_search"

    def __init__(self, beam_width: int, top_paths: int) -> None:
        self.beam_width = beam_width
        self.top_paths = top_paths

    def compute(self, xp: Any, ins: list[Any]) -> Sequence[Any]:
        x, steps = [a if xp is np else a.get() for a in ins]  # the search branches: it runs on the host
        self.check(steps, x.shape)
        found = [self._search(scores[:n].astype("float64")) for scores, n in zip(x, steps, strict=True)]
        for i, paths in enumerate(found):
            if len(paths) < self.top_paths:
                raise ValueError(
                    f"{self.name}: {self.top_paths} paths were asked for, and sample {i} of {steps[i]} steps has only "
                    f"{len(paths)}; lower top_paths"
                )
        labels = [_padded([paths[k][0] for paths in found]) for k in range(self.top_paths)]
        scores = np.array([[paths[k][1] for k in range(self.top_paths)] for paths in found], x.dtype)
        return [xp.asarray(a) for a in (*labels, scores.reshape(len(found), self.top_paths))]

    def _search(self, scores: np.ndarray) -> list[tuple[list[int], float]]:
        """Best label sequences of one sample and their scores, from scores (T, C)."""
        beam = _Beam(scores.shape[1] - 1)
        with np.errstate(all="ignore"):
            for step in scores:
                beam.advance(step - np.logaddexp.reduce(step), self.beam_width)
        order = np.argsort(-beam.total, kind="stable")[: self.top_paths]
        # TensorFlow 1's decoder, as Keras calls it, merges equal neighbours of the labels it has found
        return [([label for label, _ in groupby(beam.prefixes[i])], float(beam.total[i])) for i in order]


class _Beam:
    """Prefixes with the log-probabilities of all alignments so far that end in a blank, in a label, in either."""

    def __init__(self, blank: int) -> None:
        self.classes = blank
        self.prefixes: list[tuple[int, ...]] = [()]
        self.blank = np.zeros(1)
        self.label = np.full(1, -np.inf)
        self.total = np.zeros(1)

    def advance(self, step: np.ndarray, width: int) -> None:
        """Adds one step of log-probabilities (C,) and keeps the `width` best prefixes.

        As in TensorFlow, prefixes grow one after the other, best first.  One that has been pushed out of the beam by
        then still grows, unless the prefix it came from has tried to bring it back in vain.
        """
        place = {prefix: i for i, prefix in enumerate(self.prefixes)}
        n = len(self.prefixes)
        children: list[list[int]] = [[] for _ in range(n)]
        last = np.array([prefix[-1] if prefix else -1 for prefix in self.prefixes])
        rows: list[int] = np.flatnonzero(last >= 0).tolist()
        grown = self.total[:, None] + step[:-1]
        grown[rows, last[rows]] = self.blank[rows] + step[last[rows]]  # the same label again needs a blank between
        blank = self.total + step[-1]
        label = np.where(last >= 0, self.label + step[last], -np.inf)
        for i in rows:
            parent = place.get(self.prefixes[i][:-1])
            if parent is not None:
                label[i] = np.logaddexp(label[i], grown[parent, last[i]])
                children[parent].append(int(last[i]))
        total = np.logaddexp(blank, label)
        kept = [(float(total[i]), -i) for i in range(n)]  # a heap, the worst first; equal ones: the later is worse
        heapq.heapify(kept)
        active = set(self.prefixes)
        new: list[tuple[int, int]] = []
        lost: set[tuple[int, ...]] = set()
        for i in range(n):
            floor = kept[0][0] if len(kept) == width else -np.inf
            if self.prefixes[i] in lost or self.total[i] <= floor:
                continue
            # the floor only rises: labels below it now need no look, except those of prefixes that exist
            for c in sorted({*np.flatnonzero(grown[i] > floor).tolist(), *children[i]}):
                prefix = (*self.prefixes[i], c)
                score = float(grown[i, c])
                if prefix in active:
                    continue
                if len(kept) == width:
                    if score <= kept[0][0]:
                        lost.add(prefix)
                        continue
                    out = -heapq.heappop(kept)[1]
                    active.discard(self.prefixes[out] if out < n else self._grown(new[out - n]))
                heapq.heappush(kept, (score, -n - len(new)))
                new.append((i, c))
                active.add(prefix)
        order = np.array([-k for _, k in sorted(kept, reverse=True)])
        total = np.concatenate([total, [grown[i, c] for i, c in new]])
        self.prefixes = [self.prefixes[k] if k < n else self._grown(new[k - n]) for k in order]
        self.blank = np.concatenate([blank, np.full(len(new), -np.inf)])[order]
        self.label = np.concatenate([label, total[n:]])[order]
        self.total = total[order]

    def _grown(self, entry: tuple[int, int]) -> tuple[int, ...]:
        return (*self.prefixes[entry[0]], entry[1])


def _inputs(scores: Any, input_length: Any) -> tuple[Tensor, Tensor]:
    (x,) = as_floats(scores)
    return x, cast(as_tensor(input_length), "int32")


def ctc_greedy(scores: Any, input_length: Any) -> tuple[Tensor, Tensor]:
    """The labels of the best class of each step, and how good they are.

    Arguments:
        scores: float tensor of shape (B, T, C), logarithms; the last class is the blank.
        input_length: integer tensor of shape (B,).

    Returns:
        int64 tensor (B, longest), filled up with -1; tensor (B, 1), minus the sum of the scores of the best classes.
    """
    labels, score = apply(CTCGreedy(), *_inputs(scores, input_length))
    return labels, score


def ctc_beam_search(
    scores: Any, input_length: Any, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Tensor], Tensor]:
    """The likeliest label sequences by prefix beam search.

    Arguments:
        scores: float tensor of shape (B, T, C), logarithms; the last class is the blank.
        input_length: integer tensor of shape (B,).
        beam_width: int, prefixes kept from step to step.
        top_paths: int, at most `beam_width`, sequences wanted.

    Returns:
        List of `top_paths` int64 tensors (B, longest), best first, filled up with -1; tensor (B, top_paths) of their
        log-probabilities under the softmax of the scores.

    Raises:
        ValueError: when `top_paths` exceeds `beam_width`, or, when run, the number of sequences there are.
    """
    if not 1 <= top_paths <= beam_width:
        raise ValueError(f"ctc_beam_search: top_paths must be from 1 to beam_width, {beam_width}, got {top_paths}")
    *labels, score = apply(CTCBeamSearch(int(beam_width), int(top_paths)), *_inputs(scores, input_length))
    return labels, score
