"""What the fused recurrent operations share: shape rules, wiring of forward and gradient operation.

The operations work on sequences with time in front, (T, N, ...), whose product with the input kernel is made already.
The gradient operation is written by hand and walks backwards over values the forward operation kept. Where someone
differentiates that gradient again, the recurrence is written out as a loop of ordinary operations instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..graph import algebra
from ..graph.dtype import as_dtype
from ..graph.gradient import gradients
from ..graph.op import Binding, Op, Partial, Spec
from ..graph.shape import Dim
from ..graph.tensor import Tensor, apply
from . import activations as act
from . import elementwise as ew
from .linalg import matmul
from .recurrent_parts import Calls
from .reduction import sum as sum_over

if TYPE_CHECKING:
    from ..graph.tensor import Node

#: The activations as ordinary operations.
FUNCTIONS: dict[str, Any] = {
    "linear": lambda x: x,
    "relu": act.relu,
    "tanh": act.tanh,
    "sigmoid": act.sigmoid,
    "hard_sigmoid": act.hard_sigmoid,
    "elu": act.elu,
    "selu": act.selu,
    "softplus": act.softplus,
    "softsign": act.softsign,
    "exponential": ew.exp,
}


class Steps(Op):
    """Base of the forward operations.

    Inputs, by name in `parts`: z (T, N, G * U), the product of the inputs with their kernel; u (U, G * U), the
    recurrent kernel; h0 and c0 (N, U), the first states; bias (G * U,), added to z; rbias (G * U,), added to the
    product of the state; mask (T, N, 1), false where a step is passed over; drops (1 or G, N, U), factors of the
    state in its products. Outputs are named in `results`; `link` is empty and carries second derivatives of z.

    Arguments:
        activation: name of the activation.
        recurrent_activation: name of the activation of the gates.
        parts: names of the inputs that are given.
        **options: further attributes of a subclass.
    """

    captures = False
    precision = "full"

    optional_outputs = True
    inplace = (0,)
    gates: ClassVar[int] = 1
    #: Names of the outputs.
    results: ClassVar[tuple[str, ...]] = ()
    #: Names of the outputs the gradient reads.
    saved: ClassVar[tuple[str, ...]] = ()
    backward: ClassVar[type[StepsGrad]]

    def __init__(self, activation: str, recurrent_activation: str, parts: tuple[str, ...], **options: Any) -> None:
        self.activation = activation
        self.recurrent_activation = recurrent_activation
        self.parts = parts
        self.__dict__.update(options)

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        shapes = {k: s.shape for k, s in zip(self.parts, ins, strict=True)}
        units = self._units(shapes)
        steps, samples = self._agreed(shapes, 0), self._agreed(shapes, 1)
        shape: dict[str, tuple[Dim, ...]] = {
            "gates": (steps, samples, self.gates * units if units is not None else None),
            "link": (0,),
            "h": (samples, units),
            "c": (samples, units),
        }
        return [Spec(shape.get(k, (steps, samples, units)), ins[0].dtype) for k in self.results]

    def _units(self, shapes: Mapping[str, Any]) -> Dim:
        u, z = shapes["u"], shapes["z"]
        units: Dim = u[0] if u[0] is not None or u[1] is None else u[1] // self.gates
        wanted = {"u": (units, _times(units, self.gates)), "z": (None, None, _times(units, self.gates))}
        wanted |= {"h0": (None, units), "c0": (None, units), "drops": (None, None, units)}
        wanted |= {"bias": (_times(units, self.gates),), "rbias": (_times(units, self.gates),)}
        for name, shape in shapes.items():
            want = wanted.get(name, shape)
            fits = len(want) == len(shape) and all(
                m is None or n is None or m == n for m, n in zip(want, shape, strict=True)
            )
            if not fits:
                raise ValueError(
                    f"{self.name}: {_SAYS[name]} has shape {tuple(shape)}, expected {want} for {units} units; the "
                    f"recurrent kernel is {tuple(u)} and the inputs times their kernel are {tuple(z)}"
                )
        return units

    def _agreed(self, shapes: Mapping[str, Any], axis: int) -> Dim:
        """Number of steps (axis 0) or samples (axis 1), from whichever input knows it."""
        found: Dim = None
        for name, shape in shapes.items():
            place = {"z": axis, "mask": axis, "h0": axis - 1, "c0": axis - 1, "drops": axis}.get(name)
            if place is None or place < 0 or (name == "drops" and not axis) or shape[place] is None:
                continue
            if found is not None and found != shape[place]:
                what = "samples" if axis else "steps"
                raise ValueError(f"{self.name}: {_SAYS[name]} has {shape[place]} {what}, the inputs have {found}")
            found = shape[place]
        return found

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return _without_drops(self, lowering, ins)

    def work(self, ins: Mapping[str, Spec]) -> dict[str, Spec]:
        """Specs of the work arrays by name, for inputs by name."""
        raise NotImplementedError

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec | None], prepared: Any) -> Sequence[Spec]:
        return list(self.work(dict(zip(self.parts, ins, strict=True))).values())

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        ins = dict(zip(self.parts, node.inputs, strict=True))
        outs = dict(zip(self.results, node.outputs, strict=True))
        flowing = dict(zip(self.results, dys, strict=True))
        link = flowing.get("link")
        given = {f"d{k}": dy for k in ("ys", "h", "c") if (dy := flowing.get(k)) is not None}
        found: dict[str, Tensor | None] = {}
        if given:
            named = {k: outs[k] for k in (*self.saved, "link")}
            named |= {k: t for k, t in ins.items() if k not in ("z", "bias")} | given
            options = {k: v for k, v in self.__dict__.items() if k != "parts"}
            results = apply(self.backward(parts=tuple(named), **options), *named.values())
            names = [k for k in self.backward.results if k == "z" or k in named]
            found = dict(zip(names, results, strict=True))
        if link is not None:
            found["z"] = link if found.get("z") is None else ew.add(found["z"], link)
        if "bias" in ins and found.get("z") is not None:
            found["bias"] = sum_over(found["z"], (0, 1))
        return [found.get(k) for k in self.parts]

    # -- the recurrence as ordinary operations ---------------------------------------------------

    def step(self, z: Tensor, states: Sequence[Tensor], ins: Mapping[str, Tensor]) -> list[Tensor]:
        """New states, output first, from z (N, G * U) and the old states, written with operations."""
        raise NotImplementedError

    def reference(self, ins: Mapping[str, Tensor]) -> list[Tensor]:
        """Outputs ys, h (and c) as a loop of ordinary operations."""
        seqs = [ins["z"], *([ins["mask"]] if "mask" in ins else [])]
        states = [ins[k] for k in ("h0", "c0") if k in ins]

        def body(slices: list[Tensor], before: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            z = ew.add(slices[0], ins["bias"]) if "bias" in ins else slices[0]
            after = self.step(z, before, ins)
            if len(slices) > 1:
                after = [ew.where(slices[1], new, old) for new, old in zip(after, before, strict=True)]
            return [after[0]], after

        (ys,), finals = algebra.get("scan")(body, seqs, states)
        return [ys, *finals]


_SAYS = {
    "z": "the product of the inputs",
    "u": "the recurrent kernel",
    "h0": "the initial state",
    "c0": "the initial cell state",
    "bias": "the bias",
    "rbias": "the recurrent bias",
    "mask": "the mask",
    "drops": "the dropout mask of the state",
}


def _times(n: Dim, k: int) -> Dim:
    return None if n is None else n * k


def products(h: Tensor, ins: Mapping[str, Tensor], gates: int) -> list[Tensor]:
    """The state times the recurrent kernel of each gate, as ordinary operations."""
    u, drops = ins["u"], ins.get("drops")
    assert u.shape is not None and u.shape[0] is not None
    units = u.shape[0]
    kernels = [u[:, g * units : (g + 1) * units] for g in range(gates)]
    if drops is None:
        return [matmul(h, k) for k in kernels]
    one = drops.shape is not None and drops.shape[0] == 1
    return [matmul(ew.multiply(h, drops[0 if one else g]), k) for g, k in enumerate(kernels)]


def split(z: Tensor, gates: int) -> list[Tensor]:
    """The gates of z (N, G * U)."""
    assert z.shape is not None and z.shape[-1] is not None
    units = z.shape[-1] // gates
    return [z[:, g * units : (g + 1) * units] for g in range(gates)]


class StepsGrad(Op):
    """Base of the gradient operations; inputs by name as in `Steps`, with the saved outputs and dys, dh, dc.

    Its outputs, named in `results` after the inputs they are the gradients of, are all optional.
    """

    captures = False
    optional_outputs = True
    results: ClassVar[tuple[str, ...]] = ()

    def __init__(self, activation: str, recurrent_activation: str, parts: tuple[str, ...], **options: Any) -> None:
        self.activation = activation
        self.recurrent_activation = recurrent_activation
        self.parts = parts
        self.__dict__.update(options)

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Sequence[Spec]:
        named = dict(zip(self.parts, ins, strict=True))
        named["z"] = named.get("gates", named["ys"])
        return [named[k] for k in self.results if k in named]

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        return _without_drops(self, lowering, ins)

    def work(self, ins: Mapping[str, Spec]) -> dict[str, Spec]:
        """Specs of the work arrays by name, for inputs by name."""
        raise NotImplementedError

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec | None], prepared: Any) -> Sequence[Spec]:
        return list(self.work(dict(zip(self.parts, ins, strict=True))).values())

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        """Second derivatives, from the recurrence as a loop of ordinary operations."""
        named = dict(zip(self.parts, node.inputs, strict=True))
        forward = named["link"].node
        assert forward is not None and isinstance(forward.op, Steps)
        ins = dict(zip(forward.op.parts, forward.inputs, strict=True))
        cots: dict[str, Tensor] = {k: named[k] for k in ("dys", "dh", "dc") if k in named}
        live = [(y, cots[k]) for y, k in zip(forward.op.reference(ins), ("dys", "dh", "dc"), strict=False) if k in cots]
        wrt = [ins[k] for k in self.results if k in ins]
        first = gradients([y for y, _ in live], wrt, [dy for _, dy in live], leaves=list(ins.values()))
        pairs = [(g, dd) for g, dd in zip(first, dys, strict=True) if g is not None and dd is not None]
        sources: dict[str, Tensor] = {**{k: ins[k] for k in self.results if k in ins}, **cots}
        leaves = [*ins.values(), *cots.values()]
        second = gradients([g for g, _ in pairs], list(sources.values()), [dd for _, dd in pairs], leaves=leaves)
        found = dict(zip(sources, second, strict=True))
        found["link"] = found.pop("z")
        return [found.get(k) for k in self.parts]


def _without_drops(op: Steps | StepsGrad, lowering: Any, ins: list[Any]) -> Any:
    """The operation without dropout where all factors are 1, as they are outside training."""
    if "drops" not in op.parts or ins[op.parts.index("drops")].uniform != 1:
        return None
    kept = [(k, v) for k, v in zip(op.parts, ins, strict=True) if k != "drops"]
    attributes = {**op.__dict__, "parts": tuple(k for k, _ in kept)}
    return lowering.emit(type(op)(**attributes), [v for _, v in kept])


# --- pieces of kernels --------------------------------------------------------------------------------------


def sizes(ins: Mapping[str, Spec]) -> tuple[int, int, int, int]:
    """T, N, U, G * U of concrete inputs."""
    first = ins.get("z") or ins.get("gates") or ins["ys"]
    steps, samples, width = first.shape  # type: ignore[misc]
    units = ins["u"].shape[0]  # type: ignore[index]
    return steps, samples, units, width  # type: ignore[return-value]


def common_scratch(ins: Mapping[str, Spec]) -> dict[str, Spec]:
    """Work arrays every kernel asks for: copies of the small inputs, the inverted mask, room for dropout."""
    steps, samples, units, width = sizes(ins)
    dtype = ins["u"].dtype
    found = {
        "u": ins["u"],
        "h0": ins["h0"],
        "row": Spec((samples, width), dtype),
        "work": Spec((samples, width), dtype),
    }
    if "mask" in ins:
        found["rest"] = Spec((steps, samples, 1), as_dtype("bool"))
    if "drops" in ins:
        found["drops"] = Spec((2, width // units, samples, units), dtype)
    return found


def as_contiguous(calls: Calls, x: Any, spare: Any) -> Any:
    """`x`, or its copy in `spare` when `x` is a strided view."""
    if x.flags.c_contiguous:
        return x
    calls.assign(x, spare)
    return spare


class Arrays:
    """The arrays of a binding by name.

    Arguments:
        op: the operation, which knows the names.
        b: the binding.
    """

    def __init__(self, op: Steps | StepsGrad, b: Binding) -> None:
        self.ins = dict(zip(op.parts, b.ins, strict=True))
        self.outs = dict(zip(op.results, b.outs, strict=False))
        specs = {k: Spec(x.shape, as_dtype(x.dtype)) for k, x in self.ins.items()}
        self.work = dict(zip(op.work(specs), b.scratch, strict=True))
        self.calls = Calls(b.xp, b.ins[0].dtype)
        self.u = as_contiguous(self.calls, self.ins["u"], self.work["u"])
        self.h0 = as_contiguous(self.calls, self.ins["h0"], self.work["h0"])
        self.mask = self.ins.get("mask")
        self.rest = self.work.get("rest")
        if self.mask is not None:
            self.calls.call(b.xp.logical_not, self.mask, self.rest)

    def rest_at(self, t: int) -> Any:
        """Flags of samples that step t passes over, or None."""
        return None if self.rest is None else self.rest[t]
