"""Pooling over windows of one to three spatial axes, in either layout.

Kernels go tap by tap: an extreme or a sum of strided slices per tap of the window, no copies of windows.  Padding
is never made: a tap's slice simply leaves out the windows in which it would fall into the padding.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim, Shape, prod
from ..graph.tensor import Tensor, apply
from .conv_geometry import COLUMNS, Pads, as_pads, lengths, output_lengths, resolve_pads
from .operands import BOOL, as_floats
from .reduction import wide
from .shaping import shape, shape_operand, static_or_value

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["average_pool", "max_pool", "window_sum"]


class Tap(NamedTuple):
    """Where one tap of the window falls: slices of the spatial axes of x, and of y for the windows it is inside of."""

    x: tuple[slice, ...]
    y: tuple[slice, ...]


class Windows(NamedTuple):
    """Concrete taps of a pooling, and how many samples its kernels take at a time."""

    taps: list[Tap]
    samples: int
    counts: np.ndarray | None


class _Pool(Op):
    """Base of pooling operations and their gradients.

    Arguments:
        size: lengths of the window.
        strides: its steps.
        pads: (before, after) per spatial axis, or 'same'.
        channels_first: spatial axes are 2, 3, ... and not 1, 2, ...
        target: spatial lengths of x where the input shapes do not tell them, None where they come as the last input.
    """

    #: Index of the input that has the shape of x; -1: the output has it.
    large: ClassVar[int] = 0

    def __init__(
        self,
        size: tuple[int, ...],
        strides: tuple[int, ...],
        pads: Pads,
        channels_first: bool,
        target: tuple[Dim, ...] | None = (),
    ) -> None:
        self.size = size
        self.strides = strides
        self.pads = pads
        self.channels_first = channels_first
        self.target = target

    def _axes(self, ndim: int) -> slice:
        n = len(self.size)
        if ndim != n + 2:
            raise ValueError(f"{self.name}: a window {self.size} needs a tensor with {n + 2} axes, got {ndim}")
        return slice(2, None) if self.channels_first else slice(1, -1)

    def _with_spatial(self, dims: Sequence[Dim], spatial: Sequence[Dim]) -> tuple[Dim, ...]:
        out = list(dims)
        out[self._axes(len(dims))] = spatial
        return tuple(out)

    def _pooled(self, x: Sequence[Dim]) -> tuple[Dim, ...]:
        """Shape of y for a shape of x."""
        spatial = x[self._axes(len(x))]
        out = output_lengths(spatial, self.size, self.strides, (1,) * len(self.size), self.pads)
        if any(n is not None and n <= 0 for n in out) and 0 not in spatial:
            raise ValueError(
                f"{self.name}: output sizes {tuple(out)} must be positive: a window {self.size} with strides "
                f"{self.strides} and padding {self.pads!r} does not fit an input of size {tuple(spatial)}"
            )
        return self._with_spatial(x, out)

    def prepare(self, ins: Sequence[Spec], outs: Sequence[Spec]) -> Windows:
        x: Any = outs[0].shape if self.large < 0 else ins[self.large].shape
        spatial = x[self._axes(len(x))]
        y: Any = self._pooled(x)
        out = y[self._axes(len(x))]
        pads = resolve_pads(self.pads, spatial, self.size, self.strides, (1,) * len(self.size))
        taps = list(_taps(spatial, out, self.size, self.strides, pads))
        each = prod(x[1:]) * wide(ins[0].dtype).itemsize
        return Windows(taps, max(1, min(x[0], COLUMNS // max(each, 1))), self._counts(taps, out))

    def _counts(self, taps: list[Tap], out: Sequence[int]) -> np.ndarray | None:
        """How many taps of each window are inside x: a number or an array over the windows."""
        return None

    def _settings(self) -> tuple[tuple[int, ...], tuple[int, ...], Pads, bool]:
        return self.size, self.strides, self.pads, self.channels_first

    def _index(self, slices: tuple[slice, ...]) -> tuple[Any, ...]:
        """Index of a tensor with these slices of its spatial axes."""
        return (slice(None), slice(None), *slices) if self.channels_first else (slice(None), *slices)

    def _blocks(self, b: Binding) -> Iterator[slice]:
        n, step = b.outs[0].shape[0], b.prepared.samples
        return (slice(i, min(i + step, n)) for i in range(0, n, step))


def _taps(
    spatial: Sequence[int], out: Sequence[int], size: Sequence[int], strides: Sequence[int], pads: Any
) -> Iterator[Tap]:
    for index in itertools.product(*map(range, size)):
        x, y = [], []
        for k, n, m, s, (lo, _) in zip(index, spatial, out, strides, pads, strict=True):
            first = max(0, -(-(lo - k) // s))  # the first window whose tap k is not in the padding
            last = min(m - 1, (n - 1 + lo - k) // s)
            start = first * s + k - lo
            y.append(slice(first, last + 1))
            x.append(slice(start, start + (last - first) * s + 1, s))
            if last < first:
                break
        else:
            yield Tap(tuple(x), tuple(y))


class MaxPool(_Pool):
    """Largest element of each window."""

    name = "max_pool"

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        return Spec(self._pooled(ins[0].shape), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        return [apply(MaxPoolGrad(*self._settings()), node.inputs[0], node.outputs[0], dys[0])]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        (x,), (out,) = b.ins, b.outs
        thunks: list[Thunk] = []
        for cut in self._blocks(b):
            source, target = x[cut], out[cut]
            thunks.append(partial(target.fill, -np.inf))
            for tap in b.prepared.taps:
                place = target[self._index(tap.y)]
                thunks.append(partial(b.xp.maximum, place, source[self._index(tap.x)], out=place))
        return thunks


class _Chooser(_Pool):
    """Base of the two linear maps between x and y that go through each window's first maximum.

    Inputs: x, its pooled y, and the tensor that is moved.
    """

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Windows) -> Sequence[Spec]:
        assert ins[1].shape is not None
        part = (min(prepared.samples, ins[1].shape[0] or 0), *ins[1].shape[1:])
        return [Spec(part, BOOL), Spec(part, BOOL), Spec(part, ins[2].dtype)]

    def _chosen(self, b: Binding, thunks: list[Thunk]) -> Iterator[tuple[slice, Tap, Any, Any]]:
        """For each block and tap: the windows whose first maximum it is, as a mask, and room for numbers beside it."""
        x, y = b.ins[0], b.ins[1]
        open_, here, room = b.scratch
        for cut in self._blocks(b):
            count = cut.stop - cut.start
            thunks.append(partial(open_[:count].fill, True))
            for tap in b.prepared.taps:
                place = self._index(tap.y)
                free, mask = open_[:count][place], here[:count][place]
                thunks.append(partial(b.xp.equal, x[cut][self._index(tap.x)], y[cut][place], mask))
                thunks.append(partial(b.xp.logical_and, mask, free, mask))
                thunks.append(partial(b.xp.logical_xor, free, mask, free))  # a window taken is open no more
                yield cut, tap, mask, room[:count][place]


class MaxPoolGrad(_Chooser):
    """dx: the gradient of each window's maximum goes to its first place, as in TensorFlow."""

    name = "max_pool_grad"

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        self._axes(len(ins[0].shape))
        return Spec(ins[0].shape, ins[2].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, y, dy = node.inputs
        assert dys[0] is not None
        return [None, None, apply(MaxPoolPick(*self._settings()), x, y, dys[0])]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        dy, out = b.ins[2], b.outs[0]
        thunks: list[Thunk] = [partial(out.fill, 0)]
        for cut, tap, mask, room in self._chosen(b, thunks):
            place = out[cut][self._index(tap.x)]
            thunks.append(partial(b.xp.multiply, dy[cut][self._index(tap.y)], mask, room))
            thunks.append(partial(b.xp.add, place, room, place))
        return thunks


class MaxPoolPick(_Chooser):
    """y: of each window the element that stands where another tensor has its first maximum."""

    name = "max_pool_pick"

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[1].shape is not None
        self._axes(len(ins[1].shape))
        return Spec(ins[1].shape, ins[2].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, y, _ = node.inputs
        assert dys[0] is not None
        return [None, None, apply(MaxPoolGrad(*self._settings()), x, y, dys[0])]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        moved, out = b.ins[2], b.outs[0]
        thunks: list[Thunk] = [partial(out.fill, 0)]
        for cut, tap, mask, room in self._chosen(b, thunks):
            place = out[cut][self._index(tap.y)]
            thunks.append(partial(b.xp.multiply, moved[cut][self._index(tap.x)], mask, room))
            thunks.append(partial(b.xp.add, place, room, place))
        return thunks


class WindowSum(_Pool):
    """Sum of each window, or its mean over the elements that are not padding.

    Arguments:
        mean: divide by the number of elements.
    """

    name = "window_sum"

    def __init__(
        self, size: tuple[int, ...], strides: tuple[int, ...], pads: Pads, channels_first: bool, mean: bool
    ) -> None:
        super().__init__(size, strides, pads, channels_first)
        self.mean = mean

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        assert ins[0].shape is not None
        return Spec(self._pooled(ins[0].shape), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        return [_spread(dys[0], node.inputs[0], self._settings(), self.mean)]

    def _counts(self, taps: list[Tap], out: Sequence[int]) -> np.ndarray | None:
        return _inside(taps, out, self.channels_first) if self.mean else None

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Windows) -> Sequence[Spec]:
        if outs[0].dtype != "float16":
            return []
        return [Spec((min(prepared.samples, outs[0].shape[0]), *outs[0].shape[1:]), wide(outs[0].dtype))]  # type: ignore[index,type-var]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        (x,), (out,) = b.ins, b.outs
        thunks: list[Thunk] = []
        counts = _on_device(b, b.scratch[0] if b.scratch else out)
        for cut in self._blocks(b):
            source = x[cut]
            target = b.scratch[0][: cut.stop - cut.start] if b.scratch else out[cut]
            thunks.append(partial(target.fill, 0))
            for tap in b.prepared.taps:
                place = target[self._index(tap.y)]
                thunks.append(partial(b.xp.add, place, source[self._index(tap.x)], place))
            if counts is not None:
                thunks.append(partial(b.xp.divide, target, counts, target))
            if b.scratch:
                thunks.append(partial(b.xp.copyto, out[cut], target, "same_kind"))
        return thunks


class WindowSpread(_Pool):
    """Transpose of `WindowSum`: each element of y added to all elements of its window."""

    name = "window_spread"
    large = -1

    def __init__(
        self,
        size: tuple[int, ...],
        strides: tuple[int, ...],
        pads: Pads,
        channels_first: bool,
        mean: bool,
        target: tuple[Dim, ...] | None,
    ) -> None:
        super().__init__(size, strides, pads, channels_first, target)
        self.mean = mean
        self.shape_inputs = (1,) if target is None else ()

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        y = ins[0].shape
        assert y is not None
        target = static_or_value(self.target, ins, values, 1)
        x = self._with_spatial(y, [None] * len(self.size) if target is None else target)
        self._pooled(x)
        return Spec(x, ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        assert dys[0] is not None
        back: Tensor = apply(WindowSum(*self._settings(), self.mean), dys[0])
        return [_named(back, node.inputs[0]), *[None] * (len(node.inputs) - 1)]

    def _counts(self, taps: list[Tap], out: Sequence[int]) -> np.ndarray | None:
        return _inside(taps, out, self.channels_first) if self.mean else None

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Windows) -> Sequence[Spec]:
        assert ins[0].shape is not None
        return [Spec((min(prepared.samples, ins[0].shape[0] or 0), *ins[0].shape[1:]), ins[0].dtype)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        y, out, (room,) = b.ins[0], b.outs[0], b.scratch
        thunks: list[Thunk] = [partial(out.fill, 0)]
        counts = _on_device(b, room)
        for cut in self._blocks(b):
            source = y[cut]
            if counts is not None:
                source = room[: cut.stop - cut.start]
                thunks.append(partial(b.xp.divide, y[cut], counts, source))
            for tap in b.prepared.taps:
                place = out[cut][self._index(tap.x)]
                thunks.append(partial(b.xp.add, place, source[self._index(tap.y)], place))
        return thunks


def _inside(taps: list[Tap], out: Sequence[int], channels_first: bool) -> np.ndarray:
    """Number of taps inside x for each window, shaped to broadcast over a sample; one number where all agree."""
    counts = np.zeros(tuple(out))
    for tap in taps:
        counts[tap.y] += 1
    if counts.size and counts.min() == counts.max():
        return np.asarray(counts.flat[0])
    return counts if channels_first else counts[..., None]


def _on_device(b: Binding, like: Any) -> Any:
    counts = b.prepared.counts
    return None if counts is None else b.xp.asarray(counts, like.dtype)


def _named(t: Tensor, like: Tensor) -> Tensor:
    """`t` with what is known of the shape of `like`."""
    if t.shape is not None and like.shape is not None:
        t.shape = Shape(m if m is not None else n for m, n in zip(t.shape, like.shape, strict=True))
    return t


def _spread(y: Tensor, x: Tensor, settings: tuple[Any, ...], mean: bool) -> Tensor:
    assert x.shape is not None
    axes = slice(2, None) if settings[3] else slice(1, -1)
    known = tuple(x.shape[axes])
    static, extra = shape_operand(known if None not in known else shape(x)[axes])
    size, strides, pads, channels_first = settings
    out: Tensor = apply(WindowSpread(size, strides, pads, channels_first, mean, static), y, *extra)
    return _named(out, x)


def _settings_of(
    what: str, x: Tensor, size: Any, strides: Any, padding: Any, channels_first: bool
) -> tuple[tuple[int, ...], tuple[int, ...], Pads, bool]:
    if x.shape is None:
        raise ValueError(f"{what}: the number of axes of {x!r} must be known; give it with set_shape")
    n = len(x.shape) - 2
    window = lengths(size, n, what, "window size")
    steps = window if strides is None else lengths(strides, n, what, "strides")
    pads = as_pads(padding, window, (1,) * n, what)
    if not isinstance(pads, str) and any(p >= k for pair, k in zip(pads, window, strict=True) for p in pair):
        raise ValueError(f"{what}: padding {pads} must be less than the window {window}, or a window may hold nothing")
    return window, steps, pads, bool(channels_first)


def max_pool(x: Any, size: Any, strides: Any = None, padding: Any = "valid", channels_first: bool = False) -> Tensor:
    """Largest element of each window.

    Arguments:
        x: tensor (N, *spatial, C), or (N, C, *spatial).
        size: int or one per spatial axis.
        strides: likewise; None: the size of the window.
        padding: 'valid', 'same', or (before, after) pairs; padding is never the largest.
        channels_first: bool.

    Returns:
        Tensor with shorter spatial axes.  Its gradient goes to the first maximum of each window.

    Raises:
        ValueError: when no window fits.
    """
    (x,) = as_floats(x)
    out: Tensor = apply(MaxPool(*_settings_of("max_pool", x, size, strides, padding, channels_first)), x)
    return out


def average_pool(
    x: Any, size: Any, strides: Any = None, padding: Any = "valid", channels_first: bool = False
) -> Tensor:
    """Mean of each window, over its elements that are not padding.

    Arguments:
        x: tensor (N, *spatial, C), or (N, C, *spatial).
        size: int or one per spatial axis.
        strides: likewise; None: the size of the window.
        padding: 'valid', 'same', or (before, after) pairs.
        channels_first: bool.

    Returns:
        Tensor with shorter spatial axes.

    Raises:
        ValueError: when no window fits.
    """
    (x,) = as_floats(x)
    settings = _settings_of("average_pool", x, size, strides, padding, channels_first)
    out: Tensor = apply(WindowSum(*settings, True), x)
    return out


def window_sum(x: Any, size: Any, strides: Any = None, padding: Any = "valid", channels_first: bool = False) -> Tensor:
    """Sum of each window; arguments as for `average_pool`."""
    (x,) = as_floats(x)
    settings = _settings_of("window_sum", x, size, strides, padding, channels_first)
    out: Tensor = apply(WindowSum(*settings, False), x)
    return out
