"""Compiled functions: a plan per set of input shapes, the least recently used dropped first."""

from __future__ import annotations

import gc
import os
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any

import numpy as np

from ..graph import tensor as graph_tensor
from ..graph.dtype import is_number
from ..graph.tensor import Constant, Placeholder, Tensor, Variable
from ..kernels.collectives import has_nccl
from ..runtime import lanes
from ..runtime.device import Device, default_device
from ..runtime.feed import Rows
from ..runtime.memory import Memory
from .interpreter import Interpreter, Void
from .lowering import DynamicShape
from .plan import Plan
from .program import Program

_NUMBERS = (int, float, bool)
# A text generator feeds one shape per length, so plans are kept while they are small: a function lets the least
# recently used ones go where all together take more than this, and there are more than a few.
PLANS_BYTES = 512 << 20
FEW_PLANS = 8
# What a step of a plan takes beside the arena (measured: perceptron, LSTM, ResNet50): most of it is oneDNN's code.
STEP_BYTES = {"native": 45_000}
OTHER_STEP_BYTES = 10_000


_functions: weakref.WeakSet[Function] = weakref.WeakSet()


def _start_anew() -> None:
    """In a forked child: plans were made for threads that are not there, and other threads may have held the locks."""
    graph_tensor.forget_plans()
    for function in _functions:
        function.lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


class Function:
    """Outputs and updates as a callable of arrays.

    Arguments:
        inputs: tensors to feed, in order; any tensors of the graph.
        outputs: tensors to return.
        updates: (variable, new value) pairs; all new values are computed from the old ones.
        device: where to run; default: the first GPU, or the CPU.
    """

    def __init__(
        self,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        updates: Sequence[tuple[Variable, Tensor]] = (),
        device: Device | None = None,
    ) -> None:
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.updates = list(updates)
        self.device = device or default_device()
        #: Which inputs the plan is specialised on the value of.
        self.by_value = [isinstance(t, Placeholder) and t.by_value for t in self.inputs]
        self._plans: OrderedDict[tuple[Any, ...], Plan | None] = OrderedDict()
        self._plans_bytes = 0
        self._epoch = graph_tensor.storage_epoch()
        self._memory = Memory(self.device)
        self.lock = RLock()
        _functions.add(self)

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """Run on arrays, numbers or `Rows`, one per input; returns host arrays (NumPy scalars for rank 0)."""
        if len(values) != len(self.inputs):
            raise ValueError(
                f"the function takes {len(self.inputs)} inputs ({', '.join(t.name for t in self.inputs)}), "
                f"got {len(values)}"
            )
        key: list[Any] = []
        feeds: list[Any] = []
        for x, by_value in zip(values, self.by_value):
            if by_value:
                key.append(bool(x) if type(x) in _NUMBERS else bool(np.any(_host_array(x))))
                continue
            if not isinstance(x, (np.ndarray, Rows)):
                x = _host_array(x)
            key.append(x.shape)
            feeds.append(x)
        with self.lock:
            plan = self._plan(tuple(key))
            return self._interpret(values) if plan is None else plan.run(feeds)

    def plan(self, shapes: Sequence[Any]) -> Plan | None:
        """The plan for these input shapes (and values of inputs fed by value); None where sizes depend on data."""
        return self._plan(tuple(tuple(s) if isinstance(s, (list, tuple)) else s for s in shapes))

    def _plan(self, key: tuple[Any, ...]) -> Plan | None:
        plans = self._plans
        if self._epoch != graph_tensor.storage_epoch():
            plans.clear()
            self._plans_bytes = 0
            self._epoch = graph_tensor.storage_epoch()
        if key in plans:
            plans.move_to_end(key)
            return plans[key]
        plan = plans[key] = self._build(key)
        self._plans_bytes += self._bytes(plan)
        while len(plans) > FEW_PLANS and self._plans_bytes > PLANS_BYTES:
            self._plans_bytes -= self._bytes(plans.popitem(last=False)[1])
        return plan

    def _bytes(self, plan: Plan | None) -> int:
        """About what a plan takes of the host's memory, beside the block that all share."""
        steps = 1 if plan is None else max(1, len(plan.program.steps))
        return steps * STEP_BYTES.get(self.device.engine, OTHER_STEP_BYTES)

    def _build(self, key: tuple[Any, ...]) -> Plan | None:
        feeds: dict[Tensor, tuple[int, ...]] = {}
        known: dict[Tensor, np.ndarray] = {}
        for tensor, part, fixed in zip(self.inputs, key, self.by_value, strict=True):
            if fixed:
                known[tensor] = np.asarray(part)
            else:
                feeds[tensor] = _fit_shape(tensor, part)
        try:
            with _no_collection():
                memories = lanes.have_memories(self.device)
                program = Program(
                    self.outputs,
                    self.updates,
                    feeds,
                    known,
                    engine=self.device.engine,
                    lane_of=lanes.lanes(self.device),
                    memories=memories,
                    reduces=lambda: memories and has_nccl(),
                )
                return Plan(program, self.device, self._memory)
        except DynamicShape:
            return None

    def _interpret(self, values: Sequence[Any]) -> list[Any]:
        arrays = [x.read() if isinstance(x, Rows) else _host_array(x) for x in values]
        run = Interpreter(self.device, dict(zip(self.inputs, arrays, strict=True)))
        results = run.run(self.outputs + [v for _, v in self.updates])
        n = len(self.outputs)
        host = [a.array() if isinstance(a, Void) else self.device.to_host(a) for a in results]
        for (var, _), value, a in zip(self.updates, host[n:], results[n:], strict=True):
            if not isinstance(a, Void):
                var.assign_value(value)
        return [a if a.ndim else a[()] for a in host[:n]]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keeps Python from looking for garbage: a plan makes many objects, none of which is, and each look takes long."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _host_array(x: Any) -> np.ndarray:
    if isinstance(x, np.ndarray):
        return x
    if isinstance(x, Tensor):
        raise TypeError(f"cannot feed the symbolic tensor {x.name}: pass an array (K.eval(x) gives one)")
    array = x.get() if hasattr(x, "get") and not isinstance(x, dict) else np.asarray(x)
    if not is_number(array.dtype):
        raise TypeError(f"cannot feed {type(x).__name__} of dtype {array.dtype}: expected numbers")
    return array


def _fit_shape(tensor: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The fed shape, checked against the static one."""
    static = tensor.shape
    if static is not None and (
        len(static) != len(shape) or any(m is not None and m != n for m, n in zip(static, shape, strict=True))
    ):
        raise ValueError(f"cannot feed a value of shape {shape} for {tensor.name!r}, which has shape {tuple(static)}")
    return shape


def evaluate(tensor: Tensor) -> np.ndarray:
    """Value of a tensor that needs no feeds."""
    if isinstance(tensor, Variable):
        return tensor.numpy()
    if isinstance(tensor, Constant):
        return tensor.value.copy()
    result = Function([], [tensor])([])[0]
    return np.asarray(result)


graph_tensor.set_evaluator(evaluate)
