"""From symbolic tensors and concrete shapes to steps: folding, merging of equal steps, algebra, views."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ..graph.dtype import LOW, DType, as_dtype
from ..graph.op import Binding, Op, Spec
from ..graph.shape import prod
from ..graph.tensor import Constant, Node, Placeholder, Tensor, Variable
from ..ops.array import BroadcastTo
from ..ops.control import Cond
from ..ops.elementwise import Cast
from .value import Step, Value
from .widening import FLOAT32, wide_op

FOLD_LIMIT = 1 << 16  # elements; larger constants are computed by the plan, not stored beside it


class DynamicShape(Exception):
    """A size depends on data, so no static plan exists; the graph is to be run op by op."""


class Lowering:
    """Builds the steps for some tensors.

    Arguments:
        feeds: shape of each tensor that is fed (any tensor of the graph may be).
        known: values of fed tensors on which the plan is specialised.
        lane_of: number of the device that runs what was made in a device scope; None: all runs on one.
        reduces: tells whether sums over devices are theirs to compute; asked where there are such sums.
    """

    def __init__(
        self,
        feeds: Mapping[Tensor, Sequence[int]],
        known: Mapping[Tensor, np.ndarray] | None = None,
        lane_of: Callable[[str | None], int] | None = None,
        reduces: Callable[[], bool] = lambda: False,
    ) -> None:
        self.reduces = reduces
        self._lane_of = lane_of
        self._lane = 0
        self.steps: list[Step] = []
        self.values: dict[Tensor, Value] = {}
        self._merged: dict[Hashable, list[Value]] = {}
        self._constants: dict[Hashable, Value] = {}
        self._where = ""
        for tensor, shape in feeds.items():
            value = Value(tuple(shape), tensor.dtype, "feed")
            value.tensor = tensor
            self.values[tensor] = value
        for tensor, array in (known or {}).items():
            self.values[tensor] = self.constant(array, array.shape, tensor.dtype)

    # -- the walk ---------------------------------------------------------------------------------

    def lower(self, outputs: Sequence[Tensor]) -> list[Value]:
        """Values of the outputs, adding the steps they need."""
        values = self.values
        for output in outputs:
            stack = [output]
            while stack:
                tensor = stack[-1]
                if tensor in values:
                    stack.pop()
                    continue
                node = tensor.node
                if node is None:
                    values[tensor] = self._leaf(tensor)
                    continue
                known = tensor.partial
                if isinstance(known, int) or isinstance(known, list) and all(isinstance(n, int) for n in known):
                    # It follows from static shapes: what has those shapes need not be fed for it.
                    values[tensor] = self.constant(np.asarray(known), np.shape(known), tensor.dtype)
                    continue
                pending = self._pending(node)
                if pending:
                    stack.extend(pending)
                else:
                    self._lower_node(node)
        return [values[t] for t in outputs]

    def _leaf(self, tensor: Tensor) -> Value:
        if isinstance(tensor, Constant):
            return self.constant(tensor.value, tensor.value.shape, tensor.dtype)
        if isinstance(tensor, Variable):
            shape = tensor.shape
            if shape is None or None in shape:
                shape = tensor.data.shape
            value = Value(tuple(shape), tensor.dtype, "var")  # type: ignore[arg-type]
            value.tensor = tensor
            return value
        if isinstance(tensor, Placeholder) and tensor.default is not None:
            default = np.asarray(tensor.default)
            return self.constant(default, default.shape, tensor.dtype)
        raise ValueError(
            f"{tensor.name} of shape {None if tensor.shape is None else tuple(tensor.shape)} is needed but not fed; "
            "add it to the inputs of the function"
        )

    def _pending(self, node: Node) -> list[Tensor]:
        """Inputs still to be lowered; of a Cond with a known predicate only the branch that is taken."""
        values = self.values
        if isinstance(node.op, Cond):
            predicate = values.get(node.inputs[0])
            if predicate is None:
                return [node.inputs[0]]
            if predicate.is_const:
                branch = node.inputs[1 if predicate.array().item() else 2]
                return [] if branch in values else [branch]
        return [t for t in reversed(node.inputs) if t not in values]

    def _lower_node(self, node: Node) -> None:
        values = self.values
        self._where = node.name
        if self._lane_of is not None:
            self._lane = self._lane_of(node.device)
        if isinstance(node.op, Cond):
            predicate = values[node.inputs[0]]
            if predicate.is_const:
                taken = values[node.inputs[1 if predicate.array().item() else 2]]
                values[node.outputs[0]] = self.cast(taken, node.outputs[0].dtype)
                return
        ins = [values[t] for t in node.inputs]
        if not node.op.takes_voids and any(v.kind == "void" for v in ins):
            values.update((t, self.void(t.shape or (), t.dtype)) for t in node.outputs)
            return
        try:
            outs = self.emit(node.op, ins)
        except ValueError as e:
            if node.scope and node.scope not in str(e):
                raise ValueError(f"{node.name}: {e}") from e
            raise
        for tensor, value in zip(node.outputs, outs, strict=True):
            values[tensor] = value

    # -- what `Op.simplify` may use ---------------------------------------------------------------

    def constant(self, value: Any, shape: Sequence[int], dtype: Any) -> Value:
        """A constant: a scalar repeated over `shape`, or an array of that shape."""
        dtype = as_dtype(dtype)
        shape = tuple(shape)
        array = np.asarray(value).astype(dtype, copy=False)
        if array.size != 1:
            out = Value(shape, dtype, "const")
            out.const = np.ascontiguousarray(array)
            return out
        key = (array.tobytes(), dtype, shape)
        found = self._constants.get(key)
        if found is None:  # one value per scalar, so that equal steps on equal scalars merge
            found = self._constants[key] = Value(shape, dtype, "const")
            found.uniform = array.reshape(())[()]
        return found

    @staticmethod
    def void(shape: Sequence[int | None], dtype: DType) -> Value:
        """What follows from rows that are not there; sizes that are not known are zero."""
        return Value(tuple(n or 0 for n in shape), dtype, "void")

    def broadcast(self, value: Value, shape: Sequence[int]) -> Value:
        """`value` repeated to `shape`, without copying."""
        shape = tuple(shape)
        if value.shape == shape:
            return value
        if value.uniform is not None:
            return self.constant(value.uniform, shape, value.dtype)
        return self._view(BroadcastTo(shape), value, Spec(shape, value.dtype))

    def cast(self, value: Value, dtype: DType) -> Value:
        """`value` converted to `dtype`."""
        if value.kind == "void":
            return self.void(value.shape, dtype)
        return value if value.dtype == dtype else self.emit(Cast(dtype), [value])[0]

    def emit(self, op: Op, ins: list[Value]) -> list[Value]:
        """Outputs of `op`: an equal earlier step's, a constant, a view, or those of a new step."""
        simpler = op.simplify(self, ins)
        if simpler is not None:
            return simpler if isinstance(simpler, list) else [simpler]
        key: Hashable = None
        if not op.stateful:
            key = (self._lane, op.key(), *map(id, ins))
            found = self._merged.get(key)
            if found is not None:
                return found
        outs = self._outputs(op, ins)
        if key is not None:
            self._merged[key] = outs
        return outs

    # -- the three kinds of output ----------------------------------------------------------------

    def _outputs(self, op: Op, ins: list[Value]) -> list[Value]:
        if op.dynamic:
            raise DynamicShape(op.name)
        known: list[Any] = [None] * len(ins)
        for i in op.shape_inputs:
            if i >= len(ins):  # the shape is an attribute this time
                continue
            if not ins[i].is_const:
                raise DynamicShape(f"{op.name} needs the value of its input {i} to know its shape")
            known[i] = ins[i].array().tolist()
        inferred = op.infer([v.spec for v in ins], known)
        specs = [inferred] if isinstance(inferred, Spec) else list(inferred)
        for spec in specs:
            if spec.shape is None or None in spec.shape:
                raise ValueError(
                    f"{op.name}: the output shape {spec.shape} is not known for inputs "
                    f"{[v.shape for v in ins]} (an operation's shape rule is incomplete)"
                )
        if not op.stateful and all(v.is_const for v in ins):
            folded = self._fold(op, ins, specs, known)
            if folded is not None:
                return folded
        if op.is_view:
            try:
                return [self._view(op, ins[0], specs[0])]
            except ValueError:
                pass  # the layout does not allow a view: copy
        return self.step(op, ins, specs, known)

    def _fold(self, op: Op, ins: list[Value], specs: list[Spec], known: list[Any]) -> list[Value] | None:
        """Run an operation on constants now; elementwise on uniform ones costs one element whatever the shape."""
        uniform = op.elementwise and all(v.uniform is not None for v in ins)
        sizes = [prod(s.shape or ()) for s in specs] + [v.size // 4 for v in ins]  # type: ignore[arg-type]
        if not uniform and max(sizes) > FOLD_LIMIT:
            return None
        arrays = [np.asarray(v.uniform, v.dtype) if uniform else v.array() for v in ins]
        if uniform:
            outs = run_op(op, np, arrays, [Spec((), s.dtype) for s in specs], known, self._where)
        else:
            outs = run_op(op, np, arrays, specs, known, self._where)
        return [self.constant(a, s.shape, s.dtype) for a, s in zip(outs, specs, strict=True)]  # type: ignore[arg-type]

    def _view(self, op: Op, base: Value, spec: Spec) -> Value:
        value = Value(spec.shape, spec.dtype, "view")  # type: ignore[arg-type]
        if base.uniform is not None:
            return self.constant(base.uniform, value.shape, value.dtype)
        value.look_at(base, op)
        value._proto = op.view(base.proto, value.shape)
        return value

    def step(self, op: Op, ins: list[Value], specs: list[Spec], known: list[Any]) -> list[Value]:
        """Outputs of a new step."""
        outs = [Value(s.shape, s.dtype, "temp") for s in specs]  # type: ignore[arg-type]
        step = Step(op, ins, outs, self._where, known)
        step.lane = self._lane
        for v in outs:
            v.step = step
        self.steps.append(step)
        return outs


def run_op(op: Op, xp: Any, arrays: list[Any], specs: Sequence[Spec], known: Sequence[Any], where: str) -> list[Any]:
    """Run one operation on arrays outside any plan; returns new arrays of the given specs."""
    wide = wide_op(op) if any(a.dtype.name in LOW for a in arrays) or any(s.dtype in LOW for s in specs) else None
    if wide is not None and not isinstance(op, Cast):
        arrays = [a.astype("float32") if a.dtype.name in LOW else a for a in arrays]
        wanted, specs = specs, [Spec(s.shape, FLOAT32 if s.dtype in LOW else s.dtype) for s in specs]
        outs = run_op(wide, xp, arrays, specs, known, where)
        with np.errstate(all="ignore"):
            return [a.astype(s.dtype, copy=False) for a, s in zip(outs, wanted, strict=True)]
    outs = [xp.empty(s.shape, s.dtype) for s in specs]
    in_specs = [Spec(a.shape, as_dtype(a.dtype)) for a in arrays]
    prepared = op.prepare_known(in_specs, specs, known)
    scratch = [xp.empty(s.shape, s.dtype) for s in op.scratch(in_specs, specs, prepared)]
    with np.errstate(all="ignore"):
        for thunk in op.bind(Binding(xp, arrays, outs, scratch, prepared, where)):
            thunk()
    return outs
