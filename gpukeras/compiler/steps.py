"""Step after step of a compiled function over rows of the same arrays, in as few calls as there can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..graph import tensor as graph_tensor
from ..runtime import native
from .gpu_steps import GpuSteps
from .plan import Plan

if TYPE_CHECKING:
    from .function import Function


class _Loop(NamedTuple):
    """A plan and what makes its steps; `adds`: all outputs are single numbers; `wholes`: where they are collected."""

    plan: Plan
    native: Any
    adds: bool
    wholes: tuple[np.ndarray, ...]


def steps_of(function: Function, values: Sequence[Any]) -> Steps | GpuSteps:
    """What makes steps of a function whose inputs are rows of arrays, on its device.

    Arguments:
        function: compiled function.
        values: one per input: arrays of N rows, and numbers for inputs that are fed by value.
    """
    fixed = function.by_value
    arrays = [x for x, by_value in zip(values, fixed, strict=True) if not by_value]
    if function.device.is_gpu and arrays and all(type(x) is np.ndarray and x.ndim and len(x) for x in arrays):
        known = [bool(np.any(x)) if by_value else None for x, by_value in zip(values, fixed, strict=True)]
        return GpuSteps(function, arrays, known)
    return Steps(function, values)


class Steps:
    """Makes steps of a function whose inputs are rows of arrays.

    The rows are gathered, converted, computed with and summed up by the native engine. Where it cannot do all of that
    (other engines, plans with calls of Python's), the methods say so and the caller calls the function itself.

    Arguments:
        function: compiled function.
        values: one per input: arrays of N rows, and numbers for inputs that are fed by value.
    """

    def __init__(self, function: Function, values: Sequence[Any]) -> None:
        self._function = function
        fixed = function.by_value
        self._arrays = [x for x, by_value in zip(values, fixed, strict=True) if not by_value]
        self._known = [bool(np.any(x)) if by_value else None for x, by_value in zip(values, fixed, strict=True)]
        self._module: Any = native.load() if function.device.engine == "native" else None
        if not all(type(x) is np.ndarray and x.ndim for x in self._arrays) or not self._arrays:
            self._module = None
        if not hasattr(self._module, "Steps"):  # an extension that was built from older sources
            self._module = None
        self._samples = min((len(x) for x in self._arrays if np.ndim(x)), default=0)
        self._loops: dict[int, _Loop | None] = {}
        self._wholes: list[np.ndarray] | None = None
        self._epoch = graph_tensor.storage_epoch()

    def one(self, order: np.ndarray | None, begin: int, size: int) -> list[Any] | None:
        """Makes one step.

        Arguments:
            order: int64 array, the row that each sample is; None: the rows as they lie.
            begin: the first sample of the batch.
            size: the number of samples in it.

        Returns:
            What the function returns, or None where it is to be called.
        """
        with self._function.lock:
            loop = self._loop(size)
            if loop is None:
                return None
            loop.native.run(order, begin, begin + size, None, 0.0)
            return loop.plan.outputs()

    def add_up(
        self, order: np.ndarray | None, begin: int, end: int, size: int, totals: np.ndarray, seconds: float
    ) -> int:
        """Makes steps of `size` samples until `end` is reached or the time is over, at least one.

        Arguments:
            order: as for `one`.
            begin: the first sample.
            end: the sample to stop before.
            size: the number of samples in a batch.
            totals: float64 array with one number per output, to which value times `size` is added at each step.
            seconds: how long to go on.

        Returns:
            The number of samples done; 0 where the function is to be called.
        """
        with self._function.lock:
            loop = self._loop(size)
            if loop is None or not loop.adds or len(totals) != len(loop.plan.outs):
                return 0
            done: int = loop.native.run(order, begin, end, totals, seconds)
            return done

    def values(self, size: int) -> list[Any]:
        """The outputs of the last step with this number of samples."""
        loop = self._loops[size]
        assert loop is not None
        return loop.plan.outputs()

    def collect(self, begin: int, end: int, size: int, seconds: float) -> int:
        """Makes steps over samples as they lie, and writes the outputs to `results`.

        Arguments:
            begin: the first sample.
            end: the sample to stop before.
            size: the number of samples in a batch.
            seconds: how long to go on.

        Returns:
            The number of samples done; 0 where the function is to be called.
        """
        with self._function.lock:
            loop = self._loop(size, collects=True)
            if loop is None or not loop.wholes:
                return 0
            done: int = loop.native.run(None, begin, end, None, seconds)
            return done

    def results(self) -> list[np.ndarray] | None:
        """What `collect` fills: one array of N rows per output."""
        return self._wholes

    def _loop(self, size: int, collects: bool = False) -> _Loop | None:
        if self._module is None:
            return None
        if self._epoch != graph_tensor.storage_epoch():
            self._loops.clear()
            self._epoch = graph_tensor.storage_epoch()
        if size not in self._loops:
            self._loops[size] = self._make(size, collects)
        return self._loops[size]

    def _make(self, size: int, collects: bool) -> _Loop | None:
        arrays = iter(self._arrays)
        key = tuple((size, *next(arrays).shape[1:]) if known is None else known for known in self._known)
        plan = self._function.plan(key)
        if plan is None or not all(isinstance(call, self._module.Task) for call in plan.calls):
            return None
        outs = plan.outs
        if any(v.root.kind == "var" for v in plan.program.outputs) and plan.commits:
            return None  # what is returned would have changed by then
        adds = bool(outs) and all(a.ndim == 0 and a.dtype.char in "fdilq?" for a in outs)
        wholes = self._collected(outs, size) if collects else ()
        try:
            commits = [self._module.copy(source, target) for target, source in plan.commits]
            steps = self._module.Steps(
                size,
                self._samples,
                plan.calls,
                commits,
                list(zip(self._arrays, plan.feeds, strict=True)),
                outs if adds else [],
                list(zip(outs, wholes, strict=False)),
            )
        except ValueError:  # a layout or type that it does not take
            return None
        return _Loop(plan, steps, adds, wholes)

    def _collected(self, outs: Sequence[np.ndarray], size: int) -> tuple[np.ndarray, ...]:
        """The arrays for all outputs, none where an output does not have one row per sample."""
        if any(a.ndim == 0 or len(a) != size for a in outs):
            return ()
        if self._wholes is None:
            self._wholes = [np.empty((self._samples, *a.shape[1:]), a.dtype) for a in outs]
        fit = all(a.shape[1:] == w.shape[1:] for a, w in zip(outs, self._wholes, strict=True))
        return tuple(self._wholes) if fit else ()
