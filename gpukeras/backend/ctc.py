"""Connectionist temporal classification: training on, and reading of, labels that are not aligned to time."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..graph.tensor import Tensor, as_tensor
from .common import epsilon
from .sparse import mark_sparse

__all__ = ["ctc_batch_cost", "ctc_decode", "ctc_label_dense_to_sparse"]


def _counts(lengths: Any) -> Tensor:
    """Lengths of shape (B, 1) or (B,) as an int32 vector."""
    return ops.cast(ops.reshape(as_tensor(lengths), (-1,)), "int32")


def _scores(y_pred: Any) -> Tensor:
    """Logarithms of probabilities, which may be 0."""
    return ops.log(ops.add(as_tensor(y_pred), epsilon()))


def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Tensor:
    """Returns labels as a sparse tensor, the padding left out.

    Arguments:
        labels: integer tensor of shape (B, L).
        label_lengths: integer tensor of shape (B,) (or (B, 1)), the number of labels of each sample.

    Returns:
        Sparse tensor of shape (B, L), kept as a dense one with zeros in place of the padding.
    """
    labels = as_tensor(labels)
    given = ops.less(ops.arange(ops.shape(labels)[1]), ops.expand_dims(_counts(label_lengths), 1))
    return mark_sparse(ops.where(given, labels, ops.zeros_like(labels)))


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Tensor:
    """Returns the CTC loss of every sample of a batch.

    The blank is the last class.  Equal neighbours among the labels stay two labels, so they need a blank between them:
    where `input_length` leaves no room for it, the loss is inf.

    Arguments:
        y_true: tensor of shape (B, L), labels from 0 to C - 2 and any padding.
        y_pred: tensor of shape (B, T, C), class probabilities of every step (a softmax).
        input_length: tensor of shape (B, 1), the number of steps of each sample.
        label_length: tensor of shape (B, 1), the number of labels of each sample.

    Returns:
        Tensor of shape (B, 1).

    Raises:
        ValueError: when shapes do not fit; when computed on a CPU, also for labels that are no class, for more labels
            than steps and for more steps than there are.
    """
    loss = ops.ctc_loss(
        _scores(y_pred), ops.cast(as_tensor(y_true), "int32"), _counts(input_length), _counts(label_length)
    )
    return ops.expand_dims(loss, 1)


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Tensor], Tensor]:
    """Reads labels off class probabilities.

    Arguments:
        y_pred: tensor of shape (B, T, C), class probabilities of every step (a softmax); the last class is the blank.
        input_length: tensor of shape (B,), the number of steps of each sample.
        greedy: whether to take the best class of every step; else a beam search looks for the best sequences, and
            equal neighbours in what it finds are merged (as TensorFlow 1 does).
        beam_width: int, sequences the beam search keeps from step to step.
        top_paths: int, sequences the beam search returns.

    Returns:
        Tuple: list of int64 tensors of shape (B, longest) filled up with -1, one for `greedy`, else `top_paths`, best
        first; tensor of scores: (B, 1), minus the log-probability of the path, for `greedy`, else (B, top_paths)
        log-probabilities of the sequences.

    Raises:
        ValueError: when there are not as many paths as asked for.
    """
    scores, lengths = _scores(y_pred), _counts(input_length)
    if greedy:
        labels, score = ops.ctc_greedy(scores, lengths)
        return [labels], score
    return ops.ctc_beam_search(scores, lengths, beam_width, top_paths)
