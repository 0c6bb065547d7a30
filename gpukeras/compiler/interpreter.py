"""Running a graph op by op, for the few whose sizes depend on data; allocates as it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.dtype import as_dtype
from ..graph.op import Spec
from ..graph.tensor import Constant, Placeholder, Tensor, Variable
from ..ops.control import Cond
from ..runtime.device import Device
from .lowering import run_op


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
        xp = self.device.xp
        if node.op.dynamic:
            outs = list(node.op.compute(xp, ins))
        else:
            values = [self.device.to_host(a).tolist() if i in node.op.shape_inputs else None for i, a in enumerate(ins)]
            specs: Any = node.op.infer([Spec(a.shape, as_dtype(a.dtype)) for a in ins], values)
            if isinstance(specs, Spec):
                specs = [specs]
            if node.op.is_view:
                outs = [xp.array(self._view(node.op, ins, specs[0]))]
            else:
                outs = run_op(node.op, xp, ins, specs, values, node.name)
        self.arrays.update(zip(node.outputs, outs, strict=True))

    def _view(self, op: Any, ins: list[Any], spec: Spec) -> Any:
        try:
            return op.view(ins[0], spec.shape)
        except ValueError:
            return op.view(self.device.xp.ascontiguousarray(ins[0]), spec.shape)
