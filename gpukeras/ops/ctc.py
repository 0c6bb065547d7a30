"""Connectionist temporal classification: the cost of label sequences whose alignment to time is not known.

Graves, Fernandez, Gomez, Schmidhuber: Connectionist temporal classification: labelling unsegmented sequence data
with recurrent neural networks, ICML 2006.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph.dtype import as_dtype
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim
from ..graph.tensor import Tensor, apply, as_tensor
from .elementwise import cast
from .gather import take_thunk
from .operands import as_floats
from .reduction import reduce_thunk, wide
from .shaping import expand_dims

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["ctc_loss"]

INT64 = as_dtype("int64")
BOOL = as_dtype("bool")
# Finite stand-ins for the logarithm of 0, so that the difference of two of them is a number.  A single step's
# logarithm is kept above FLOOR: however many steps are added up, IMPOSSIBLE paths stay below every real one.
IMPOSSIBLE = -1e30
FLOOR = -1e24
POSSIBLE = -1e28  # logarithms above this belong to a path that exists


def _same(sizes: Sequence[Dim], what: str) -> Dim:
    """The one known length among `sizes`."""
    known = {n for n in sizes if n is not None}
    if len(known) > 1:
        raise ValueError(f"ctc_loss: {what}: {', '.join(map(str, sizes))} differ; each needs one entry per sample")
    return known.pop() if known else None


class CTCLoss(Op):
    """Minus the log-probability of each label sequence, and its gradient with respect to the logits.

    Inputs: logits (B, T, C), whose last class is the blank; labels (B, L); numbers of steps (B,) and of labels (B,).
    Forward and backward variables come out of one loop over time: the backward ones are the forward variables of
    the sequence and the labels read from their ends, which are kept as further rows of the batch.
    """

    captures = False
    precision = "full"

    name = "ctc_loss"
    optional_outputs = True

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        x, labels, steps, counts = (s.shape for s in ins)
        assert x is not None and labels is not None and steps is not None and counts is not None
        if (len(x), len(labels), len(steps), len(counts)) != (3, 2, 1, 1):
            raise ValueError(
                "ctc_loss: expected logits (B, T, C), labels (B, L), input lengths (B,) and label lengths (B,), got "
                f"shapes {tuple(x)}, {tuple(labels)}, {tuple(steps)} and {tuple(counts)}"
            )
        if x[2] == 0:
            raise ValueError(f"ctc_loss: logits of shape {tuple(x)} have no class for the blank")
        batch = _same([x[0], labels[0], steps[0], counts[0]], "batch sizes of logits, labels and lengths")
        return [Spec((batch,), ins[0].dtype), Spec((batch, x[1], x[2]), ins[0].dtype)]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        dy: Any = dys[0]
        if dys[1] is not None:
            raise ValueError("ctc_loss has no second derivative (TensorFlow 1 has none either)")
        return [expand_dims(expand_dims(dy, 1), 1) * node.outputs[1], None, None, None]

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        assert ins[0].shape is not None and ins[1].shape is not None
        (B, T, C), L = ins[0].shape, ins[1].shape[1]
        assert B is not None and T is not None and C is not None and L is not None
        dtype = wide(ins[0].dtype)
        N, S = B if outs[1] is None else 2 * B, 2 * L + 1
        shapes: list[tuple[Any, Any]] = [
            *[(INT64, s) for s in ((B, L), (B, L), (B,), (B,), (T, N), (T, N, S), (N, S), (2, B))],
            *[(BOOL, s) for s in ((B, L), (B, L), (N, max(L - 1, 0)), (B,))],
            *[(dtype, s) for s in ((B, T, C), (B, T, C), (B, T, 1), (T, N, S), (T, N, S + 2), (3, N, S), (3, N, S))],
            *[(dtype, s) for s in ((N, S), (2, B), (B,))],
        ]
        if outs[1] is not None:
            shapes += [(INT64, s) for s in ((T, B, S), (B, S), (B, T, L))]
            shapes += [(BOOL, s) for s in ((T, B), (B, L, L))]
            shapes += [(dtype, s) for s in ((T, B, S), (T, B), (T, B), (B, L, L), (B, T, L), (B, T, L))]
        return [Spec(shape, kind) for kind, shape in shapes]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        if not b.ins[0].shape[0]:
            return []
        kernel = _Kernel(b)
        thunks = [*kernel.read(), *kernel.spell(), *kernel.log_softmax(), *kernel.forward(), *kernel.loss(b.outs[0])]
        return thunks if b.outs[1] is None else thunks + kernel.gradient(b.outs[1])


def _take(xp: Any, source: Any, index: Any, out: Any) -> Thunk:
    """The call that reads `source`, seen as flat, at `index`; the caller keeps the index in range."""
    return take_thunk(xp, source.reshape(-1), index, None, out)


class _Kernel:
    """The calls of one bound `CTCLoss`.

    Letters beside those of the operation: N rows (the samples, then the samples read backwards), S = 2 L + 1 states:
    blank, label, blank, ..., label, blank.  States past the end of a shorter label sequence lead nowhere, so they
    hold whatever comes.
    """

    def __init__(self, b: Binding) -> None:
        self.b, self.xp = b, b.xp
        self.x, self.labels, self.steps, self.counts = b.ins
        self.B, self.T, self.C = self.x.shape
        self.L = self.labels.shape[1]
        (
            self.lab, self.back, self.tlen, self.llen, self.time, self.index, self.states, self.ends,
            self.given, self.short, self.equal, self.none,
            self.logp, self.prob, self.row, self.lp, self.alpha, self.window, self.skip,
            self.top, self.tail, self.total,
        ) = b.scratch[:22]  # fmt: skip
        self.more = b.scratch[22:]
        self.N, self.S = self.states.shape

    def read(self) -> list[Thunk]:
        """Lengths and labels as int64; labels from the first blank on count as absent, as in TensorFlow."""
        xp, lab, given, llen, tlen = self.xp, self.lab, self.given, self.llen, self.tlen
        thunks: list[Thunk] = [
            partial(xp.copyto, lab, self.labels, "unsafe"),
            partial(xp.copyto, llen, self.counts, "unsafe"),
            partial(xp.copyto, tlen, self.steps, "unsafe"),
            partial(xp.less, xp.arange(self.L), llen[:, None], given),
        ]
        if xp is np:  # a GPU would have to wait for the answer, so there labels and lengths are clipped
            thunks.append(self._check_labels)
        thunks += [
            partial(xp.less, lab, self.C - 1, self.short),
            partial(xp.logical_and, given, self.short, given),
            partial(xp.copyto, self.back, given),
            partial(xp.cumprod, self.back, 1, None, self.back),
            partial(xp.sum, self.back, 1, None, llen),
            partial(xp.clip, lab, 0, self.C - 1, lab),
        ]
        if xp is np:
            thunks.append(self._check_lengths)
        return [*thunks, partial(xp.clip, tlen, 0, self.T, tlen)]

    def _check_labels(self) -> None:
        null = self.lab >= self.C - 1
        late = np.logical_or.accumulate(null, axis=1) & ~null
        bad = self.given & ((self.lab < 0) | late)
        if bad.any():
            sample, place = (int(i) for i in np.argwhere(bad)[0])
            raise ValueError(
                f"{self.b.where}: label {self.lab[sample, place]} at place {place} of sample {sample}: expected labels "
                f"from 0 to {self.C - 2} (class {self.C - 1} is the blank), and none after a blank; correct the label "
                "or its label_length"
            )

    def _check_lengths(self) -> None:
        bad = (self.llen > self.tlen) | (self.tlen > self.T) | (self.tlen < 0)
        if bad.any():
            i = int(bad.argmax())
            raise ValueError(
                f"{self.b.where}: sample {i} has {self.llen[i]} labels and an input length of {self.tlen[i]}; expected "
                f"at least one step for each label, and at most the {self.T} steps there are"
            )

    def spell(self) -> list[Thunk]:
        """States of every row, where their log-probabilities stand, and which states may be skipped to."""
        xp, B, T, L, C = self.xp, self.B, self.T, self.L, self.C
        rows = xp.arange(B)
        time, states, skip, back = self.time, self.states, self.skip, self.back
        start = (xp.arange(T)[:, None] + rows * T) * C  # place of a step in the flat (B, T, C) log-probabilities
        thunks: list[Thunk] = [
            partial(states[:, 0::2].fill, C - 1),
            partial(xp.copyto, states[:B, 1::2], self.lab),
            partial(xp.copyto, time[:, :B], start),
        ]
        if self.N > B and L:
            first = (rows * L)[:, None]
            thunks += [  # label llen - 1 - l in place of label l
                partial(xp.add, first - xp.arange(1, L + 1), self.llen[:, None], back),
                partial(xp.maximum, back, first, out=back),
                _take(xp, self.lab, back, states[B:, 1::2]) if xp is not np else partial(self._mirror, back),
            ]
        if self.N > B:
            thunks += [
                *self._steps_from_the_end(),
                partial(xp.add, time[:, B:], rows * T, time[:, B:]),
                partial(xp.multiply, time[:, B:], C, time[:, B:]),
            ]
        thunks += [
            partial(xp.add, time[:, :, None], states, self.index),
            partial(skip.fill, 0),
            partial(skip[0].fill, IMPOSSIBLE),
        ]
        if L > 1:  # from label to label without a blank between them, unless they are equal
            odd = states[:, 1::2]
            thunks += [
                partial(xp.equal, odd[:, 1:], odd[:, :-1], self.equal),
                partial(xp.multiply, self.equal, skip.dtype.type(IMPOSSIBLE), skip[0][:, 3::2]),
            ]
        return thunks

    def _mirror(self, back: Any) -> None:
        np.take(self.lab, back, None, back, "clip")
        np.copyto(self.states[self.B :, 1::2], back)

    def _steps_from_the_end(self) -> list[Thunk]:
        """tlen - 1 - t for every step t and sample, into the second half of `time`."""
        xp, late = self.xp, self.time[:, self.B :]
        return [
            partial(xp.subtract, self.tlen, xp.arange(1, self.T + 1)[:, None], late),
            partial(xp.maximum, late, 0, out=late),
        ]

    def log_softmax(self) -> list[Thunk]:
        """Log-probabilities of all classes, and of every state at every step; `prob` and `row` give softmax."""
        if not self.T:
            return []
        xp, logp, prob, row = self.xp, self.logp, self.prob, self.row
        return [
            partial(xp.copyto, logp, self.x),
            reduce_thunk(xp, "maximum", logp, (2,), row),
            partial(xp.subtract, logp, row, logp),
            partial(xp.exp, logp, prob),
            reduce_thunk(xp, "add", prob, (2,), row),
            partial(xp.divide, prob, row, prob),
            partial(xp.log, row, row),
            partial(xp.subtract, logp, row, logp),
            _take(xp, logp, self.index, self.lp),
            partial(xp.maximum, self.lp, FLOOR, out=self.lp),
        ]

    def forward(self) -> list[Thunk]:
        """alpha[t, n, 2 + s]: logarithm of the probability of all ways to be in state s at step t."""
        if not self.T:
            return []
        xp, alpha, lp, window, top = self.xp, self.alpha, self.lp, self.window, self.top
        thunks: list[Thunk] = [
            partial(alpha[:, :, :2].fill, IMPOSSIBLE),
            partial(alpha[0, :, 2:].fill, IMPOSSIBLE),
            partial(xp.copyto, alpha[0, :, 2:4], lp[0, :, :2]),
        ]
        row, item = alpha.strides[1:]
        for t in range(1, self.T):
            # three views of the step before: two states back, one back, the same
            sources = xp.lib.stride_tricks.as_strided(alpha[t - 1], (3, self.N, self.S), (item, row, item))
            thunks += [
                partial(xp.add, sources, self.skip, window),
                reduce_thunk(xp, "maximum", window, (0,), top),
                partial(xp.subtract, window, top, window),
                partial(xp.exp, window, window),
                partial(xp.add, top, lp[t], top),
                partial(xp.add, window[0], window[1], window[0]),
                partial(xp.add, window[0], window[2], window[0]),
                partial(xp.log, window[0], window[0]),
                partial(xp.add, window[0], top, alpha[t, :, 2:]),
            ]
        return thunks

    def loss(self, out: Any) -> list[Thunk]:
        """Minus the logarithm of the two last states at the last step; inf where no alignment exists."""
        xp, ends, total, none, width = self.xp, self.ends, self.total, self.none, self.S + 2
        if self.T:
            thunks: list[Thunk] = [
                partial(xp.subtract, self.tlen, 1, ends[0]),
                partial(xp.maximum, ends[0], 0, out=ends[0]),
                partial(xp.multiply, ends[0], self.N * width, ends[0]),
                partial(xp.add, ends[0], xp.arange(self.B) * width + 2, ends[0]),
                partial(xp.add, ends[0], self.llen, ends[0]),
                partial(xp.add, ends[0], self.llen, ends[0]),
                partial(xp.subtract, ends[0], 1, ends[1]),
                _take(xp, self.alpha, ends, self.tail),
                partial(xp.logaddexp, self.tail[0], self.tail[1], total),
            ]
        else:
            thunks = [partial(total.fill, 0)]
        return [
            *thunks,
            partial(xp.less_equal, self.tlen, 0, none),  # no steps: certain for no labels
            partial(xp.copyto, total, 0, "same_kind", none),
            partial(xp.less, self.tlen, self.llen, none),
            partial(xp.copyto, total, IMPOSSIBLE, "same_kind", none),
            partial(xp.less, total, POSSIBLE, none),
            partial(xp.negative, total, total),
            partial(xp.copyto, total, np.inf, "same_kind", none),
            *([] if out is None else [partial(xp.copyto, out, total, "same_kind")]),
        ]

    def gradient(self, out: Any) -> list[Thunk]:
        """softmax less the probability that the alignment is at each class; softmax alone where there is none."""
        if not self.T:
            return []
        xp, B, L, prob, late = self.xp, self.B, self.L, self.prob, self.time[:, self.B :]
        place, mirror, where, outside, same, post, shift, blank, equal, at, both = self.more
        labels = self.index[:, :B, 1::2].transpose(1, 0, 2)
        thunks: list[Thunk] = [
            *self._steps_from_the_end(),
            partial(xp.multiply, late, self.N, late),
            partial(xp.add, late, xp.arange(B, 2 * B), late),
            partial(xp.multiply, late, self.S + 2, late),
            partial(xp.multiply, self.llen, 2, self.llen),
            partial(xp.subtract, self.llen[:, None], xp.arange(self.S) - 2, mirror),
            partial(xp.maximum, mirror, 0, out=mirror),  # states past the end: the padding, which is impossible
            partial(xp.add, late[:, :, None], mirror, place),
            _take(xp, self.alpha, place, post),
            partial(xp.add, post, self.alpha[:, :B, 2:], post),
            partial(xp.subtract, post, self.lp[:, :B], post),
            partial(xp.copyto, self.total, 10 * IMPOSSIBLE, "same_kind", self.none),
            partial(xp.greater_equal, xp.arange(self.T)[:, None], self.tlen, outside),
            partial(xp.multiply, outside, shift.dtype.type(10 * IMPOSSIBLE), shift),
            partial(xp.add, shift, self.total, shift),
            partial(xp.add, post, shift[:, :, None], post),
            partial(xp.exp, post, post),
        ]
        if L:
            thunks += [  # a label that comes twice: both places get the sum, so that writing either is right
                partial(xp.copyto, at, post[:, :, 1::2].transpose(1, 0, 2)),
                partial(xp.equal, self.lab[:, :, None], self.lab[:, None, :], same),
                partial(xp.copyto, equal, same),
                partial(xp.matmul, at, equal, out=both),
                partial(xp.copyto, where, labels),
                _take(xp, prob, where, at),
                partial(xp.subtract, at, both, at),
                partial(operator.setitem, prob.reshape(-1), where, at),
            ]
        return [
            *thunks,
            partial(xp.sum, post[:, :, 0::2], 2, None, blank),
            partial(xp.subtract, prob[:, :, -1], blank.T, prob[:, :, -1]),
            partial(xp.copyto, prob, 0, "same_kind", outside.T[:, :, None]),
            partial(xp.copyto, out, prob, "same_kind"),
        ]


def ctc_loss(logits: Any, labels: Any, input_length: Any, label_length: Any) -> Tensor:
    """Minus the log-probability that softmax(logits), read without repeats and blanks, spells the labels.

    Arguments:
        logits: float tensor of shape (B, T, C); the last class is the blank.
        labels: integer tensor of shape (B, L), classes from 0 to C - 2; only the first `label_length` count.
        input_length: integer tensor of shape (B,), the number of steps of each sample.
        label_length: integer tensor of shape (B,), the number of labels of each sample.

    Returns:
        Tensor of shape (B,); inf where repeated labels leave no alignment.

    Raises:
        ValueError: when shapes do not fit; when run on a CPU, also for labels outside the classes, for more labels
            than steps and for more steps than there are.
    """
    (x,) = as_floats(logits)
    whole = [cast(as_tensor(v), "int32") for v in (labels, input_length, label_length)]
    loss: Tensor = apply(CTCLoss(), x, *whole)[0]
    return loss
