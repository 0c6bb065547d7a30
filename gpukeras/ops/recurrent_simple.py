"""The fused fully connected recurrence: all steps in one operation, with its gradient derived by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..graph.op import Binding, Spec, Thunk
from ..graph.tensor import Tensor
from . import elementwise as ew
from .recurrent_base import FUNCTIONS, Arrays, Steps, StepsGrad, common_scratch, products, sizes
from .recurrent_parts import Product


class SimpleRNNSteps(Steps):
    """h = act(z + h u)."""

    name = "simple_rnn_steps"
    results = ("ys", "link", "h")
    saved = ("ys",)

    def work(self, ins: Mapping[str, Spec]) -> dict[str, Spec]:
        samples, units = sizes(ins)[1:3]
        return {**common_scratch(ins), "states": Spec((2, samples, units), ins["u"].dtype)}

    def bind(self, b: Binding) -> Sequence[Thunk]:
        a = Arrays(self, b)
        c, work, outs = a.calls, a.work, a.outs
        z, bias, h = a.ins["z"], a.ins.get("bias"), a.h0
        product = Product(c, a.u, a.ins.get("drops"), work.get("drops"))
        for t in range(len(z)):
            y = work["states"][t % 2] if outs["ys"] is None else outs["ys"][t]
            product.forward(h, work["row"])
            c.add(z[t], work["row"], y)
            if bias is not None:
                c.add(y, bias, y)
            c.activate(self.activation, y, y, work["work"])
            c.hold(h, a.rest_at(t), y)
            h = y
        if outs["h"] is not None:
            c.assign(h, outs["h"])
        return c

    def step(self, z: Tensor, states: Sequence[Tensor], ins: Mapping[str, Tensor]) -> list[Tensor]:
        return [FUNCTIONS[self.activation](ew.add(z, products(states[0], ins, 1)[0]))]


class SimpleRNNStepsGrad(StepsGrad):
    """Gradient of `SimpleRNNSteps`, from the last step to the first."""

    name = "simple_rnn_steps_grad"
    results = ("z", "u", "h0")

    def work(self, ins: Mapping[str, Spec]) -> dict[str, Spec]:
        found = {
            **common_scratch(ins),
            "z": ins["ys"],
            "du": ins["u"],
            "states": Spec((2, *ins["h0"].shape), ins["u"].dtype),  # type: ignore[misc]
        }
        if "drops" in ins:
            found["all"] = ins["ys"]
        return found

    def bind(self, b: Binding) -> Sequence[Thunk]:
        a = Arrays(self, b)
        c, work, ins, outs = a.calls, a.work, a.ins, a.outs
        ys = ins["ys"]
        dz = work["z"] if outs["z"] is None else outs["z"]
        dh, kept = work["states"]
        c.assign(ins["dh"], dh) if "dh" in ins else c.call(dh.fill, 0)
        product = Product(c, a.u, ins.get("drops"), work.get("drops"))
        for t in reversed(range(len(ys))):
            if "dys" in ins:
                c.add(dh, ins["dys"][t], dh)
            if a.mask is not None:
                c.assign(dh, kept)
            c.slope(self.activation, ys[t], dz[t], work["work"])
            c.mul(dz[t], dh, dz[t])
            if a.mask is not None:
                c.hold(c.number(0), a.rest_at(t), dz[t])
            product.backward(dz[t], dh)
            c.hold(kept, a.rest_at(t), dh)
        if outs["h0"] is not None:
            c.assign(dh, outs["h0"])
        if outs["u"] is not None:
            if len(ys):
                product.kernel_gradient(a.h0, ys, dz, outs["u"], work["du"], work.get("all"))
            else:
                c.call(outs["u"].fill, 0)
        return c


SimpleRNNSteps.backward = SimpleRNNStepsGrad
