"""What the kernels of the fused recurrent layers are made of: activations, products with the state, masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..graph.op import Thunk

#: Activations the fused kernels know: those whose slope follows from the value alone.
ACTIVATIONS = (
    "linear", "relu", "tanh", "sigmoid", "hard_sigmoid", "elu", "selu", "softplus", "softsign", "exponential",
)  # fmt: skip

_ALPHA = 1.6732632423543772848170429916717
_SCALE = 1.0507009873554804934193349852946


class Calls(list[Thunk]):
    """Calls in the order they are to be made; every method appends one that writes to its last array.

    Arguments:
        xp: array module.
        dtype: element type of the numbers that meet the arrays.
    """

    def __init__(self, xp: Any, dtype: Any) -> None:
        super().__init__()
        self.xp = xp
        self.dtype = dtype
        self._numbers: dict[float, Any] = {}
        self._rows: dict[tuple[float, int], Any] = {}

    def number(self, value: float) -> Any:
        """A number in the form ufuncs take up fastest."""
        if self.xp is not np:
            return value
        if value not in self._numbers:
            self._numbers[value] = np.asarray(value, self.dtype)
        return self._numbers[value]

    def level(self, value: float, like: Any) -> Any:
        """A row of one number: NumPy vectorises maximum and minimum only between arrays."""
        if self.xp is not np:
            return value
        key = (value, like.shape[-1])
        if key not in self._rows:
            self._rows[key] = np.full(key[1], value, self.dtype)
        return self._rows[key]

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Any call."""
        self.append(partial(function, *args, **kwargs))

    def add(self, x: Any, y: Any, out: Any) -> None:
        """out = x + y."""
        self.append(partial(self.xp.add, x, y, out))

    def sub(self, x: Any, y: Any, out: Any) -> None:
        """out = x - y."""
        self.append(partial(self.xp.subtract, x, y, out))

    def mul(self, x: Any, y: Any, out: Any) -> None:
        """out = x * y."""
        self.append(partial(self.xp.multiply, x, y, out))

    def maximum(self, x: Any, value: float, out: Any) -> None:
        """out = max(x, value)."""
        self.append(partial(self.xp.maximum, x, self.level(value, x), out=out))

    def minimum(self, x: Any, value: float, out: Any) -> None:
        """out = min(x, value)."""
        self.append(partial(self.xp.minimum, x, self.level(value, x), out=out))

    def dot(self, x: Any, w: Any, out: Any) -> None:
        """Product of two matrices."""
        self.append(partial(self.xp.dot, x, w, out) if x.shape[-1] else partial(out.fill, 0))

    def assign(self, x: Any, out: Any) -> None:
        """out = x."""
        self.append(partial(self.xp.copyto, out, x))

    def hold(self, old: Any, rest: Any, out: Any) -> None:
        """Put `old` back into the rows of `out` where the step is masked."""
        if rest is not None:
            self.append(partial(self.xp.copyto, out, old, where=rest))

    # -- activations ----------------------------------------------------------------------------

    def activate(self, name: str, x: Any, out: Any, work: Any) -> None:
        """out = activation(x); `out` may be `x`, `work` is of their shape."""
        _FORWARD[name](self, x, out, work)

    def slope(self, name: str, y: Any, out: Any, work: Any) -> None:
        """out = slope of the activation where its value is `y`."""
        _SLOPE[name](self, y, out, work)


def _linear(c: Calls, x: Any, out: Any, work: Any) -> None:
    if out is not x:
        c.assign(x, out)


def _sigmoid(c: Calls, x: Any, out: Any, work: Any) -> None:
    c.call(c.xp.negative, x, out)
    c.call(c.xp.exp, out, out)
    c.add(out, c.number(1), out)
    c.call(c.xp.reciprocal, out, out)


def _hard_sigmoid(c: Calls, x: Any, out: Any, work: Any) -> None:
    c.mul(x, c.number(0.2), out)
    c.add(out, c.number(0.5), out)
    c.minimum(out, 1, out)
    c.maximum(out, 0, out)


