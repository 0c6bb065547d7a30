"""Array kernels of convolutions: columns of windows and one matrix product per block.

x (n, *spatial, c) is seen as windows (n, *out, *kernel, c) without copying; a block of windows is copied to a
matrix of columns whose rows meet the kernel as a matrix (taps * c, f).  Blocks are small enough to stay in cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..graph.dtype import DType
from ..graph.op import Spec, Thunk
from ..graph.shape import prod
from .conv_geometry import Geometry

__all__ = ["forward", "input_gradient", "input_scratch", "scratch", "through_columns", "weight_gradient"]

#: Fewer channels than this are added up one by one.
FEW = 8


def scratch(g: Geometry, dtype: DType) -> list[Spec]:
    """Work arrays of all kernels here: padded samples, columns, kernel matrix, its product, rows of y."""
    return [
        Spec((g.samples, *g.padded, g.c), dtype),
        Spec((g.rows, g.depth), dtype),
        Spec((g.depth, g.f), dtype),
        Spec((g.rows, g.f), dtype),
    ]


def _staged(xp: Any, source: Any, shape: tuple[int, ...], work: Any, thunks: list[Thunk]) -> Any:
    """`source` as a contiguous array of `shape` in the dtype of `work`: as it is, or through a copy to `work`."""
    if source.dtype == work.dtype and source.flags.c_contiguous:
        return source.reshape(shape)
    copy = work.reshape(-1)[: prod(shape)]
    thunks.append(partial(xp.copyto, copy.reshape(source.shape), source))
    return copy.reshape(shape)


class _Source:
    """The samples a kernel reads windows of: x itself, or a padded copy of some samples at a time."""

    def __init__(self, xp: Any, g: Geometry, x: Any, padded: Any) -> None:
        self.xp, self.x, self.padded, self.interior = xp, x, padded, g.interior
        self.copies = g.is_padded or x.dtype != padded.dtype or not x.flags.c_contiguous
        self.start: list[Thunk] = [partial(padded.fill, 0)] if g.is_padded else []
        self.windows = g.windows(xp, padded if self.copies else x)

    def load(self, samples: slice, thunks: list[Thunk]) -> Any:
        """Windows of these samples."""
        if not self.copies:
            return self.windows[samples]
        count = samples.stop - samples.start
        thunks.append(partial(self.xp.copyto, self.padded[:count][self.interior], self.x[samples]))
        return self.windows[:count]


def forward(xp: Any, g: Geometry, x: Any, w: Any, out: Any, work: Sequence[Any]) -> list[Thunk]:
    """y = conv(x, w).

    Arguments:
        xp: array module.
        g: sizes of one group.
        x: input (n, *spatial, c), any strides.
        w: kernel (*kernel, c, f), any strides.
        out: output (n, *out, f), any strides.
        work: arrays of `scratch(g)`.
    """
    padded, columns, matrix, rows = work
    thunks: list[Thunk] = []
    w = _staged(xp, w, (g.depth, g.f), matrix, thunks)
    if not g.depth or not out.size:
        return [partial(out.fill, 0)]
    straight = out.flags.c_contiguous and out.dtype == rows.dtype
    if g.pointwise and straight and x.flags.c_contiguous and x.dtype == out.dtype:
        return [*thunks, partial(xp.dot, x.reshape(-1, g.c), w, out.reshape(-1, g.f))]
    source = _Source(xp, g, x, padded)
    thunks += source.start
    for samples, parts in g.blocks():
        windows = source.load(samples, thunks)
        for part in parts:
            view, target = windows[(slice(None), *part)], out[(samples, *part)]
            count = target.size // g.f
            thunks.append(partial(xp.copyto, columns[:count].reshape(view.shape), view))
            if straight:
                thunks.append(partial(xp.dot, columns[:count], w, target.reshape(count, g.f)))
            else:
                thunks.append(partial(xp.dot, columns[:count], w, rows[:count]))
                thunks.append(partial(xp.copyto, target, rows[:count].reshape(target.shape), "same_kind"))
    return thunks


def weight_gradient(xp: Any, g: Geometry, x: Any, dy: Any, out: Any, work: Sequence[Any]) -> list[Thunk]:
    """Gradient (*kernel, c, f) of the kernel: columns of x, transposed, times rows of dy, summed over blocks.

    `work` holds one more matrix (depth, f) than `scratch(g)` gives, for the running sum.
    """
    padded, columns, matrix, rows, total = work
    if not out.size or not dy.size:
        return [partial(out.fill, 0)]
    thunks: list[Thunk] = []
    straight = out.flags.c_contiguous and out.dtype == rows.dtype
    total = out.reshape(g.depth, g.f) if straight else total
    same = x.dtype == dy.dtype == rows.dtype
    if g.pointwise and same and x.flags.c_contiguous and dy.flags.c_contiguous:
        thunks.append(partial(xp.dot, x.reshape(-1, g.c).T, dy.reshape(-1, g.f), total))
    else:
        source, first = _Source(xp, g, x, padded), True
        thunks += source.start
        for samples, parts in g.blocks():
            windows = source.load(samples, thunks)
            for part in parts:
                view, dy_part = windows[(slice(None), *part)], dy[(samples, *part)]
                count = dy_part.size // g.f
                right = _staged(xp, dy_part, (count, g.f), rows, thunks)
                thunks.append(partial(xp.copyto, columns[:count].reshape(view.shape), view))
                thunks.append(partial(xp.dot, columns[:count].T, right, total if first else matrix))
                if not first:
                    thunks.append(partial(xp.add, total, matrix, total))
                first = False
    if not straight:
        thunks.append(partial(xp.copyto, out, total.reshape(out.shape), "same_kind"))
    return thunks


def _as_forward(g: Geometry) -> Geometry | None:
    """The convolution of dy with the flipped kernel, where that moves fewer bytes than adding up columns."""
    flipped = g.flipped
    return flipped if flipped is not None and (g.f <= 2 * g.c or g.taps == 1) else None


def input_scratch(g: Geometry, dtype: DType) -> list[Spec]:
    """Work arrays of `input_gradient`."""
    flipped = _as_forward(g)
    if flipped is None:
        return scratch(g, dtype)
    return [*scratch(flipped, dtype), Spec((*g.kernel, g.f, g.c), dtype)]


def input_gradient(xp: Any, g: Geometry, dy: Any, w: Any, out: Any, work: Sequence[Any]) -> list[Thunk]:
    """Gradient (n, *spatial, c) of x: a convolution with the flipped kernel, or columns added up tap by tap.

    Arguments:
        xp: array module.
        g: sizes of one group.
        dy: gradient of y (n, *out, f), any strides.
        w: kernel (*kernel, c, f), any strides.
        out: output (n, *spatial, c), any strides.
        work: arrays of `input_scratch(g)`.
    """
    if not out.size or not dy.size:
        return [partial(out.fill, 0)]
    flipped = _as_forward(g)
    if flipped is None:
        return through_columns(xp, g, dy, w, out, work)
    turned = w[(slice(None, None, -1),) * len(g.kernel)].swapaxes(-1, -2)
    return [partial(xp.copyto, work[4], turned), *forward(xp, flipped, dy, work[4], out, work[:4])]


def through_columns(xp: Any, g: Geometry, dy: Any, w: Any, out: Any, work: Sequence[Any]) -> list[Thunk]:
    """`input_gradient` for any geometry: rows of dy times the kernel give columns, added to x tap by tap."""
    padded, columns, matrix, rows = work
    thunks: list[Thunk] = []
    w = _staged(xp, w, (g.depth, g.f), matrix, thunks)
    straight = not g.is_padded and out.dtype == padded.dtype
    interior = g.interior
    for samples, parts in g.blocks():
        target = out[samples] if straight else padded[: samples.stop - samples.start]
        thunks.append(partial(target.fill, 0))
        for part in parts:
            dy_part = dy[(samples, *part)]
            count = dy_part.size // g.f
            left = _staged(xp, dy_part, (count, g.f), rows, thunks)
            thunks += _spread(xp, g, left, w, columns, dy_part.shape[:-1], target, part)
        if not straight:
            thunks.append(partial(xp.copyto, out[samples], target[interior], "same_kind"))
    return thunks


def _spread(
    xp: Any, g: Geometry, dy: Any, w: Any, columns: Any, shape: tuple[int, ...], target: Any, part: Sequence[slice]
) -> list[Thunk]:
    """Rows of dy times the kernel, added to the padded samples `target` tap by tap."""
    if g.c >= FEW:
        columns = columns[: dy.shape[0]]
        view = columns.reshape(*shape, *g.kernel, g.c)
        thunks: list[Thunk] = [partial(xp.dot, dy, w.T, columns)]
        pairs = [(target[g.tap(index, part)], view[(..., *index, slice(None))]) for index in g.taps_of()]
    else:  # with few channels the long axis is that of the pixels: it goes last
        columns = columns.reshape(-1)[: g.depth * dy.shape[0]].reshape(g.depth, -1)
        view = columns.reshape(*g.kernel, g.c, *shape)
        thunks = [partial(xp.dot, w, dy.T, columns)]
        pairs = [(target[g.tap(index, part)][..., c], view[(*index, c)]) for index in g.taps_of() for c in range(g.c)]
    return thunks + [partial(xp.add, place, values, place) for place, values in pairs]
