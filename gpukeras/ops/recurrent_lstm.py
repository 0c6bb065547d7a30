"""The fused LSTM: all steps in one operation, with its gradient derived by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..graph.op import Binding, Spec, Thunk
from ..graph.tensor import Tensor
from . import elementwise as ew
from .recurrent_base import FUNCTIONS, Arrays, Steps, StepsGrad, as_contiguous, common_scratch, products, sizes, split
from .recurrent_parts import Product, columns


class LSTMSteps(Steps):
    """h = o act(c), c = f c + i act(z_c), with the gates i, f, o = f(z + h u) in the order i, f, c, o.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997.
    """

    name = "lstm_steps"
    gates = 4
    results = ("gates", "link", "ys", "h", "c", "cs", "tcs")
    saved = ("gates", "ys", "cs", "tcs")

    def work(self, ins: Mapping[str, Spec]) -> dict[str, Spec]:
        samples, units = sizes(ins)[1:3]
        return {
            **common_scratch(ins),
            "c0": ins["c0"],
            "gate": Spec(ins["z"].shape[1:], ins["z"].dtype),  # type: ignore[index]
            "states": Spec((4, samples, units), ins["u"].dtype),
            "tc": Spec((samples, units), ins["u"].dtype),
        }

    def bind(self, b: Binding) -> Sequence[Thunk]:
        a = Arrays(self, b)
        c, work, outs = a.calls, a.work, a.outs
        z, bias = a.ins["z"], a.ins.get("bias")
        h, state = a.h0, as_contiguous(c, a.ins["c0"], work["c0"])
        product = Product(c, a.u, a.ins.get("drops"), work.get("drops"))
        units, spare = h.shape[1], work["work"].reshape(-1)
        wide, narrow = spare[: 2 * h.size].reshape(len(h), -1), spare[: h.size].reshape(len(h), -1)
        for t in range(len(z)):
            gate = work["gate"] if outs["gates"] is None else outs["gates"][t]
            product.forward(h, work["row"])
            c.add(z[t], work["row"], gate)
            if bias is not None:
                c.add(gate, bias, gate)
            i, f, g, o = columns(gate, 4)
            c.activate(self.recurrent_activation, gate[:, : 2 * units], gate[:, : 2 * units], wide)
            c.activate(self.activation, g, g, narrow)
            c.activate(self.recurrent_activation, o, o, narrow)
            new = work["states"][t % 2] if outs["cs"] is None else outs["cs"][t]
            c.mul(f, state, new)
            c.mul(i, g, narrow)
            c.add(new, narrow, new)
            tc = work["tc"] if outs["tcs"] is None else outs["tcs"][t]
            c.activate(self.activation, new, tc, narrow)
            y = work["states"][2 + t % 2] if outs["ys"] is None else outs["ys"][t]
            c.mul(o, tc, y)
            c.hold(h, a.rest_at(t), y)
            c.hold(state, a.rest_at(t), new)
            h, state = y, new
        for name, last in (("h", h), ("c", state)):
            if outs[name] is not None:
                c.assign(last, outs[name])
        return c

    def step(self, z: Tensor, states: Sequence[Tensor], ins: Mapping[str, Tensor]) -> list[Tensor]:
        h, c = states
        f, act = FUNCTIONS[self.recurrent_activation], FUNCTIONS[self.activation]
        zi, zf, zg, zo = (ew.add(x, y) for x, y in zip(split(z, 4), products(h, ins, 4), strict=True))
        c = ew.add(ew.multiply(f(zf), c), ew.multiply(f(zi), act(zg)))
        return [ew.multiply(f(zo), act(c)), c]


class LSTMStepsGrad(StepsGrad):
    """Gradient of `LSTMSteps`, from the last step to the first; the kernel's in one product over all steps."""

    name = "lstm_steps_grad"
    results = ("z", "u", "h0", "c0")

    def work(self, ins: Mapping[str, Spec]) -> dict[str, Spec]:
        samples, units = sizes(ins)[1:3]
        found = {
            **common_scratch(ins),
            "c0": ins["c0"],
            "z": ins["gates"],
            "du": ins["u"],
            "states": Spec((6, samples, units), ins["u"].dtype),
        }
        if "drops" in ins:
            found["all"] = ins["ys"]
        return found

    def bind(self, b: Binding) -> Sequence[Thunk]:
        a = Arrays(self, b)
        c, work, ins, outs = a.calls, a.work, a.ins, a.outs
        gates, cs = ins["gates"], ins["cs"]
        c0 = as_contiguous(c, ins["c0"], work["c0"])
        dz = work["z"] if outs["z"] is None else outs["z"]
        dh, dc, kept_h, kept_c = work["states"][:4]
        for d, name in ((dh, "dh"), (dc, "dc")):
            c.assign(ins[name], d) if name in ins else c.call(d.fill, 0)
        product = Product(c, a.u, ins.get("drops"), work.get("drops"))
        for t in reversed(range(len(gates))):
            if "dys" in ins:
                c.add(dh, ins["dys"][t], dh)
            if a.mask is not None:
                c.assign(dh, kept_h)
                c.assign(dc, kept_c)
            self._step(a, t, cs[t - 1] if t else c0, dh, dc, dz[t])
            if a.mask is not None:
                c.hold(c.number(0), a.rest_at(t), dz[t])
            product.backward(dz[t], dh)
            c.hold(kept_h, a.rest_at(t), dh)
            c.hold(kept_c, a.rest_at(t), dc)
        for name, d in (("h0", dh), ("c0", dc)):
            if outs[name] is not None:
                c.assign(d, outs[name])
        if outs["u"] is not None:
            if len(gates):
                product.kernel_gradient(a.h0, ins["ys"], dz, outs["u"], work["du"], work.get("all"))
            else:
                c.call(outs["u"].fill, 0)
        return c

    def _step(self, a: Arrays, t: int, before: Any, dh: Any, dc: Any, dz: Any) -> None:
        """dz of one step from dh and dc; dc becomes that of the state before."""
        c, work, units = a.calls, a.work, dh.shape[1]
        gate, tc = a.ins["gates"][t], a.ins["tcs"][t]
        s, w = work["states"][4:]
        i, f, g, o = columns(gate, 4)
        di, df, dg, do = columns(dz, 4)
        c.slope(self.activation, tc, s, w)
        c.mul(s, o, s)
        c.mul(s, dh, s)
        c.add(dc, s, dc)
        both = work["row"].reshape(-1)[: 2 * dh.size].reshape(-1, 2 * units)
        spare = work["work"].reshape(-1)[: 2 * dh.size].reshape(-1, 2 * units)
        c.slope(self.recurrent_activation, gate[:, : 2 * units], both, spare)
        c.mul(dc, g, di)
        c.mul(dc, before, df)
        c.mul(dz[:, : 2 * units], both, dz[:, : 2 * units])
        c.slope(self.activation, g, s, w)
        c.mul(s, i, s)
        c.mul(s, dc, dg)
        c.slope(self.recurrent_activation, o, s, w)
        c.mul(s, tc, s)
        c.mul(s, dh, do)
        c.mul(dc, f, dc)


LSTMSteps.backward = LSTMStepsGrad
