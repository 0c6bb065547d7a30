"""Whole recurrent layers as cuDNN computes them: input and state's products in one operation, two biases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ..graph.dtype import LOW, as_dtype
from ..graph.gradient import gradients
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import Dim, prod
from ..graph.tensor import Tensor, apply
from . import elementwise as ew
from .linalg import matmul
from .operands import as_floats, to_dtype
from .recurrent import _time_first
from .recurrent_base import Steps, StepsGrad
from .recurrent_gru import GRUSteps, GRUStepsGrad
from .recurrent_lstm import LSTMSteps, LSTMStepsGrad
from .shaping import transpose

if TYPE_CHECKING:
    from ..graph.tensor import Node

__all__ = ["library_rnn"]

_GATES = {"lstm": 4, "gru": 3}
#: What the plain recurrence keeps for its gradient, and its last axis in units.
_KEPT = {"lstm": {"gates": 4, "cs": 1, "tcs": 1}, "gru": {"gates": 3, "hus": 1}}


def _plain(cell: str) -> tuple[type[Steps], tuple[str, ...], dict[str, Any]]:
    """The operation that does the same step by step, names of its inputs, its options."""
    if cell == "lstm":
        return LSTMSteps, ("z", "u", "h0", "bias", "c0"), {}
    return GRUSteps, ("z", "u", "h0", "bias", "rbias"), {"reset_after": True}


class LibrarySteps(Op):
    """An LSTM with tanh and sigmoid, or a GRU with them whose reset gate comes after the product.

    Inputs: x (T, N, C), kernel w (C, G U), recurrent kernel u (U, G U), biases (2 G U,) of the input's and the
    state's product, h0 (N, U), and for the LSTM c0. Outputs: ys (T, N, U), h (N, U), for the LSTM c, and what the
    gradient wants to know, in bytes.

    Arguments:
        cell: 'lstm' or 'gru'.
    """

    captures = False
    name = "library_steps"
    optional_outputs = True
    #: Bytes that the engine's library keeps for the gradient: a function of cell, T, N, C, U.
    reserve: ClassVar[Callable[[str, int, int, int, int], int] | None] = None

    def __init__(self, cell: str) -> None:
        self.cell = cell

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return ("x", "w", "u", "bias", "h0", *(("c0",) if self.cell == "lstm" else ()))

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return ("ys", "h", *(("c",) if self.cell == "lstm" else ()), "reserve")

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        shapes: dict[str, Any] = {k: s.shape for k, s in zip(self.parts, ins, strict=True)}
        (steps, samples, channels), units = shapes["x"], shapes["u"][0]
        width = None if units is None else units * _GATES[self.cell]
        wanted: dict[str, Any] = {
            "w": (channels, width),
            "u": (units, width),
            "h0": (samples, units),
            "c0": (samples, units),
        }
        wanted["bias"] = (None if width is None else 2 * width,)
        for name, want in wanted.items():
            got = shapes.get(name, want)
            if any(m is not None and n is not None and m != n for m, n in zip(want, got, strict=True)):
                raise ValueError(f"{self.name}: {name} has shape {tuple(got)}, expected {want}")
        dtype = ins[0].dtype
        sizes = (steps, samples, channels, units)
        state = Spec((samples, units), dtype)
        found = [Spec((steps, samples, units), dtype), *[state] * (len(self.results) - 2)]
        return [*found, Spec((self._reserved(sizes, dtype.itemsize),), as_dtype("uint8"))]

    def _reserved(self, sizes: tuple[Dim, ...], item: int) -> Dim:
        if None in sizes:
            return None
        steps, samples, channels, units = sizes
        plain = item * steps * samples * units * sum(_KEPT[self.cell].values())  # type: ignore[operator]
        library = LibrarySteps.reserve
        return plain if library is None else max(plain, library(self.cell, steps, samples, channels, units))  # type: ignore[arg-type]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        ins = dict(zip(self.parts, node.inputs, strict=True))
        outs = dict(zip(self.results, node.outputs, strict=True))
        given = {f"d{k}": dy for k, dy in zip(self.results, dys, strict=True) if dy is not None}
        named = ins | {k: outs[k] for k in ("ys", "reserve")} | given
        return list(apply(LibraryStepsGrad(self.cell, tuple(named)), *named.values()))

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec | None], prepared: Any) -> Sequence[Spec]:
        sizes = _sizes(ins)
        inner, specs = _inner(self.cell, sizes, ins[0].dtype)
        return [*_common(self.cell, sizes, ins[0].dtype), *inner.scratch(list(specs.values()), [], None)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        named, outs = dict(zip(self.parts, b.ins, strict=True)), dict(zip(self.results, b.outs, strict=True))
        sizes = (*named["x"].shape, named["u"].shape[0])
        inner, _ = _inner(self.cell, sizes, as_dtype(named["x"].dtype))
        z, bias = b.scratch[:2]
        calls: list[Thunk] = [partial(b.xp.matmul, named["x"], named["w"], out=z)]
        arrays = named | {"z": z} | _biases(b.xp, self.cell, named["bias"], bias, calls)
        results = outs | _kept(self.cell, outs["reserve"], sizes, z.dtype)
        wanted = [results.get(k) for k in inner.results]
        bound = inner.bind(Binding(b.xp, [arrays[k] for k in inner.parts], wanted, b.scratch[2:], None, b.where))
        return [*calls, *bound]


class LibraryStepsGrad(Op):
    """Gradient of `LibrarySteps`: of all its inputs, from them, the outputs ys and reserve, and dys, dh, dc.

    Arguments:
        cell: as for `LibrarySteps`.
        parts: names of the inputs.
    """

    captures = False
    name = "library_steps_grad"
    optional_outputs = True

    def __init__(self, cell: str, parts: tuple[str, ...]) -> None:
        self.cell = cell
        self.parts = parts

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the inputs of the layer, whose gradients come out."""
        return LibrarySteps(self.cell).parts

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        named = dict(zip(self.parts, ins, strict=True))
        return [named[k] for k in self.results]

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        """Second derivatives, from the recurrence step by step."""
        named = dict(zip(self.parts, node.inputs, strict=True))
        ins = {k: named[k] for k in self.results}
        cots: dict[str, Tensor] = {k: named[k] for k in ("dys", "dh", "dc") if k in named}
        outs = {f"d{k}": y for k, y in _written_out(self.cell, ins).items()}
        first = gradients([outs[k] for k in cots], list(ins.values()), list(cots.values()), leaves=list(ins.values()))
        pairs = [(g, dd) for g, dd in zip(first, dys, strict=True) if g is not None and dd is not None]
        sources: dict[str, Tensor] = {**ins, **cots}
        leaves = list(sources.values())
        second = gradients([g for g, _ in pairs], leaves, [dd for _, dd in pairs], leaves=leaves)
        found: dict[str, Tensor | None] = dict(zip(sources, second, strict=True))
        return [found.get(k) for k in self.parts]

    def _inner(self, sizes: tuple[int, ...], dtype: Any) -> tuple[StepsGrad, dict[str, Spec]]:
        """The plain gradient operation and the specs of its inputs by name."""
        steps, samples, _, units = sizes
        sequence, state = Spec((steps, samples, units), dtype), Spec((samples, units), dtype)
        specs = {k: Spec((steps, samples, n * units), dtype) for k, n in _KEPT[self.cell].items()}
        specs |= {"ys": sequence, "u": Spec((units, _GATES[self.cell] * units), dtype), "h0": state}
        specs["link"] = Spec((0,), dtype)
        given: dict[str, Spec] = {"dys": sequence, "dh": state, "dc": state, "c0": state}
        specs |= {k: s for k, s in given.items() if k in self.parts}
        if self.cell == "lstm":
            return LSTMStepsGrad("tanh", "sigmoid", tuple(specs)), specs
        specs["rbias"] = Spec((3 * units,), dtype)
        return GRUStepsGrad("tanh", "sigmoid", tuple(specs), reset_after=True), specs

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec | None], prepared: Any) -> Sequence[Spec]:
        sizes, dtype = _sizes(ins), ins[0].dtype
        inner, specs = self._inner(sizes, dtype)
        return [*_common(self.cell, sizes, dtype), ins[0], *inner.scratch(list(specs.values()), [], None)]

    def bind(self, b: Binding) -> Sequence[Thunk]:
        named, outs = dict(zip(self.parts, b.ins, strict=True)), dict(zip(self.results, b.outs, strict=True))
        x, w, xp = named["x"], named["w"], b.xp
        sizes, width = (*x.shape, named["u"].shape[0]), w.shape[1]
        inner, _ = self._inner(sizes, as_dtype(x.dtype))
        dz, rbias, rows = b.scratch[:3]
        reserve = named["reserve"]
        calls: list[Thunk] = []
        if not reserve.flags.c_contiguous:  # bytes with gaps cannot be seen as numbers
            reserve = xp.empty(reserve.shape, reserve.dtype)
            calls.append(partial(xp.copyto, reserve, named["reserve"]))
        arrays = named | _kept(self.cell, reserve, sizes, dz.dtype) | {"rbias": rbias, "link": dz.reshape(-1)[:0]}
        wanted: dict[str, Any] = {"z": dz, **{k: outs.get(k) for k in ("u", "h0", "c0")}}
        wanted["rbias"] = None if outs["bias"] is None else outs["bias"][width:]
        results = [wanted[k] for k in inner.results]
        calls += inner.bind(Binding(xp, [arrays[k] for k in inner.parts], results, b.scratch[3:], None, b.where))
        if outs["x"] is not None:
            calls.append(partial(xp.matmul, dz, w.T, out=outs["x"]))
        if outs["w"] is not None:
            flat = rows.reshape(-1, x.shape[2]).T
            calls += [partial(xp.copyto, rows, x), partial(xp.matmul, flat, dz.reshape(-1, width), out=outs["w"])]
        if outs["bias"] is not None:
            calls.append(partial(xp.sum, dz, (0, 1), None, outs["bias"][:width]))
            if self.cell == "lstm":
                calls.append(partial(xp.copyto, outs["bias"][width:], outs["bias"][:width]))
        return calls


