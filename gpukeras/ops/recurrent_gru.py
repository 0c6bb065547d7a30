"""The fused GRU: all steps in one operation, with its gradient derived by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..graph.op import Binding, Spec, Thunk
from ..graph.tensor import Tensor
from . import elementwise as ew
from .linalg import matmul
from .recurrent_base import FUNCTIONS, Arrays, Steps, StepsGrad, common_scratch, products, sizes, split
from .recurrent_parts import Calls, Product, columns


class _Products:
    """The products of the state: one for all gates with `reset_after`, else one for z and r and one for the last gate.

    A single dropout mask, (1, N, U), falls on the state itself; masks per gate on its products.
    """

    def __init__(self, calls: Calls, a: Arrays, reset_after: bool) -> None:
        u, drops, work = a.u, a.ins.get("drops"), a.work.get("drops")
        units = u.shape[0]
        self.calls = calls
        self.whole = None if drops is None or drops.shape[0] > 1 else drops[0]
        per_gate = drops if drops is not None and drops.shape[0] > 1 else None
        if reset_after:
            self.all = Product(calls, u, per_gate, work)
            return
        pair, last = (None, None) if per_gate is None else (per_gate[:2], per_gate[2:])
        self.gates = Product(calls, u[:, : 2 * units], pair, None if work is None else work[:, :2])
        self.last = Product(calls, u[:, 2 * units :], last, None if work is None else work[:, 2:])

    def state(self, h: Any, out: Any) -> Any:
        """The state that all products and the mixture see."""
        if self.whole is None:
            return h
        self.calls.mul(h, self.whole, out)
        return out


class GRUSteps(Steps):
    """h = z h + (1 - z) g, with the gates z, r, g in this order.

    z, r = f(. + h u); g = act(. + (r h) u), with `reset_after` act(. + r (h u)).

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation", 2014.
    """

    name = "gru_steps"
    gates = 3
    results = ("gates", "link", "ys", "h", "hus")
    saved = ("gates", "ys", "hus")
    reset_after: bool

    def work(self, ins: Mapping[str, Spec]) -> dict[str, Spec]:
        samples, units = sizes(ins)[1:3]
        dtype = ins["u"].dtype
        return {
            **common_scratch(ins),
            "gate": Spec((samples, 3 * units), dtype),
            "pair": Spec((samples, 2 * units), dtype),
            "states": Spec((5, samples, units), dtype),
        }

    def bind(self, b: Binding) -> Sequence[Thunk]:
        a = Arrays(self, b)
        c, work, outs = a.calls, a.work, a.outs
        z, h = a.ins["z"], a.h0
        product = _Products(c, a, self.reset_after)
        for t in range(len(z)):
            gate = work["gate"] if outs["gates"] is None else outs["gates"][t]
            y = work["states"][t % 2] if outs["ys"] is None else outs["ys"][t]
            hu = work["states"][2] if outs["hus"] is None else outs["hus"][t]
            source = z[t]
            if "bias" in a.ins:
                c.add(source, a.ins["bias"], gate)
                source = gate
            seen = product.state(h, work["states"][3])
            self._gates(a, product, source, seen, gate, hu)
            update, _, candidate = columns(gate, 3)
            w = work["states"][4]
            c.sub(seen, candidate, w)
            c.mul(w, update, w)
            c.add(candidate, w, y)
            c.hold(h, a.rest_at(t), y)
            h = y
        if outs["h"] is not None:
            c.assign(h, outs["h"])
        return c

    def _gates(self, a: Arrays, product: _Products, source: Any, h: Any, gate: Any, hu: Any) -> None:
        """Activated gates of one step from `source`, z of the step; `hu` is what the reset gate multiplies."""
        c, work, units = a.calls, a.work, h.shape[1]
        pair, last, w = gate[:, : 2 * units], gate[:, 2 * units :], work["states"][4]
        reset = gate[:, units : 2 * units]
        if self.reset_after:
            product.all.forward(h, work["row"])
            if "rbias" in a.ins:
                c.add(work["row"], a.ins["rbias"], work["row"])
            recurrent = work["row"][:, : 2 * units]
        else:
            product.gates.forward(h, work["pair"])
            recurrent = work["pair"]
        c.add(source[:, : 2 * units], recurrent, pair)
        c.activate(self.recurrent_activation, pair, pair, work["pair"])
        if self.reset_after:
            c.assign(work["row"][:, 2 * units :], hu)
            c.mul(reset, hu, w)
            c.add(source[:, 2 * units :], w, last)
        else:
            c.mul(reset, h, w)
            product.last.forward(w, hu)
            c.add(source[:, 2 * units :], hu, last)
        c.activate(self.activation, last, last, w)

    def step(self, z: Tensor, states: Sequence[Tensor], ins: Mapping[str, Tensor]) -> list[Tensor]:
        h = states[0]
        drops = ins.get("drops")
        f, act = FUNCTIONS[self.recurrent_activation], FUNCTIONS[self.activation]
        if drops is not None and drops.shape is not None and drops.shape[0] == 1:
            h = ew.multiply(h, drops[0])
            ins = {k: v for k, v in ins.items() if k != "drops"}
            drops = None
        zs, rs = split(z, 3), products(h, ins, 3)
        if self.reset_after:
            if "rbias" in ins:
                u = h.shape[-1]  # type: ignore[index]
                rs = [ew.add(r, ins["rbias"][g * u : (g + 1) * u]) for g, r in enumerate(rs)]  # type: ignore[operator]
            update, reset = f(ew.add(zs[0], rs[0])), f(ew.add(zs[1], rs[1]))
            candidate = act(ew.add(zs[2], ew.multiply(reset, rs[2])))
        else:
            update, reset = f(ew.add(zs[0], rs[0])), f(ew.add(zs[1], rs[1]))
            kept = h if drops is None else ew.multiply(h, drops[2])
            units = ins["u"].shape[0]  # type: ignore[index]
            last = matmul(ew.multiply(reset, kept), ins["u"][:, 2 * units :])  # type: ignore[operator]
            candidate = act(ew.add(zs[2], last))
        return [ew.add(ew.multiply(update, h), ew.multiply(ew.subtract(1, update), candidate))]


class GRUStepsGrad(StepsGrad):
    """Gradient of `GRUSteps`, from the last step to the first; the kernel's in one product over all steps."""

    name = "gru_steps_grad"
    results = ("z", "u", "h0", "rbias")
    reset_after: bool

    def work(self, ins: Mapping[str, Spec]) -> dict[str, Spec]:
        units = sizes(ins)[2]
        dtype = ins["u"].dtype
        found = {
            **common_scratch(ins),
            "z": ins["gates"],
            "states": Spec((5, *ins["h0"].shape), dtype),  # type: ignore[misc]
            "du": ins["u"],
        }
        if self.reset_after:
            found["recurrent"] = ins["gates"]
        else:
            found["pairs"] = Spec((2, units, 2 * units), dtype)
            found["last"] = Spec((units, units), dtype)
        if not self.reset_after or "drops" in ins:
            found["all"] = ins["ys"]
        return found

    def bind(self, b: Binding) -> Sequence[Thunk]:
        a = Arrays(self, b)
        c, work, ins, outs = a.calls, a.work, a.ins, a.outs
        gates, ys = ins["gates"], ins["ys"]
        dz = work["z"] if outs["z"] is None else outs["z"]
        dh, kept, seen_work = work["states"][:3]
        c.assign(ins["dh"], dh) if "dh" in ins else c.call(dh.fill, 0)
        product = _Products(c, a, self.reset_after)
        for t in reversed(range(len(gates))):
            if "dys" in ins:
                c.add(dh, ins["dys"][t], dh)
            if a.mask is not None:
                c.assign(dh, kept)
            seen = product.state(ys[t - 1] if t else a.h0, seen_work)
            self._step(a, product, gates[t], t, seen, dh, dz[t])
            if product.whole is not None:
                c.mul(dh, product.whole, dh)
            c.hold(kept, a.rest_at(t), dh)
        if outs["h0"] is not None:
            c.assign(dh, outs["h0"])
        if outs.get("rbias") is not None:
            c.call(c.xp.sum, work["recurrent"], axis=(0, 1), out=outs["rbias"])
        if outs["u"] is not None:
            if len(gates):
                self._kernel_gradient(a, product, dz)
            else:
                c.call(outs["u"].fill, 0)
        return c

    def _step(self, a: Arrays, product: _Products, gate: Any, t: int, h: Any, dh: Any, dz: Any) -> None:
        """dz of one step from dh, which becomes that of the state before."""
        c, work, units = a.calls, a.work, h.shape[1]
        s, w = work["states"][3:]
        update, reset, candidate = columns(gate, 3)
        d_update, d_reset, d_candidate = columns(dz, 3)
        size = 2 * h.size
        slopes = work["row"].reshape(-1)[:size].reshape(len(h), -1)
        spare = work["work"].reshape(-1)[:size].reshape(len(h), -1)
        c.sub(c.number(1), update, s)
        c.mul(s, dh, s)
        c.slope(self.activation, candidate, w, spare.reshape(-1)[: h.size].reshape(h.shape))
        c.mul(s, w, d_candidate)
        c.slope(self.recurrent_activation, gate[:, : 2 * units], slopes, spare)
        c.sub(h, candidate, w)
        c.mul(w, dh, w)
        c.mul(w, slopes[:, :units], d_update)
        if self.reset_after:
            c.mul(d_candidate, a.ins["hus"][t], w)
            c.mul(w, slopes[:, units:], d_reset)
            c.hold(c.number(0), a.rest_at(t), dz)
            recurrent = work["recurrent"][t]
            c.assign(dz[:, : 2 * units], recurrent[:, : 2 * units])
            c.mul(d_candidate, reset, recurrent[:, 2 * units :])
            product.all.backward(recurrent, w)
        else:
            product.last.backward(d_candidate, w)
            c.mul(w, h, s)
            c.mul(s, slopes[:, units:], d_reset)
            c.hold(c.number(0), a.rest_at(t), dz)
            c.mul(w, reset, s)
            product.gates.backward(dz[:, : 2 * units], w)
            c.add(w, s, w)
        c.mul(dh, update, dh)
        c.add(dh, w, dh)

    def _kernel_gradient(self, a: Arrays, product: _Products, dz: Any) -> None:
        c, ins, work, du = a.calls, a.ins, a.work, a.outs["u"]
        units = len(du)
        drops = ins.get("drops")
        if self.reset_after:
            Product(c, a.u, drops, work.get("drops")).kernel_gradient(
                a.h0, ins["ys"], work["recurrent"], du, work["du"], work.get("all")
            )
            return
        pair, last = work["pairs"][0], work["last"]
        pair_drops = drops if drops is None or len(drops) == 1 else drops[:2]
        pair_work = None if drops is None else work["drops"][:, :2]
        Product(c, a.u[:, : 2 * units], pair_drops, pair_work).kernel_gradient(
            a.h0, ins["ys"], dz[:, :, : 2 * units], pair, work["pairs"][1], work.get("all")
        )
        c.assign(pair, du[:, : 2 * units])
        rows, resets = work["all"], ins["gates"][:, :, units : 2 * units]
        c.mul(resets[0], a.h0, rows[0])
        if len(rows) > 1:
            c.mul(resets[1:], ins["ys"][:-1], rows[1:])
        if drops is not None:
            c.mul(rows, drops[-1], rows)
        c.dot(rows.reshape(-1, units).T, dz.reshape(-1, 3 * units)[:, 2 * units :], last)
        c.assign(last, du[:, 2 * units :])


GRUSteps.backward = GRUStepsGrad
