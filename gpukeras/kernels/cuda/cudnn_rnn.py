"""Whole recurrent layers on cuDNN."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...graph.dtype import as_dtype
from ...graph.op import Binding, Spec, Thunk
from ...ops.recurrent_library import LibrarySteps, LibraryStepsGrad
from ...runtime.device import default_device
from ..registry import Kernel, kernel
from . import glue
from .images import MOST
from .launch import Kept, address, blocks_for, launch
from .prepared import allows_tf32, current_device

PART = "cudnn_rnn"
_FOUND = 20  # words of the structure `Found` of csrc/cuda/glue/cudnn_rnn.cpp
#: cuDNN's numbers of the gates in Keras' order.
_ORDER = {"lstm": (0, 1, 2, 3), "gru": (1, 0, 2)}
#: The structure `LibraryWeights` of csrc/cuda/recurrent_library.cu.
WEIGHTS = np.dtype(
    [(name, "u8") for name in ("block", "kernel", "recurrent", "bias")]
    + [(name, "i8") for name in ("kernel_row", "kernel_column", "recurrent_row", "recurrent_column")]
    + [(name, "i8", 4) for name in ("kernel_at", "recurrent_at", "bias_at", "recurrent_bias_at")]
    + [(name, "i4") for name in ("channels", "units", "gates")],
    align=True,
)
_FORWARD = ("x", "weights", "h0", "c0", "ys", "h", "c", "work", "reserve")
_BACKWARD = (
    "x", "weights", "h0", "c0", "ys", "dys", "dh", "dc", "dx", "dh0", "dc0", "dweights", "work", "reserve",
)  # fmt: skip


class _Made:
    """A recurrence of the library.

    Arguments:
        part: the library's functions.
        cell: 'lstm' or 'gru'.
        words: the description.

    Attributes:
        handle: address of the C++ object; it is never given back, since a graph of CUDA's may still refer to it.
        weights, inference, training, reserve: bytes.
        places: of the weights, by field of `WEIGHTS`.
    """

    def __init__(self, part: Any, cell: str, words: Sequence[int]) -> None:
        self.part = part
        self.gates = len(_ORDER[cell])
        out, found = (ctypes.c_void_p * 1)(), (ctypes.c_int64 * _FOUND)()
        part.create((ctypes.c_int64 * len(words))(*words), out, found)
        self.handle = int(out[0] or 0)
        self.weights, self.inference, self.training, self.reserve = found[:4]
        matrices, vectors = found[4:12], found[12:20]
        order = _ORDER[cell]
        self.places: dict[str, list[int]] = {}
        for name, places, start in (
            ("kernel_at", matrices, 0), ("recurrent_at", matrices, self.gates),
            ("bias_at", vectors, 0), ("recurrent_bias_at", vectors, self.gates),
        ):  # fmt: skip
            self.places[name] = [places[start + i] for i in order] + [0] * (4 - self.gates)

    def weights_call(self, xp: Any, name: str, arrays: Mapping[str, Any], sizes: tuple[int, ...]) -> Thunk:
        """The launch that packs or unpacks weights.

        Arguments:
            xp: array module.
            name: of the kernel.
            arrays: 'block', 'kernel', 'recurrent' and 'bias'; None where there is none.
            sizes: T, N, C, U.
        """
        channels, units = sizes[2:]
        values = [0 if arrays[k] is None else address(arrays[k]) for k in ("block", "kernel", "recurrent", "bias")]
        for x in (arrays["kernel"], arrays["recurrent"]):
            values += (0, 0) if x is None else (n // x.itemsize for n in x.strides)
        structure = np.array([(*values, *self.places.values(), channels, units, self.gates)], WEIGHTS)
        count = (channels + units + 2) * units * self.gates
        return launch(xp, "recurrent_library.cu", name, blocks_for(count), [structure])


_kept: dict[tuple[int, ...], tuple[Any, _Made | None]] = {}  # with the library, whose id is not given away then


def made(cell: str, sizes: tuple[int, ...]) -> _Made | None:
    """The library's recurrence of these sizes; None where there is no library.

    Arguments:
        cell: 'lstm' or 'gru'.
        sizes: T, N, C, U.
    """
    part = glue.library(PART)
    if part is None or 0 in sizes:
        return None
    words = (current_device(), int(cell == "lstm"), *sizes, int(allows_tf32()))
    key = (id(part), *words)
    if key not in _kept:
        try:
            _kept[key] = (part, _Made(part, cell, words))
        except glue.GlueError:
            _kept[key] = (part, None)
    return _kept[key][1]


def _reserve(cell: str, *sizes: int) -> int:
    """Bytes that the library keeps for the gradient; 0 where it is absent."""
    found = made(cell, sizes)
    return 0 if found is None else found.reserve


LibrarySteps.reserve = staticmethod(_reserve)


def is_available() -> bool:
    """Whether layers that are built now will run where cuDNN is."""
    device = default_device()
    return device.engine == "cuda" and glue.library(PART) is not None


class _Arrays:
    """The arrays of a binding by name; those with gaps are copied first.

    Arguments:
        xp: array module.
        arrays: by name.
        copies: work arrays for those with gaps.
    """

    def __init__(self, xp: Any, arrays: dict[str, Any], copies: Mapping[str, Any]) -> None:
        self.xp = xp
        self.calls: list[Thunk] = [partial(xp.copyto, whole, arrays[k]) for k, whole in copies.items()]
        self.arrays = arrays | dict(copies)

    def run(self, call: Any, names: Sequence[str]) -> None:
        """Adds a call of the library, with pointers to these arrays."""
        found = [self.arrays.get(k) for k in names]
        pointers = (ctypes.c_void_p * len(names))(*(None if x is None else address(x) for x in found))
        current = self.xp.cuda.get_current_stream
        self.calls.append(lambda: call(pointers, current().ptr))


def _sizes(ins: Mapping[str, Any]) -> tuple[int, ...]:
    return (*ins["x"].shape, ins["u"].shape[0])


def _usable(ins: Mapping[str, Any], outs: Mapping[str, Any]) -> bool:
    whole = (x for k, x in (*ins.items(), *outs.items()) if x is not None and k != "reserve")
    return all(x.dtype == np.float32 and 0 < x.size <= MOST for x in whole) and bool(ins["bias"].flags.c_contiguous)


def _gaps(ins: Mapping[str, Any], names: Sequence[str]) -> dict[str, Spec]:
    return {k: Spec(ins[k].shape, as_dtype("float32")) for k in names if k in ins and not ins[k].flags.c_contiguous}


def _bytes(count: int) -> Spec:
    return Spec((count,), as_dtype("uint8"))


@kernel("cuda", LibrarySteps)
def forward(op: LibrarySteps, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """A layer."""
    named, results = dict(zip(op.parts, ins, strict=True)), dict(zip(op.results, outs, strict=True))
    sizes = _sizes(named)
    found = made(op.cell, sizes) if _usable(named, results) else None
    if found is None:
        return None
    training = results["reserve"] is not None
    gaps = _gaps(named, ("x", "h0", "c0"))
    work = {"weights": _bytes(found.weights), "work": _bytes(found.training if training else found.inference)}
    if results["ys"] is None:
        work["ys"] = Spec((*sizes[:2], sizes[3]), as_dtype("float32"))

    def bind(b: Binding) -> list[Thunk]:
        arrays = dict(zip(op.parts, b.ins, strict=True)) | dict(zip(op.results, b.outs, strict=True))
        arrays |= dict(zip(work, b.scratch[len(gaps) :], strict=True))
        a = _Arrays(b.xp, arrays, dict(zip(gaps, b.scratch, strict=False)))
        plain = {"block": arrays["weights"], "kernel": arrays["w"], "recurrent": arrays["u"], "bias": arrays["bias"]}
        a.calls.append(found.weights_call(b.xp, "library_pack", plain, sizes))
        a.run(partial(found.part.forward, found.handle, int(training)), _FORWARD)
        return [Kept(a.calls, a.arrays)]

    return Kernel(f"cudnn:rnn:{op.cell}:forward", bind, [*gaps.values(), *work.values()])


@kernel("cuda", LibraryStepsGrad)
def backward(op: LibraryStepsGrad, ins: Sequence[np.ndarray], outs: Sequence[Any]) -> Kernel | None:
    """Its gradient. The library writes over what it kept, so a copy is what it gets: others may read it."""
    named = dict(zip(op.parts, ins, strict=True))
    results = {f"d{k}": x for k, x in zip(op.results, outs, strict=True)}
    sizes = _sizes(named)
    found = made(op.cell, sizes) if _usable(named, results) else None
    if found is None:
        return None
    gaps = _gaps(named, ("x", "h0", "c0", "ys", "dys", "dh", "dc")) | {"reserve": _bytes(named["reserve"].size)}
    work = {"weights": _bytes(found.weights), "work": _bytes(found.training)}
    weights = any(results[k] is not None for k in ("dw", "du", "dbias"))
    if weights:
        work["dweights"] = Spec((found.weights // 4,), as_dtype("float32"))
    if results["dx"] is None:
        work["dx"] = Spec(named["x"].shape, as_dtype("float32"))
    if "dys" not in named:
        work["dys"] = Spec(named["ys"].shape, as_dtype("float32"))

    def bind(b: Binding) -> list[Thunk]:
        arrays = dict(zip(op.parts, b.ins, strict=True)) | dict(zip(results, b.outs, strict=True))
        arrays |= dict(zip(work, b.scratch[len(gaps) :], strict=True))
        a = _Arrays(b.xp, arrays, dict(zip(gaps, b.scratch, strict=False)))
        plain = {"block": arrays["weights"], "kernel": arrays["w"], "recurrent": arrays["u"], "bias": arrays["bias"]}
        a.calls.append(found.weights_call(b.xp, "library_pack", plain, sizes))
        a.calls += [partial(arrays[k].fill, 0) for k in ("dweights", "dys") if k in work]
        a.run(partial(found.part.backward, found.handle), _BACKWARD)
        if weights:
            plain = {"block": arrays["dweights"]}
            plain |= {k: arrays[f"d{name}"] for k, name in (("kernel", "w"), ("recurrent", "u"), ("bias", "bias"))}
            a.calls.append(found.weights_call(b.xp, "library_unpack", plain, sizes))
        return [Kept(a.calls, a.arrays)]

    return Kernel(f"cudnn:rnn:{op.cell}:backward", bind, [*gaps.values(), *work.values()])