def _sizes(ins: Sequence[Spec]) -> tuple[int, ...]:
    """T, N, C, U of concrete inputs."""
    return (*ins[0].shape, ins[2].shape[0])  # type: ignore[misc, index, arg-type]


def _common(cell: str, sizes: tuple[int, ...], dtype: Any) -> list[Spec]:
    """Work arrays of both directions: products of the input or their gradient, and a bias."""
    steps, samples, _, units = sizes
    width = _GATES[cell] * units
    return [Spec((steps, samples, width), dtype), Spec((width,), dtype)]


def _inner(cell: str, sizes: tuple[int, ...], dtype: Any) -> tuple[Steps, dict[str, Spec]]:
    """The plain operation and the specs of its inputs by name."""
    op, parts, options = _plain(cell)
    steps, samples, _, units = sizes
    width = _GATES[cell] * units
    state = Spec((samples, units), dtype)
    specs = {"z": Spec((steps, samples, width), dtype), "u": Spec((units, width), dtype), "h0": state, "c0": state}
    specs |= {"bias": Spec((width,), dtype), "rbias": Spec((width,), dtype)}
    return op("tanh", "sigmoid", parts, **options), {k: specs[k] for k in parts}


def _biases(xp: Any, cell: str, bias: Any, work: Any, calls: list[Thunk]) -> dict[str, Any]:
    """The biases as the plain operation takes them."""
    half = len(bias) // 2
    if cell == "gru":
        return {"bias": bias[:half], "rbias": bias[half:]}
    calls.append(partial(xp.add, bias[:half], bias[half:], work))
    return {"bias": work}


