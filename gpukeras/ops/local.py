"""Windows of a tensor as rows of matrices: what layers with unshared weights multiply with their kernels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim, Shape
from ..graph.tensor import Tensor, apply
from .conv_geometry import lengths, output_lengths
from .linalg import matmul
from .operands import as_floats
from .shaping import reshape, shape, shape_operand, static_or_value, transpose

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["local_conv", "patches"]


class _Windowed(Op):
    """Base of `Patches` and its transpose.

    Arguments:
        size: lengths of the window.
        strides: its steps.
        channels_first: x is (N, C, *spatial) and rows hold channels first.
    """

    def __init__(self, size: tuple[int, ...], strides: tuple[int, ...], channels_first: bool) -> None:
        self.size = size
        self.strides = strides
        self.channels_first = channels_first

    def _spatial(self, x: Sequence[Dim]) -> Sequence[Dim]:
        if len(x) != len(self.size) + 2:
            raise ValueError(f"{self.name}: a window {self.size} needs {len(self.size) + 2} axes, got shape {tuple(x)}")
        return x[2:] if self.channels_first else x[1:-1]

    def _positions(self, x: Sequence[Dim]) -> tuple[Dim, ...]:
        spatial = self._spatial(x)
        ones = (1,) * len(self.size)
        out = output_lengths(spatial, self.size, self.strides, ones, ((0, 0),) * len(self.size))
        if any(n is not None and n <= 0 for n in out):
            raise ValueError(
                f"{self.name}: output sizes {tuple(out)} must be positive: a window {self.size} does not fit an "
                f"input of size {tuple(spatial)}"
            )
        return out

    def _pairs(self, rows: Any, x: Any) -> Iterator[tuple[Any, Any]]:
        """For each tap of the window, its place in the rows (*positions, N, ..) and its elements of x."""
        n = len(self.size)
        positions: Any = self._positions(x.shape)
        channels = x.shape[1] if self.channels_first else x.shape[-1]
        kernel = (channels, *self.size) if self.channels_first else (*self.size, channels)
        rows = rows.reshape(*positions, x.shape[0], *kernel)
        x = x.transpose(*range(2, n + 2), 0, 1) if self.channels_first else x.transpose(*range(1, n + 1), 0, n + 1)
        for index in itertools.product(*map(range, self.size)):
            place = (..., *index) if self.channels_first else (..., *index, slice(None))
            cuts = [slice(k, k + (m - 1) * s + 1, s) for k, m, s in zip(index, positions, self.strides, strict=True)]
            yield rows[place], x[tuple(cuts)]


class Patches(_Windowed):
    """Rows (*positions, N, size * C) of all windows of x."""

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        x = ins[0].shape
        assert x is not None
        depth = x[1] if self.channels_first else x[-1]
        for k in self.size:
            depth = None if depth is None else depth * k
        return Spec((*self._positions(x), x[0], depth), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, dy = node.inputs[0], dys[0]
        assert dy is not None and x.shape is not None
        static, extra = shape_operand(tuple(x.shape) if None not in x.shape else shape(x))
        dx: Tensor = apply(PatchesSum(self.size, self.strides, self.channels_first, static), dy, *extra)
        dx.shape = Shape(x.shape)
        return [dx]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        return [partial(b.xp.copyto, row, part) for row, part in self._pairs(b.outs[0], b.ins[0])]


class PatchesSum(_Windowed):
    """x from rows of windows: the sum of all elements that came from the same place."""

    name = "patches_sum"

    def __init__(
        self, size: tuple[int, ...], strides: tuple[int, ...], channels_first: bool, target: tuple[Dim, ...] | None
    ) -> None:
        super().__init__(size, strides, channels_first)
        self.target = target
        self.shape_inputs = (1,) if target is None else ()

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        target = static_or_value(self.target, ins, values, 1)
        dims = [None] * (len(self.size) + 2) if target is None else target
        self._positions(dims)
        return Spec(tuple(dims), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        rows: Tensor = apply(Patches(self.size, self.strides, self.channels_first), dys[0])
        return [rows, *[None] * (len(node.inputs) - 1)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        out = b.outs[0]
        pairs = self._pairs(b.ins[0], out)
        return [partial(out.fill, 0), *(partial(b.xp.add, part, row, part) for row, part in pairs)]


def patches(x: Any, size: Any, strides: Any = 1, channels_first: bool = False) -> Tensor:
    """All windows of a tensor as rows.

    Arguments:
        x: tensor (N, *spatial, C), or (N, C, *spatial).
        size: int or one per spatial axis.
        strides: likewise.
        channels_first: bool; the elements of a row are ordered as those of a sample.

    Returns:
        Tensor (*positions, N, size * C).

    Raises:
        ValueError: when no window fits.
    """
    (x,) = as_floats(x)
    if x.shape is None:
        raise ValueError(f"patches: the number of axes of {x!r} must be known; give it with set_shape")
    n = len(x.shape) - 2
    op = Patches(lengths(size, n, "patches", "size"), lengths(strides, n, "patches", "strides"), bool(channels_first))
    out: Tensor = apply(op, x)
    return out


def local_conv(x: Any, w: Any, size: Any, strides: Any = 1, channels_first: bool = False) -> Tensor:
    """Convolution whose kernel differs from place to place.

    Arguments:
        x: tensor (N, *spatial, C), or (N, C, *spatial).
        w: kernels (positions, size * C, F), positions in row-major order.
        size: int or one per spatial axis.
        strides: likewise.
        channels_first: bool.

    Returns:
        Tensor (N, *out, F), or (N, F, *out).

    Raises:
        ValueError: when the kernel does not fit, with the shapes.
    """
    x, w = as_floats(x, w)
    rows = patches(x, size, strides, channels_first)
    assert rows.shape is not None and x.shape is not None
    if w.shape is None or len(w.shape) != 3:
        raise ValueError(f"local_conv: a kernel has axes (positions, size * channels, filters), got {w!r}")
    *positions, n, depth = rows.shape
    if depth is not None and w.shape[1] is not None and depth != w.shape[1]:
        raise ValueError(
            f"local_conv: windows {size} of an input of shape {tuple(x.shape)} hold {depth} numbers, the kernel of "
            f"shape {tuple(w.shape)} expects {w.shape[1]}"
        )
    count = Shape(positions).num_elements()
    if count is not None and w.shape[0] is not None and count != w.shape[0]:
        raise ValueError(
            f"local_conv: there are {count} positions {tuple(positions)} in an input of shape {tuple(x.shape)}, the "
            f"kernel of shape {tuple(w.shape)} is for {w.shape[0]}"
        )
    known = shape(rows)
    inner = [known[len(positions) + i] if m is None else m for i, m in enumerate((n, depth))]
    product = matmul(reshape(rows, (w.shape[0] if count is None and w.shape[0] else -1, *inner)), w)
    outer = [known[i] if m is None else m for i, m in enumerate(positions)]
    filters = w.shape[-1] if w.shape[-1] is not None else shape(w)[-1]
    product = reshape(product, (*outer, inner[0], filters))
    k = len(positions)
    out = transpose(product, (k, k + 1, *range(k)) if channels_first else (k, *range(k), k + 1))
    return out
