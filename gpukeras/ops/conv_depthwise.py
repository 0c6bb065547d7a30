"""Array kernels of depthwise convolutions: each channel of x meets filters of its own.

One product and one sum per tap, over a few samples at a time.  Where every channel has m filters, the samples are
loaded with each channel repeated m times, so that all kernels see as many channels in as out.  Kernel rows are
repeated along the last spatial axis, so that the inner loops run over whole rows of pixels and not over channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..graph.dtype import DType
from ..graph.op import Spec, Thunk
from ..graph.shape import prod
from .conv_geometry import COLUMNS, Geometry

__all__ = ["forward", "input_gradient", "scratch", "weight_gradient"]


def _channels(g: Geometry) -> int:
    return g.groups * g.f


def _samples(g: Geometry) -> int:
    """Samples at a time: padded copy and products of a block stay in cache."""
    each = (prod(g.padded) + 2 * prod(g.out)) * _channels(g) * g.itemsize
    return max(1, min(g.n, COLUMNS // max(each, 1)))


def scratch(g: Geometry, dtype: DType) -> list[Spec]:
    """Work arrays: padded samples, products of one tap, their sum, kernel rows, partial sums of kernel gradients."""
    count, channels = _samples(g), _channels(g)
    y = (count, *g.out, channels)
    return [
        Spec((count, *g.padded, channels), dtype),
        Spec(y, dtype),
        Spec(y, dtype),
        Spec((g.taps, g.out[-1], channels), dtype),
        Spec((g.taps, channels), dtype),
        Spec((channels,), dtype),
        Spec((prod(y[:-1]),), dtype),
    ]


class _Blocks:
    """What the kernels share: a few samples at a time, padded, channels repeated."""

    def __init__(self, xp: Any, g: Geometry, padded: Any) -> None:
        self.xp, self.g, self.padded = xp, g, padded
        self.count = _samples(g)
        self.whole = (slice(None),) * len(g.out)
        self.start: list[Thunk] = [partial(padded.fill, 0)] if g.is_padded else []

    def ranges(self) -> list[slice]:
        """Samples of each block."""
        return [slice(i, min(i + self.count, self.g.n)) for i in range(0, self.g.n, self.count)]

    def load(self, x: Any, samples: slice, thunks: list[Thunk]) -> Any:
        """Padded samples of x with repeated channels; x itself where it will do."""
        g = self.g
        if g.f == 1 and not g.is_padded and x.dtype == self.padded.dtype and x.flags.c_contiguous:
            return x[samples]
        target = self.padded[: samples.stop - samples.start]
        inner = target[g.interior]
        inner = inner.reshape(*inner.shape[:-1], g.groups, g.f)
        thunks.append(partial(self.xp.copyto, inner, x[samples][..., None]))
        return target

    def kernel_rows(self, w: Any, rows: Any) -> Thunk:
        """The copy of the kernel (*kernel, 1, channels) to rows (taps, last length, channels)."""
        g = self.g
        target = rows.reshape(*g.kernel, g.out[-1], _channels(g))
        return partial(self.xp.copyto, target, w)  # the kernel's axis of length 1 runs along the row


def forward(xp: Any, g: Geometry, x: Any, w: Any, out: Any, work: Sequence[Any]) -> list[Thunk]:
    """y = conv(x, w) for x (n, *spatial, c), w (*kernel, 1, c * m), y (n, *out, c * m)."""
    padded, product, total, rows = work[:4]
    if not out.size:
        return []
    blocks = _Blocks(xp, g, padded)
    thunks: list[Thunk] = [*blocks.start, blocks.kernel_rows(w, rows)]
    straight = out.dtype == total.dtype
    for samples in blocks.ranges():
        count = samples.stop - samples.start
        source = blocks.load(x, samples, thunks)
        target = out[samples] if straight else total[:count]
        for k, index in enumerate(g.taps_of()):
            view = source[g.tap(index, blocks.whole)]
            if k == 0:
                thunks.append(partial(xp.multiply, view, rows[k], target))
            else:
                thunks.append(partial(xp.multiply, view, rows[k], product[:count]))
                thunks.append(partial(xp.add, target, product[:count], target))
        if not straight:
            thunks.append(partial(xp.copyto, out[samples], target, "same_kind"))
    return thunks


def input_gradient(xp: Any, g: Geometry, dy: Any, w: Any, out: Any, work: Sequence[Any]) -> list[Thunk]:
    """Gradient (n, *spatial, c) of x from dy (n, *out, c * m)."""
    padded, product, _, rows = work[:4]
    if not out.size or not dy.size:
        return [partial(out.fill, 0)]
    blocks = _Blocks(xp, g, padded)
    thunks: list[Thunk] = [blocks.kernel_rows(w, rows)]
    straight = g.f == 1 and not g.is_padded and out.dtype == padded.dtype
    for samples in blocks.ranges():
        count = samples.stop - samples.start
        target = out[samples] if straight else padded[:count]
        thunks.append(partial(target.fill, 0))
        for k, index in enumerate(g.taps_of()):
            place = target[g.tap(index, blocks.whole)]
            thunks.append(partial(xp.multiply, dy[samples], rows[k], product[:count]))
            thunks.append(partial(xp.add, place, product[:count], place))
        if straight:
            continue
        inner = target[g.interior]
        if g.f > 1:  # the copies of a channel add up
            parts = inner.reshape(*inner.shape[:-1], g.groups, g.f)
            inner = parts[..., 0]
            thunks += [partial(xp.add, inner, parts[..., m], inner) for m in range(1, g.f)]
        thunks.append(partial(xp.copyto, out[samples], inner, "same_kind"))
    return thunks


def weight_gradient(xp: Any, g: Geometry, x: Any, dy: Any, out: Any, work: Sequence[Any]) -> list[Thunk]:
    """Gradient (*kernel, 1, c * m) of the kernel."""
    padded, product, _, _, sums, part, ones = work
    if not out.size or not dy.size:
        return [partial(out.fill, 0)]
    blocks = _Blocks(xp, g, padded)
    thunks: list[Thunk] = [*blocks.start, partial(ones.fill, 1)]
    for samples in blocks.ranges():
        count = samples.stop - samples.start
        source = blocks.load(x, samples, thunks)
        flat = product[:count].reshape(-1, _channels(g))
        weights = ones[: flat.shape[0]]  # a product with ones: BLAS sums columns faster than a ufunc
        for k, index in enumerate(g.taps_of()):
            view = source[g.tap(index, blocks.whole)]
            thunks.append(partial(xp.multiply, view, dy[samples], product[:count]))
            if samples.start == 0:
                thunks.append(partial(xp.dot, weights, flat, sums[k]))
            else:
                thunks.append(partial(xp.dot, weights, flat, part))
                thunks.append(partial(xp.add, sums[k], part, sums[k]))
    thunks.append(partial(xp.copyto, out.reshape(sums.shape), sums, "same_kind"))
    return thunks