def _kept(cell: str, reserve: Any, sizes: tuple[int, ...], dtype: Any) -> dict[str, Any]:
    """What the plain recurrence keeps, as parts of the reserve; nothing where there is none."""
    if reserve is None:
        return {}
    steps, samples, _, units = sizes
    found, start = {}, 0
    for name, n in _KEPT[cell].items():
        shape = (steps, samples, n * units)
        end = start + prod(shape) * dtype.itemsize
        found[name] = reserve[start:end].view(dtype).reshape(shape)
        start = end
    return found


def _written_out(cell: str, ins: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Outputs ys, h (and c) by ordinary operations."""
    op, parts, options = _plain(cell)
    assert ins["bias"].shape is not None and ins["bias"].shape[0] is not None
    half = ins["bias"].shape[0] // 2
    first, second = ins["bias"][:half], ins["bias"][half:]
    named = {**ins, "z": matmul(ins["x"], ins["w"]), "rbias": second}
    named["bias"] = ew.add(first, second) if cell == "lstm" else first
    outs = apply(op("tanh", "sigmoid", parts, **options), *(named[k] for k in parts))
    found = dict(zip(op.results, outs, strict=True))
    return {k: found[k] for k in ("ys", "h", "c") if k in found}


def library_rnn(
    cell: str, x: Any, kernel: Any, recurrent_kernel: Any, bias: Any, states: Sequence[Any], go_backwards: bool = False
) -> tuple[Tensor, list[Tensor]]:
    """An LSTM or GRU with tanh and sigmoid over whole sequences, as libraries for GPUs compute them.

    Arguments:
        cell: 'lstm' (gates i, f, c, o) or 'gru' (z, r, h; the reset gate multiplies the product of the state).
        x: tensor (N, T, C).
        kernel: tensor (C, G * U).
        recurrent_kernel: tensor (U, G * U).
        bias: tensor (2 * G * U,): of the input's products, then of the state's.
        states: h0, and for the LSTM c0, tensors (N, U).
        go_backwards: whether to walk from the last step to the first; outputs come in the order of the walk.

    Returns:
        (outputs (N, T, U), list of the last states (N, U)).

    Raises:
        ValueError: for shapes that do not fit.

    Source: cuDNN, modes CUDNN_LSTM and CUDNN_GRU.
    """
    x, kernel, recurrent_kernel, bias, *states = as_floats(x, kernel, recurrent_kernel, bias, *states)
    ins = [_time_first(x, go_backwards), kernel, recurrent_kernel, bias, *states]
    if x.dtype in LOW:  # sums over many steps would lose the small terms
        ins = [to_dtype(t, as_dtype("float32")) for t in ins]
    ys, *rest = (to_dtype(t, x.dtype) if t.dtype.is_floating else t for t in apply(LibrarySteps(cell), *ins))
    return transpose(ys, (1, 0, 2)), rest[:-1]
