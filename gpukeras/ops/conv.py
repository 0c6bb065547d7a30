"""Convolutions of one to three spatial axes and their gradients, a family closed under differentiation.

y = conv(x, w), dx = conv_transpose(dy, w) and dw = conv_weight(x, dy) are the three ways to contract a pair of
x (N, *spatial, C), w (*kernel, C / groups, F), y (N, *out, F); the gradient of each is made of the other two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim, Shape
from ..graph.tensor import Tensor, apply
from . import conv_depthwise as depthwise
from . import conv_kernels as kernels
from .conv_geometry import Geometry, Pads, as_pads, lengths, output_lengths, resolve_pads
from .operands import as_floats
from .reduction import wide
from .shaping import shape, shape_operand, static_or_value

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["conv", "conv_transpose", "conv_weight"]

AXES = {1: "(N, T, C)", 2: "(N, H, W, C)", 3: "(N, D, H, W, C)"}


class _Convolution(Op):
    """Base of the three.

    Arguments:
        strides: steps of the window.
        dilation: spacing of the kernel's taps.
        pads: (before, after) per spatial axis, or 'same'.
        groups: number of groups of channels that do not meet.
        target: lengths that the input shapes do not tell (spatial axes of x, or of the kernel), or None where they
            come as an int vector in input 2.
    """

    captures = False
    precision = "low"

    #: Places of x, w and y among (input 0, input 1, output).
    places: ClassVar[tuple[int, int, int]]

    def __init__(
        self,
        strides: tuple[int, ...],
        dilation: tuple[int, ...],
        pads: Pads,
        groups: int,
        target: tuple[Dim, ...] | None = (),
    ) -> None:
        self.strides = strides
        self.dilation = dilation
        self.pads = pads
        self.groups = groups
        self.target = target
        self.shape_inputs = (2,) if target is None else ()

    def _lengths(self, ins: Sequence[Spec], values: Sequence[Partial]) -> list[Dim]:
        found = static_or_value(self.target, ins, values, 2)
        return [None] * len(self.strides) if found is None else [None if n == -1 else n for n in found]

    def _check(self, x: Sequence[Dim], w: Sequence[Dim]) -> None:
        """Refuse an input and a kernel that do not go together; either may be partly unknown."""
        n = len(self.strides)
        if len(x) != n + 2:
            raise ValueError(f"{self.name}: expected an input {AXES[n]}, got one of shape {tuple(x)}")
        if len(w) != n + 2:
            raise ValueError(
                f"{self.name}: a kernel for {n} spatial axis/axes has {n + 2} axes (sizes, channels in, channels out), "
                f"got one of shape {tuple(w)}"
            )
        c, per_group, f = x[-1], w[-2], w[-1]
        if c is not None and per_group is not None and c != per_group * self.groups:
            raise ValueError(
                f"{self.name}: the input of shape {tuple(x)} has {c} channels, the kernel of shape {tuple(w)} expects "
                f"{per_group * self.groups}"
            )
        if f is not None and f % self.groups:
            raise ValueError(f"{self.name}: {f} output channels cannot be shared out among {self.groups} groups")

    def _output(self, spatial: Sequence[Dim], kernel: Sequence[Dim]) -> tuple[Dim, ...]:
        """Spatial lengths of y."""
        out = output_lengths(spatial, kernel, self.strides, self.dilation, self.pads)
        if any(n is not None and n <= 0 for n in out) and 0 not in spatial:
            raise ValueError(
                f"{self.name}: output sizes {tuple(out)} must be positive: a kernel of size {tuple(kernel)} with "
                f"strides {self.strides}, dilation {self.dilation} and padding {self.pads!r} does not fit an input of "
                f"size {tuple(spatial)}"
            )
        return out

    def prepare(self, ins: Sequence[Spec], outs: Sequence[Spec]) -> Geometry:
        """Sizes of one group."""
        shapes: list[Any] = [ins[0].shape, ins[1].shape, outs[0].shape]
        x, w, y = (shapes[i] for i in self.places)
        pads = resolve_pads(self.pads, x[1:-1], w[:-2], self.strides, self.dilation)
        itemsize = wide(ins[0].dtype).itemsize
        return Geometry(
            n=x[0], spatial=tuple(x[1:-1]), out=tuple(y[1:-1]), kernel=tuple(w[:-2]), strides=self.strides,
            dilation=self.dilation, pads=pads, c=w[-2], f=w[-1] // self.groups, groups=self.groups, itemsize=itemsize,
        )  # fmt: skip

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Geometry) -> Sequence[Spec]:
        dtype = wide(ins[0].dtype)
        if prepared.groups > 1 and prepared.c == 1:
            return depthwise.scratch(prepared, dtype)
        return self._scratch(prepared, dtype)

    def _scratch(self, g: Geometry, dtype: Any) -> list[Spec]:
        return kernels.scratch(g, dtype)

    def _same_settings(self) -> tuple[tuple[int, ...], tuple[int, ...], Pads, int]:
        return self.strides, self.dilation, self.pads, self.groups


def _shares(g: Geometry) -> tuple[Geometry, list[tuple[Any, Any]]]:
    """Sizes for one group's kernel and the indices of each group's channels in x and in y."""
    cuts = [((..., slice(i * g.c, (i + 1) * g.c)), (..., slice(i * g.f, (i + 1) * g.f))) for i in range(g.groups)]
    return replace(g, groups=1), cuts


def _spatial(x: Tensor) -> Any:
    """Spatial lengths as an operand: a tuple where they are known, a tensor elsewhere."""
    assert x.shape is not None
    static = tuple(x.shape[1:-1])
    return static if None not in static else shape(x)[1:-1]


def _kernel_lengths(w: Tensor) -> Any:
    assert w.shape is not None
    static = tuple(w.shape[:-2])
    return static if None not in static else shape(w)[:-2]


class Conv(_Convolution):
    """y from x and w."""

    places = (0, 1, 2)

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        x, w = ins[0].shape, ins[1].shape
        assert x is not None and w is not None
        self._check(x, w)
        return Spec((x[0], *self._output(x[1:-1], w[:-2]), w[-1]), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, w = node.inputs
        dy, settings = dys[0], self._same_settings()
        assert dy is not None
        return [
            _apply(ConvTranspose, settings, _spatial(x), dy, w),
            _apply(ConvWeight, settings, _kernel_lengths(w), x, dy),
        ]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        (x, w), (out,), g = b.ins, b.outs, b.prepared
        if g.groups == 1:
            return kernels.forward(b.xp, g, x, w, out, b.scratch)
        if g.c == 1:
            return depthwise.forward(b.xp, g, x, w, out, b.scratch)
        one, cuts = _shares(g)
        return [t for i, o in cuts for t in kernels.forward(b.xp, one, x[i], w[o], out[o], b.scratch)]


class ConvTranspose(_Convolution):
    """x from y and w: the transpose of the linear map `conv(., w)`, which is the gradient of x."""

    name = "conv_transpose"
    places = (2, 1, 0)

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        y, w = ins[0].shape, ins[1].shape
        assert y is not None and w is not None
        spatial, per_group = self._lengths(ins, values), w[-2] if len(w) > 1 else None
        c = None if per_group is None else per_group * self.groups
        self._check((y[0], *y[1:-1], c), w)
        if len(spatial) != len(self.strides):
            raise ValueError(f"{self.name}: expected {len(self.strides)} output lengths, got {tuple(spatial)}")
        if y[-1] is not None and w[-1] is not None and y[-1] != w[-1]:
            raise ValueError(
                f"{self.name}: the input of shape {tuple(y)} has {y[-1]} channels, the kernel of shape {tuple(w)} "
                f"expects {w[-1]} (its last axis)"
            )
        back = self._output(spatial, w[:-2])
        if any(m is not None and n is not None and m != n for m, n in zip(back, y[1:-1], strict=True)):
            raise ValueError(
                f"{self.name}: an output of size {tuple(spatial)} would come from an input of size {tuple(back)}, got "
                f"one of size {tuple(y[1:-1])} (kernel {tuple(w[:-2])}, strides {self.strides}, padding {self.pads!r})"
            )
        return Spec((y[0], *spatial, c), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        y, w, dx = node.inputs[0], node.inputs[1], dys[0]
        settings, rest = self._same_settings(), [None] * (len(node.inputs) - 2)
        assert dx is not None
        return [
            _apply(Conv, settings, (), dx, w, like=y),
            _apply(ConvWeight, settings, _kernel_lengths(w), dx, y),
            *rest,
        ]

    def _scratch(self, g: Geometry, dtype: Any) -> list[Spec]:
        return kernels.input_scratch(g, dtype)

    def bind(self, b: Binding) -> Sequence[Thunk]:
        y, w, out, g = b.ins[0], b.ins[1], b.outs[0], b.prepared
        if g.groups == 1:
            return kernels.input_gradient(b.xp, g, y, w, out, b.scratch)
        if g.c == 1:
            return depthwise.input_gradient(b.xp, g, y, w, out, b.scratch)
        one, cuts = _shares(g)
        return [t for i, o in cuts for t in kernels.input_gradient(b.xp, one, y[o], w[o], out[i], b.scratch)]


class ConvWeight(_Convolution):
    """w from x and y: the gradient of the kernel."""

    name = "conv_weight"
    places = (0, 2, 1)

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        x, y = ins[0].shape, ins[1].shape
        assert x is not None and y is not None
        kernel = self._lengths(ins, values)
        per_group = None if x[-1] is None else x[-1] // self.groups
        self._check(x, (*kernel, per_group, y[-1]))
        back = self._output(x[1:-1], kernel)
        if any(m is not None and n is not None and m != n for m, n in zip(back, y[1:-1], strict=True)):
            raise ValueError(
                f"{self.name}: a kernel of size {tuple(kernel)} on an input of size {tuple(x[1:-1])} gives an output "
                f"of size {tuple(back)}, got one of size {tuple(y[1:-1])}"
            )
        return Spec((*kernel, per_group, y[-1]), ins[0].dtype)

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        x, y, dw = node.inputs[0], node.inputs[1], dys[0]
        settings, rest = self._same_settings(), [None] * (len(node.inputs) - 2)
        assert dw is not None
        return [
            _apply(ConvTranspose, settings, _spatial(x), y, dw, like=x),
            _apply(Conv, settings, (), x, dw, like=y),
            *rest,
        ]

    def _scratch(self, g: Geometry, dtype: Any) -> list[Spec]:
        return [*kernels.scratch(g, dtype), Spec((g.depth, g.f), dtype)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        x, y, out, g = b.ins[0], b.ins[1], b.outs[0], b.prepared
        if g.groups == 1:
            return kernels.weight_gradient(b.xp, g, x, y, out, b.scratch)
        if g.c == 1:
            return depthwise.weight_gradient(b.xp, g, x, y, out, b.scratch)
        one, cuts = _shares(g)
        return [t for i, o in cuts for t in kernels.weight_gradient(b.xp, one, x[i], y[o], out[o], b.scratch)]


def _apply(
    cls: type[_Convolution], settings: tuple[Any, ...], target: Any, *tensors: Tensor, like: Tensor | None = None
) -> Tensor:
    """One of the three; `like` lends the static shape that the rule cannot always deduce."""
    static, extra = shape_operand(target)
    strides, dilation, pads, groups = settings
    out: Tensor = apply(cls(strides, dilation, pads, groups, static), *tensors, *extra)
    if like is not None and like.shape is not None and out.shape is not None:
        out.shape = Shape(m if m is not None else n for m, n in zip(out.shape, like.shape, strict=True))
    return out


def _settings(
    what: str,
    w: Sequence[Dim] | None,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    kernel: Sequence[Dim] = (),
) -> tuple[tuple[int, ...], tuple[int, ...], Pads, int]:
    if w is not None:
        if not 3 <= len(w) <= 5:
            raise ValueError(
                f"{what}: a kernel has 3 to 5 axes (sizes, channels in, channels out), got one of shape {tuple(w)}"
            )
        kernel = tuple(w[:-2])
    n = len(kernel)
    steps = lengths(strides, n, what, "strides")
    spacing = lengths(dilation, n, what, "dilation")
    return steps, spacing, as_pads(padding, kernel, spacing, what), int(groups)


def _ranked(what: str, *tensors: Tensor) -> None:
    for t in tensors:
        if t.shape is None:
            raise ValueError(f"{what}: the number of axes of {t!r} must be known; give it with set_shape")


def conv(x: Any, w: Any, strides: Any = 1, padding: Any = "valid", dilation: Any = 1, groups: int = 1) -> Tensor:
    """Convolution (strictly: cross-correlation) over one to three spatial axes.

    Arguments:
        x: input (N, *spatial, C).
        w: kernel (*kernel, C / groups, F); channels of x meet only the filters of their group.
        strides: int or one per spatial axis.
        padding: 'valid', 'same' (as TensorFlow pads: more at the end), 'causal', 'full', or (before, after) pairs.
        dilation: int or one per spatial axis, the spacing of the kernel's taps.
        groups: int; C of them with kernels (*kernel, 1, C * M) make a depthwise convolution.

    Returns:
        Tensor (N, *out, F).

    Raises:
        ValueError: when shapes do not fit, with the shapes.
    """
    x, w = as_floats(x, w)
    _ranked("conv", x, w)
    return _apply(Conv, _settings("conv", w.shape, strides, padding, dilation, groups), (), x, w)


def conv_transpose(
    y: Any, w: Any, lengths: Any, strides: Any = 1, padding: Any = "valid", dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Transposed convolution: the gradient of `conv` with respect to its input.

    Arguments:
        y: input (N, *out, F).
        w: kernel (*kernel, C / groups, F), as for the convolution that is transposed.
        lengths: spatial lengths of the result: ints or scalar tensors, or an int vector tensor.
        strides: of the convolution that is transposed, like the rest.
        padding: see `conv`.
        dilation: see `conv`.
        groups: see `conv`.

    Returns:
        Tensor (N, *lengths, C).

    Raises:
        ValueError: when `conv` would not take an input of these lengths to the shape of `y`.
    """
    y, w = as_floats(y, w)
    _ranked("conv_transpose", y, w)
    return _apply(
        ConvTranspose, _settings("conv_transpose", w.shape, strides, padding, dilation, groups), lengths, y, w
    )


def conv_weight(
    x: Any, y: Any, lengths: Any, strides: Any = 1, padding: Any = "valid", dilation: Any = 1, groups: int = 1
) -> Tensor:
    """The gradient of `conv` with respect to its kernel.

    Arguments:
        x: input of the convolution (N, *spatial, C).
        y: gradient of its output (N, *out, F).
        lengths: sizes of the kernel, ints.
        strides: of the convolution, like the rest.
        padding: see `conv`.
        dilation: see `conv`.
        groups: see `conv`.

    Returns:
        Tensor (*lengths, C / groups, F).
    """
    x, y = as_floats(x, y)
    _ranked("conv_weight", x, y)
    sizes = tuple(int(n) for n in lengths)
    settings = _settings("conv_weight", None, strides, padding, dilation, groups, sizes)
    return _apply(ConvWeight, settings, sizes, x, y)