def _elu(c: Calls, x: Any, out: Any, work: Any) -> None:
    c.minimum(x, 0, work)
    c.call(c.xp.expm1, work, work)
    c.maximum(x, 0, out)
    c.add(out, work, out)


def _selu(c: Calls, x: Any, out: Any, work: Any) -> None:
    c.minimum(x, 0, work)
    c.call(c.xp.expm1, work, work)
    c.mul(work, c.number(_ALPHA), work)
    c.maximum(x, 0, out)
    c.add(out, work, out)
    c.mul(out, c.number(_SCALE), out)


def _softplus(c: Calls, x: Any, out: Any, work: Any) -> None:
    c.call(c.xp.absolute, x, work)
    c.call(c.xp.negative, work, work)
    c.call(c.xp.exp, work, work)
    c.call(c.xp.log1p, work, work)
    c.maximum(x, 0, out)
    c.add(out, work, out)


def _softsign(c: Calls, x: Any, out: Any, work: Any) -> None:
    c.call(c.xp.absolute, x, work)
    c.add(work, c.number(1), work)
    c.call(c.xp.divide, x, work, out)


_FORWARD: dict[str, Callable[[Calls, Any, Any, Any], None]] = {
    "linear": _linear,
    "relu": lambda c, x, out, work: c.maximum(x, 0, out),
    "tanh": lambda c, x, out, work: c.call(c.xp.tanh, x, out),
    "sigmoid": _sigmoid,
    "hard_sigmoid": _hard_sigmoid,
    "elu": _elu,
    "selu": _selu,
    "softplus": _softplus,
    "softsign": _softsign,
    "exponential": lambda c, x, out, work: c.call(c.xp.exp, x, out),
}


def _tanh_slope(c: Calls, y: Any, out: Any, work: Any) -> None:
    c.mul(y, y, out)
    c.sub(c.number(1), out, out)


def _sigmoid_slope(c: Calls, y: Any, out: Any, work: Any) -> None:
    c.sub(c.number(1), y, out)
    c.mul(out, y, out)


def _hard_sigmoid_slope(c: Calls, y: Any, out: Any, work: Any) -> None:
    _sigmoid_slope(c, y, out, work)  # not 0 exactly where the value is neither 0 nor 1
    c.call(c.xp.sign, out, out)
    c.mul(out, c.number(0.2), out)


def _elu_slope(c: Calls, y: Any, out: Any, work: Any) -> None:
    c.minimum(y, 0, out)
    c.add(out, c.number(1), out)


def _selu_slope(c: Calls, y: Any, out: Any, work: Any) -> None:
    c.maximum(y, 0, work)
    c.call(c.xp.sign, work, work)
    c.mul(work, c.number(_SCALE - _SCALE * _ALPHA), work)
    c.minimum(y, 0, out)
    c.add(out, c.number(_SCALE * _ALPHA), out)
    c.add(out, work, out)


def _softplus_slope(c: Calls, y: Any, out: Any, work: Any) -> None:
    c.call(c.xp.negative, y, out)
    c.call(c.xp.expm1, out, out)
    c.call(c.xp.negative, out, out)


def _softsign_slope(c: Calls, y: Any, out: Any, work: Any) -> None:
    c.call(c.xp.absolute, y, out)
    c.sub(c.number(1), out, out)
    c.mul(out, out, out)


_SLOPE: dict[str, Callable[[Calls, Any, Any, Any], None]] = {
    "linear": lambda c, y, out, work: c.call(out.fill, 1),
    "relu": lambda c, y, out, work: c.call(c.xp.sign, y, out),
    "tanh": _tanh_slope,
    "sigmoid": _sigmoid_slope,
    "hard_sigmoid": _hard_sigmoid_slope,
    "elu": _elu_slope,
    "selu": _selu_slope,
    "softplus": _softplus_slope,
    "softsign": _softsign_slope,
    "exponential": lambda c, y, out, work: c.assign(y, out),
}


