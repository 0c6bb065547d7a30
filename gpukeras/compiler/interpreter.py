"""Running a graph op by op, for the few whose sizes depend on data; allocates as it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.dtype import as_dtype
from ..graph.op import Spec
from ..graph.tensor import Constant, Node, Placeholder, Tensor, Variable
from ..ops.array import Concatenate
from ..ops.control import Cond
from ..ops.replicas import PartOf, ReplicaRows, Total
from ..runtime.device import Device
from .lowering import DynamicShape, run_op
from .scan import Scan


class Void:
    """In place of an array: what follows from rows that are not there (see `ops.replicas`).

    Arguments:
        tensor: the tensor that has no value.
    """

    size = 0  # of a predicate: it decides nothing

    def __init__(self, tensor: Tensor) -> None:
        self.spec = Spec(tuple(n or 0 for n in tensor.shape or ()), tensor.dtype)

    def array(self) -> np.ndarray:
        """An array of its type: without rows, or not a number."""
        return np.full(self.spec.shape, np.nan if self.spec.dtype.is_floating else 0, self.spec.dtype)  # type: ignore[arg-type]

    def astype(self, dtype: Any, copy: bool = True) -> Void:
        """Itself: it has no elements to convert."""
        return self


class Interpreter:
    """Evaluates tensors for one set of fed arrays."""

    def __init__(self, device: Device, feeds: Mapping[Tensor, Any]) -> None:
        self.device = device
        self.arrays: dict[Tensor, Any] = {t: device.asarray(np.asarray(a), t.dtype) for t, a in feeds.items()}

    def run(self, outputs: Sequence[Tensor]) -> list[Any]:
        """Device arrays of the outputs."""
        arrays = self.arrays
        for output in outputs:
            stack = [output]
            while stack:
                tensor = stack[-1]
                if tensor in arrays:
                    stack.pop()
                    continue
                if tensor.node is None:
                    arrays[tensor] = self._leaf(tensor)
                    continue
                needs = self._needs(tensor)
                pending = [t for t in reversed(needs) if t not in arrays]
                if pending:
                    stack.extend(pending)
                else:
                    self._execute(tensor)
        return [arrays[t] for t in outputs]

    def _leaf(self, tensor: Tensor) -> Any:
        if isinstance(tensor, Variable):
            return tensor.data
        if isinstance(tensor, Constant):
            return self.device.asarray(tensor.value)
        if isinstance(tensor, Placeholder) and tensor.default is not None:
            return self.device.asarray(tensor.default, tensor.dtype)
        raise ValueError(f"{tensor.name} is needed but not fed; add it to the inputs of the function")

    def _needs(self, tensor: Tensor) -> Sequence[Tensor]:
        node = tensor.node
        assert node is not None
        if isinstance(node.op, Cond):
            predicate = self.arrays.get(node.inputs[0])
            if predicate is None:
                return node.inputs[:1]
            if predicate.size == 1:
                return [node.inputs[1 if predicate.item() else 2]]
        return node.inputs

    def _execute(self, tensor: Tensor) -> None:
        node = tensor.node
        assert node is not None
        needs = self._needs(tensor)
        if isinstance(node.op, Cond) and len(needs) == 1:
            self.arrays[tensor] = self.arrays[needs[0]].astype(tensor.dtype, copy=False)
            return
        ins = [self.arrays[t] for t in node.inputs]
        if isinstance(node.op, ReplicaRows) or any(isinstance(x, Void) for x in ins):
            ins = self._without_voids(node, ins)
            if not ins:
                self.arrays.update((t, Void(t)) for t in node.outputs)
                return
        xp = self.device.xp
        if isinstance(node.op, Scan) and node.op.dynamic:
            outs = self._loop(node.op, ins)
        elif node.op.dynamic:
            outs = list(node.op.compute(xp, ins))
        else:
            values = [self.device.to_host(a).tolist() if i in node.op.shape_inputs else None for i, a in enumerate(ins)]
            try:
                specs: Any = node.op.infer([Spec(a.shape, as_dtype(a.dtype)) for a in ins], values)
            except DynamicShape:
                if not isinstance(node.op, Scan):
                    raise
                self.arrays.update(zip(node.outputs, self._loop(node.op, ins), strict=True))
                return
            if isinstance(specs, Spec):
                specs = [specs]
            if node.op.is_view:
                outs = [xp.array(self._view(node.op, ins, specs[0]))]
            else:
                outs = run_op(node.op, xp, ins, specs, values, node.name)
        self.arrays.update(zip(node.outputs, outs, strict=True))

    def _without_voids(self, node: Node, ins: list[Any]) -> list[Any]:
        """The inputs that are there; none where the outputs are void."""
        op = node.op
        if isinstance(op, ReplicaRows):
            whole = ins[0]
            return [] if isinstance(whole, Void) or (len(whole) and not len(op.rows(whole))) else ins
        if isinstance(op, Total) or isinstance(op, Concatenate) and op.axis % len(node.outputs[0].shape or (0,)) == 0:
            return [x for x in ins if not isinstance(x, Void)]
        if isinstance(op, PartOf) and not isinstance(ins[0], Void) and not isinstance(ins[1 + op.i], Void):
            return [self.device.asarray(x.array()) if isinstance(x, Void) else x for x in ins]
        return []

    def _loop(self, op: Scan, ins: list[Any]) -> list[Any]:
        """Outputs of a loop, each step of which is run op by op."""
        body = op.body
        n, m = len(body.seqs), len(body.states)
        states, steps = ins[n : n + m], len(ins[0])
        rows: list[list[Any]] = [[None] * steps for _ in range(len(body.outputs))]
        for t in range(steps - 1, -1, -1) if op.reverse else range(steps):
            step = Interpreter(self.device, {})
            step.arrays = dict(zip(body.inputs, [*(x[t, ...] for x in ins[:n]), *states, *ins[n + m :]], strict=True))
            outs = step.run(body.outputs)
            for row, value in zip(rows, [*outs[m:], *states], strict=True):
                row[t] = value
            states = outs[:m]
        kinds = [*body.outputs[m:], *body.states]
        return [*states, *(self._stack(row, like) for row, like in zip(rows, kinds, strict=True))]

    def _stack(self, row: list[Any], like: Tensor) -> Any:
        shapes = sorted({a.shape for a in row})
        if len(shapes) > 1:
            raise ValueError(f"{like.name}: the steps of a loop must give one shape, got {', '.join(map(str, shapes))}")
        if row:
            return self.device.xp.stack(row)
        return self.device.xp.empty((0, *(n or 0 for n in like.shape or ())), like.dtype)

    def _view(self, op: Any, ins: list[Any], spec: Spec) -> Any:
        try:
            return op.view(ins[0], spec.shape)
        except ValueError:
            return op.view(self.device.xp.ascontiguousarray(ins[0]), spec.shape)
