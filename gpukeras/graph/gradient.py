"""Reverse-mode gradients: a graph in, the graph of its derivatives out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from . import algebra, scope
from .tensor import Node, Tensor, as_tensor


def ancestors(outputs: Sequence[Tensor], leaves: Collection[Tensor] = ()) -> list[Node]:
    """Every node the outputs need, inputs before users; the walk does not go past `leaves`."""
    order: list[Node] = []
    seen: set[Node] = {t.node for t in leaves if t.node is not None}
    stack = [(t.node, False) for t in reversed(outputs) if t.node is not None and t.node not in seen]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((t.node, False) for t in reversed(node.inputs) if t.node is not None and t.node not in seen)
    return order


def gradients(
    loss: Tensor | Sequence[Tensor],
    wrt: Sequence[Tensor],
    dys: Sequence[Tensor] | None = None,
    leaves: Collection[Tensor] = (),
) -> list[Tensor | None]:
    """Gradients of the sum of `loss` with respect to each tensor of `wrt`.

    Arguments:
        loss: tensor or list of tensors of any shape.
        wrt: any tensors of the graph: variables, placeholders, intermediate results.
        dys: gradients of `loss` to start from; default: ones.
        leaves: tensors taken as given: no path is followed past them.

    Returns:
        One tensor each of the shape of its `wrt`, None where no differentiable path leads to the loss.
    """
    losses = [loss] if isinstance(loss, Tensor) else list(loss)
    order = ancestors(losses, leaves)
    depends: set[Tensor] = set(wrt)
    active: list[Node] = []
    for node in order:
        if any(t in depends for t in node.inputs):
            depends.update(t for t in node.outputs if t.dtype.is_floating)
            active.append(node)
    sums = _Sums(depends)
    for i, t in enumerate(losses):
        sums.add(t, as_tensor(dys[i], t.dtype) if dys is not None else algebra.get("ones_like")(t))
    for node in reversed(active):
        out = [sums.get(t) for t in node.outputs]
        if all(dy is None for dy in out):
            continue
        # backwards where it went forwards
        with scope.device_scope(node.device), scope.gradient_scope(node.scope):
            for t, dy in zip(node.inputs, node.op.grad(node, out), strict=True):
                if t.dtype.is_floating:
                    sums.add(t, dy)
    return [sums.get(t) for t in wrt]


class _Sums:
    """What the users of each tensor contribute to its gradient: added up per device, then over the devices.

    Arguments:
        depends: tensors whose gradients are wanted.
    """

    def __init__(self, depends: set[Tensor]) -> None:
        self._depends = depends
        self._sums: dict[Tensor, dict[str | None, Tensor]] = {}

    def add(self, t: Tensor, dy: Tensor | None) -> None:
        """Adds a contribution, made in the device scope that is open."""
        if dy is None or t not in self._depends:
            return
        sums = self._sums.setdefault(t, {})
        device = scope.current_device()
        sums[device] = algebra.get("add")(sums[device], dy) if device in sums else dy

    def get(self, t: Tensor) -> Tensor | None:
        """The gradient, None where nothing contributes."""
        sums = self._sums.get(t)
        if sums is None:
            return None
        if len(sums) > 1:  # the walk is backwards: the first device came last
            sums = self._sums[t] = {scope.current_device(): algebra.get("total")(list(reversed(sums.values())))}
        return next(iter(sums.values()))