class Product:
    """The product of the state with a recurrent kernel, and its gradients.

    Dropout masks of the state are (1, N, U), the same for every gate, or one per gate, (G, N, U).

    Arguments:
        calls: where the calls go.
        kernel: array (U, G * U).
        drops: masks or None.
        work: array (2, G, N, U), needed with masks.
    """

    def __init__(self, calls: Calls, kernel: Any, drops: Any, work: Any) -> None:
        self.calls = calls
        self.kernel = kernel
        self.drops = drops
        self.units = kernel.shape[0]
        self.gates = kernel.shape[1] // self.units
        self.per_gate = drops is not None and drops.shape[0] > 1
        if drops is not None:
            self.masked, self.parts = work[0], work[1]
        if self.per_gate:
            self.kernels = kernel.reshape(self.units, self.gates, self.units).transpose(1, 0, 2)

    def forward(self, h: Any, out: Any) -> None:
        """out (N, G * U) = product of the state h (N, U)."""
        c = self.calls
        if self.drops is None:
            c.dot(h, self.kernel, out)
        elif not self.per_gate:
            c.mul(h, self.drops[0], self.masked[0])
            c.dot(self.masked[0], self.kernel, out)
        else:
            c.mul(h, self.drops, self.masked)
            c.call(c.xp.matmul, self.masked, self.kernels, out=self.parts)
            c.assign(self.parts, _gates_first(out, self.gates))

    def backward(self, dz: Any, dh: Any) -> None:
        """dh (N, U) from the gradient dz (N, G * U) of the product."""
        c = self.calls
        if not self.per_gate:
            c.dot(dz, self.kernel.T, dh)
            if self.drops is not None:
                c.mul(dh, self.drops[0], dh)
            return
        c.assign(_gates_first(dz, self.gates), self.parts)
        c.call(c.xp.matmul, self.parts, self.kernels.transpose(0, 2, 1), out=self.masked)
        c.mul(self.masked, self.drops, self.masked)
        c.add(self.masked[0], self.masked[1], dh)
        for part in self.masked[2:]:
            c.add(dh, part, dh)

    def kernel_gradient(self, h0: Any, ys: Any, dz: Any, du: Any, work: Any, states: Any) -> None:
        """du (U, G * U) over all steps at once.

        Arguments:
            h0: state before the first step (N, U).
            ys: states after each step (T, N, U).
            dz: gradients of the products (T, N, G * U), contiguous.
            du: output.
            work: array like `du`.
            states: array (T, N, U), needed with masks.
        """
        if self.drops is None:
            kernel_gradient(self.calls, h0, ys, dz, du, work)
            return
        steps, units, c = dz.shape[0], self.units, self.calls
        rows = states.reshape(-1, units)
        flat = dz.reshape(-1, dz.shape[-1])
        for g in range(len(self.drops)):
            c.mul(h0, self.drops[g], states[0])
            if steps > 1:
                c.mul(ys[:-1], self.drops[g], states[1:])
            if not self.per_gate:
                c.dot(rows.T, flat, du)
                return
            part = work.reshape(-1)[: units * units].reshape(units, units)
            columns = slice(g * units, (g + 1) * units)
            c.dot(rows.T, flat[:, columns], part)
            c.assign(part, du[:, columns])


def kernel_gradient(c: Calls, h0: Any, ys: Any, dz: Any, du: Any, work: Any) -> None:
    """du = sum over the steps of (state before the step) transposed times dz: one product for all but the first."""
    c.dot(h0.T, dz[0], du)
    if len(dz) > 1:
        c.dot(ys[:-1].reshape(-1, ys.shape[-1]).T, dz[1:].reshape(-1, dz.shape[-1]), work)
        c.add(du, work, du)


def _gates_first(z: Any, gates: int) -> Any:
    """(N, G * U) as a view (G, N, U)."""
    return z.reshape(z.shape[0], gates, -1).transpose(1, 0, 2)


def columns(z: Any, gates: int) -> Sequence[Any]:
    """The gates of z (..., G * U) as views (..., U)."""
    units = z.shape[-1] // gates
    return [z[..., i * units : (i + 1) * units] for i in range(gates)]
