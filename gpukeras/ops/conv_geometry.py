"""Sizes of convolutions: padding, output lengths, and the blocks their kernels work in."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..graph.shape import Dim, prod

__all__ = ["Geometry", "Pads", "as_pads", "lengths", "output_length", "resolve_pads"]

#: (before, after) for each spatial axis, or 'same', whose amounts depend on lengths that may not be known yet.
Pads = tuple[tuple[int, int], ...] | str

#: Bytes of the column buffer: small enough to stay in cache between being written and being read; larger where
#: several cores share each product, so that starting them pays.
COLUMNS = (1 << 21) * min(os.cpu_count() or 1, 4)
#: Upper limit of that buffer where a large kernel makes larger blocks pay.
MOST_COLUMNS = 1 << 25


def lengths(value: Any, n: int, what: str, name: str) -> tuple[int, ...]:
    """`value`, an int or `n` ints, as a tuple of `n` positive ints.

    Raises:
        ValueError: for another number of values, or one below 1.
    """
    values = (int(value),) * n if isinstance(value, (int, np.integer)) else tuple(int(v) for v in value)
    if len(values) != n or any(v < 1 for v in values):
        raise ValueError(f"{what}: {name} must be {n} positive int(s), one per spatial axis, got {value!r}")
    return values


def as_pads(padding: Any, kernel: Sequence[Dim], dilation: Sequence[int], what: str) -> Pads:
    """Padding as (before, after) pairs, or 'same'.

    Arguments:
        padding: 'valid', 'same', 'causal' (all of it before), 'full', or a pair per spatial axis.
        kernel: lengths of the kernel.
        dilation: spacing of its taps.
        what: name of the operation, for messages.

    Raises:
        ValueError: for anything else.
    """
    n = len(kernel)
    if padding == "same":
        return "same"
    if padding == "valid":
        return ((0, 0),) * n
    if padding in ("causal", "full"):
        if None in kernel:
            raise ValueError(f"{what}: padding {padding!r} needs a kernel of known size, got {tuple(kernel)}")
        reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True) if k is not None]
        return tuple((r, 0 if padding == "causal" else r) for r in reach)
    pairs = None if isinstance(padding, str) else tuple((int(lo), int(hi)) for lo, hi in padding)
    if pairs is None or len(pairs) != n or any(p < 0 for pair in pairs for p in pair):
        raise ValueError(
            f"{what}: padding must be 'valid', 'same', 'causal', 'full' or {n} pair(s) of non-negative ints, "
            f"got {padding!r}"
        )
    return pairs


def output_length(n: Dim, k: Dim, stride: int, dilation: int, pads: tuple[int, int] | None) -> Dim:
    """Positions of a window of `k` taps along an axis of length `n`; `pads` None means 'same'."""
    if n is None:
        return None
    if pads is None:
        return -(-n // stride)
    return None if k is None else (n + sum(pads) - (k - 1) * dilation - 1) // stride + 1


def output_lengths(
    spatial: Sequence[Dim], kernel: Sequence[Dim], strides: Sequence[int], dilation: Sequence[int], pads: Pads
) -> tuple[Dim, ...]:
    """Output length along each spatial axis, None where it is not known."""
    each = [None] * len(spatial) if isinstance(pads, str) else pads
    return tuple(output_length(*args) for args in zip(spatial, kernel, strides, dilation, each, strict=True))


def resolve_pads(
    pads: Pads, spatial: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """(before, after) per axis; 'same' puts the odd one after, as TensorFlow does."""
    if not isinstance(pads, str):
        return pads
    out = []
    for n, k, s, d in zip(spatial, kernel, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        out.append((total // 2, total - total // 2))
    return tuple(out)


@dataclass(frozen=True)
class Geometry:
    """Concrete sizes of one convolution: x (n, *spatial, c), kernel (*kernel, c, f), y (n, *out, f).

    `pads` are resolved; c and f are those of one group.
    """

    n: int
    spatial: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    c: int
    f: int
    groups: int
    itemsize: int

    @property
    def taps(self) -> int:
        """Number of taps of the kernel."""
        return prod(self.kernel)

    @property
    def depth(self) -> int:
        """Length of a row of columns: all taps of all channels."""
        return self.taps * self.c

    @property
    def padded(self) -> tuple[int, ...]:
        """Spatial lengths with the padding."""
        return tuple(n + lo + hi for n, (lo, hi) in zip(self.spatial, self.pads, strict=True))

    @property
    def is_padded(self) -> bool:
        """Whether there is any padding."""
        return any(p for pair in self.pads for p in pair)

    @property
    def interior(self) -> tuple[slice, ...]:
        """Index of x in its padded copy, sample axis included."""
        inner = (slice(lo, lo + n) for n, (lo, _) in zip(self.spatial, self.pads, strict=True))
        return (slice(None), *inner)

    @property
    def pointwise(self) -> bool:
        """Whether rows of columns are pixels of x: a 1x1 kernel that skips nothing."""
        return self.taps == 1 and self.out == self.spatial and not self.is_padded and prod(self.strides) == 1

    @property
    def flipped(self) -> Geometry | None:
        """The convolution of y with the flipped kernel that is the transpose of this one; None with strides."""
        if prod(self.strides) != 1:
            return None
        reach = [(k - 1) * d for k, d in zip(self.kernel, self.dilation, strict=True)]
        pads = tuple(
            (r - lo, n - o + lo) for r, (lo, _), n, o in zip(reach, self.pads, self.spatial, self.out, strict=True)
        )
        if any(p < 0 for pair in pads for p in pair):
            return None
        return replace(self, spatial=self.out, out=self.spatial, pads=pads, c=self.f, f=self.c)

    # -- blocks -------------------------------------------------------------------------------------

    @property
    def block(self) -> tuple[int, int]:
        """(axis, count): a block is `count` indices of this axis of (n, *out), at one index of those before it."""
        budget = max(COLUMNS, min(2 * self.depth * self.f * self.itemsize, MOST_COLUMNS))
        shape = (self.n, *self.out)
        for axis in range(len(shape)):
            each = max(prod(shape[axis + 1 :]) * self.depth * self.itemsize, 1)
            if axis == 0:  # a padded copy of each sample of the block is held as well
                each = max(each, prod(self.padded) * self.c * self.itemsize)
            if each <= budget or axis == len(shape) - 1:
                return axis, max(1, min(budget // each, shape[axis]))
        raise AssertionError

    @property
    def samples(self) -> int:
        """Samples whose padded copy is held at a time."""
        axis, count = self.block
        return count if axis == 0 else min(1, self.n)

    @property
    def rows(self) -> int:
        """Rows of the column buffer."""
        axis, count = self.block
        return count * prod((self.n, *self.out)[axis + 1 :])

    def blocks(self) -> Iterator[tuple[slice, list[tuple[slice, ...]]]]:
        """(samples, indices of the output's spatial axes) of each group of blocks, in order."""
        axis, count = self.block
        if axis == 0:
            whole = [(slice(None),) * len(self.out)]
            for start in range(0, self.n, count):
                yield slice(start, min(start + count, self.n)), whole
            return
        ranges = [[slice(i, i + 1) for i in range(n)] for n in self.out[: axis - 1]]
        length = self.out[axis - 1]
        ranges.append([slice(i, min(i + count, length)) for i in range(0, length, count)])
        rest = (slice(None),) * (len(self.out) - axis)
        parts = [(*index, *rest) for index in itertools.product(*ranges)]
        for i in range(self.n):
            yield slice(i, i + 1), parts

    def windows(self, xp: Any, x: Any) -> Any:
        """View (samples, *out, *kernel, c) of an array (samples, *padded, c): every window, nothing copied."""
        step = x.strides[1:-1]
        moves = tuple(s * m for s, m in zip(step, self.strides, strict=True))
        taps = tuple(s * m for s, m in zip(step, self.dilation, strict=True))
        shape = (x.shape[0], *self.out, *self.kernel, x.shape[-1])
        return xp.lib.stride_tricks.as_strided(x, shape, (x.strides[0], *moves, *taps, x.strides[-1]))

    def tap(self, index: Sequence[int], part: Sequence[slice]) -> tuple[slice, ...]:
        """Index of the padded x that one tap of the kernel meets while the output runs over `part`."""
        out = []
        for k, d, s, n, cut in zip(index, self.dilation, self.strides, self.out, part, strict=True):
            start, stop, _ = cut.indices(n)
            first = k * d + start * s
            out.append(slice(first, first + (stop - start - 1) * s + 1, s))
        return (slice(None), *out)

    def taps_of(self) -> Iterator[tuple[int, ...]]:
        """Index of every tap."""
        return itertools.product(*map(range, self.kernel))
