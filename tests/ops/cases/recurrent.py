"""Cases for the fused recurrences; the oracles are plain loops over steps and gates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from tests.ops.harness import Case, exactly, normal, uniform

N, T, C, U = 2, 4, 3, 2

_ACT: dict[str, Any] = {
    "linear": lambda x: x,
    "relu": lambda x: np.where(x > 0, x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "elu": lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(np.minimum(x, 0)) - 1)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "exponential": np.exp,
}

MASK = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], bool)


def _loop(step: Any, x: np.ndarray, states: list[np.ndarray], mask: Any, backwards: bool) -> list[np.ndarray]:
    ys, states = [], [s.copy() for s in states]
    order = range(x.shape[1])
    for t in reversed(order) if backwards else order:
        new = step(x[:, t], states)
        for n in range(len(x)):
            if mask is None or mask[n, t]:
                for s, v in zip(states, new):
                    s[n] = v[n]
        ys.append(states[0].copy())
    return [np.stack(ys, 1), *states]


def _gate(x: np.ndarray, w: np.ndarray, g: int, drops: Any) -> np.ndarray:
    units = U
    part = w[:, g * units : (g + 1) * units]
    return (x if drops is None else x * drops[g if len(drops) > 1 else 0]) @ part


def _lstm(act: str, rec: str, backwards: bool = False, mask: Any = None) -> Any:
    def oracle(x: Any, w: Any, u: Any, b: Any, h0: Any, c0: Any, dx: Any = None, du: Any = None) -> list[np.ndarray]:
        def step(xt: np.ndarray, states: list[np.ndarray]) -> list[np.ndarray]:
            h, c = states
            z = [_gate(xt, w, g, dx) + _gate(h, u, g, du) + b[g * U : (g + 1) * U] for g in range(4)]
            c = _ACT[rec](z[1]) * c + _ACT[rec](z[0]) * _ACT[act](z[2])
            return [_ACT[rec](z[3]) * _ACT[act](c), c]

        return _loop(step, x, [h0, c0], mask, backwards)

    return oracle


def _gru(act: str, rec: str, after: bool, backwards: bool = False, mask: Any = None) -> Any:
    def oracle(x: Any, w: Any, u: Any, b: Any, h0: Any, dx: Any = None, du: Any = None) -> list[np.ndarray]:
        bx, bh = b if after else (b, np.zeros(3 * U))

        def step(xt: np.ndarray, states: list[np.ndarray]) -> list[np.ndarray]:
            h, drops = states[0], du
            if du is not None and len(du) == 1:
                h, drops = h * du[0], None
            z = [_gate(xt, w, g, dx) + bx[g * U : (g + 1) * U] for g in range(3)]
            v = [_gate(h, u, g, drops) + bh[g * U : (g + 1) * U] for g in range(3)]
            update, reset = _ACT[rec](z[0] + v[0]), _ACT[rec](z[1] + v[1])
            last = reset * v[2] if after else _gate(reset * h, u, 2, drops)
            return [update * h + (1 - update) * _ACT[act](z[2] + last)]

        return _loop(step, x, [h0], mask, backwards)

    return oracle


def _simple(act: str, backwards: bool = False, mask: Any = None) -> Any:
    def oracle(x: Any, w: Any, u: Any, b: Any, h0: Any, dx: Any = None, du: Any = None) -> list[np.ndarray]:
        def step(xt: np.ndarray, states: list[np.ndarray]) -> list[np.ndarray]:
            return [_ACT[act](_gate(xt, w, 0, dx) + _gate(states[0], u, 0, du) + b)]

        return _loop(step, x, [h0], mask, backwards)

    return oracle


def _inputs(gates: int, states: int, bias: tuple[int, ...] | None = None, scale: float = 0.5) -> list[Any]:
    shapes = [(N, T, C), (C, gates * U), (U, gates * U), bias or (gates * U,), *[(N, U)] * states]
    return [normal(*s, scale=scale) for s in shapes]


_DROPS = {"per gate": (True, True), "shared": (False, False)}


def _lstm_case(act: str, rec: str, backwards: bool = False, masked: bool = False, **fields: Any) -> Case:
    mask = MASK if masked else None

    def call(*t: Any) -> Any:
        return ops.lstm_sequence(*t[:6], act, rec, mask, None, None, backwards)

    label = f"lstm {act}/{rec}{' backwards' * backwards}{' masked' * masked}"
    return Case(label, call, _inputs(4, 2), _lstm(act, rec, backwards, mask), **fields)


def _gru_case(act: str, rec: str, after: bool, backwards: bool = False, masked: bool = False, **fields: Any) -> Case:
    mask = MASK if masked else None

    def call(*t: Any) -> Any:
        return ops.gru_sequence(*t[:5], act, rec, after, mask, None, None, backwards)

    label = f"gru {act}/{rec} after={after}{' backwards' * backwards}{' masked' * masked}"
    ins = _inputs(3, 1, (2, 3 * U) if after else None)
    return Case(label, call, ins, _gru(act, rec, after, backwards, mask), **fields)


def _simple_case(act: str, backwards: bool = False, masked: bool = False, **fields: Any) -> Case:
    mask = MASK if masked else None

    def call(*t: Any) -> Any:
        return ops.simple_rnn_sequence(*t[:5], act, mask, None, None, backwards)

    label = f"simple_rnn {act}{' backwards' * backwards}{' masked' * masked}"
    # exponentials of exponentials soon overflow
    ins = _inputs(1, 1, scale=0.1 if act == "exponential" else 0.5)
    return Case(label, call, ins, _simple(act, backwards, mask), **fields)


def _dropped(case: Case, gates: int, states: int, function: Any, oracle: Any, shared: bool, masked: bool) -> Case:
    """The case with dropout factors for inputs and state, which are not differentiated."""
    first = 4 + states
    count = 1 if shared else gates
    mask = MASK if masked else None
    drops = [uniform(count, N, n, lo=0.5, hi=1.5) for n in (C, U)]
    return replace(
        case,
        label=f"{case.label}, dropout {'shared' if shared else 'per gate'}{' masked' * masked}",
        call=lambda *t: function(*t[:first], mask, t[first], t[first + 1]),
        inputs=[*case.inputs, *drops],
        oracle=oracle(mask),
        wrt=tuple(range(first)),
        unknown=False,  # the number of masks says how they are meant
    )


def _dropout_cases() -> list[Case]:
    found = []
    for shared in (False, True):
        for masked in (False, True):
            found.append(
                _dropped(
                    _lstm_case("tanh", "sigmoid"), 4, 2,
                    lambda *t: ops.lstm_sequence(*t[:6], "tanh", "sigmoid", *t[6:]),
                    lambda m: _lstm("tanh", "sigmoid", False, m), shared, masked,
                )
            )  # fmt: skip
            for after in (False, True):
                found.append(
                    _dropped(
                        _gru_case("tanh", "sigmoid", after), 3, 1,
                        lambda *t, after=after: ops.gru_sequence(*t[:5], "tanh", "sigmoid", after, *t[5:]),
                        lambda m, after=after: _gru("tanh", "sigmoid", after, False, m), shared, masked,
                    )
                )  # fmt: skip
        found.append(
            _dropped(
                _simple_case("tanh"), 1, 1, lambda *t: ops.simple_rnn_sequence(*t[:5], "tanh", *t[5:]),
                lambda m: _simple("tanh", False, m), True, shared,
            )
        )  # fmt: skip
    return found


def _kernel_gradient(case: Case) -> Case:
    """The gradient of the sum of all outputs with respect to the recurrent kernel, against differences of the loop."""

    def call(*t: Any) -> Any:
        return gradients([ops.sum(y) for y in case.call(*t)], [t[2]])[0]

    def oracle(*arrays: np.ndarray) -> np.ndarray:
        out = np.empty(arrays[2].shape)
        for index in np.ndindex(*out.shape):
            sides = []
            for step in (1e-5, -1e-5):
                u = arrays[2].copy()
                u[index] += step
                sides.append(sum(v.sum() for v in case.expected([*arrays[:2], u, *arrays[3:]])))
            out[index] = (sides[0] - sides[1]) / 2e-5
        return out

    return replace(
        case, label=f"{case.label}, gradient", call=call, oracle=oracle, dtypes=("float64",), wrt=(),
        tol={"float64": (1e-7, 1e-8)}, why="the oracle is a difference quotient",
    )  # fmt: skip


def _library_case(cell: str, backwards: bool = False, **fields: Any) -> Case:
    gates, states = (4, 2) if cell == "lstm" else (3, 1)

    def call(*t: Any) -> Any:
        ys, rest = ops.library_rnn(cell, *t[:4], t[4:], backwards)
        return [ys, *rest]

    def oracle(x: Any, w: Any, u: Any, b: Any, *rest: Any) -> list[np.ndarray]:
        both = b.reshape(2, -1)
        if cell == "lstm":
            return _lstm("tanh", "sigmoid", backwards)(x, w, u, both[0] + both[1], *rest)
        return _gru("tanh", "sigmoid", True, backwards)(x, w, u, both, *rest)

    ins = _inputs(gates, states, (2 * gates * U,))
    return Case(f"library {cell}{' backwards' * backwards}", call, ins, oracle, **fields)


_SECOND: dict[str, Any] = {"second": True, "unknown": False, "dtypes": ("float64",)}
_SMALL = {"float16": (1e-2, 4e-3)}

_RECURRENT = ("sigmoid", "hard_sigmoid", "linear", "relu", "softsign")

CASES = [
    *[_lstm_case(a, "hard_sigmoid") for a in _ACT],
    *[_lstm_case("tanh", r) for r in _ACT if r != "hard_sigmoid"],
    *[_gru_case(a, "hard_sigmoid", after) for a in _ACT for after in (False, True)],
    *[_gru_case("tanh", r, r in _RECURRENT) for r in _ACT if r != "hard_sigmoid"],
    *[_simple_case(a) for a in _ACT],
    *[_lstm_case("tanh", "hard_sigmoid", b, m) for b, m in ((True, False), (False, True), (True, True))],
    *[
        _gru_case("tanh", "hard_sigmoid", a, b, m)
        for a in (False, True)
        for b, m in ((True, False), (False, True), (True, True))
    ],
    *[_simple_case("tanh", b, m) for b, m in ((True, False), (False, True), (True, True))],
    *_dropout_cases(),
    # second derivatives go through the loop that the recurrence is written out as
    replace(_lstm_case("tanh", "sigmoid", False, True), label="lstm second", **_SECOND),
    replace(_gru_case("tanh", "sigmoid", False, True, True), label="gru second", **_SECOND),
    replace(_gru_case("softplus", "sigmoid", True), label="gru after second", **_SECOND),
    replace(_simple_case("tanh", False, True), label="simple_rnn second", **_SECOND),
    *[_library_case(cell, backwards) for cell in ("lstm", "gru") for backwards in (False, True)],
    *[replace(_library_case(cell), label=f"library {cell} second", **_SECOND) for cell in ("lstm", "gru")],
    _kernel_gradient(_lstm_case("tanh", "sigmoid", True, True)),
    _kernel_gradient(_gru_case("tanh", "sigmoid", True, False, True)),
    _kernel_gradient(_simple_case("tanh", True, True)),
    *[_kernel_gradient(_library_case(cell, True)) for cell in ("lstm", "gru")],
    replace(
        _lstm_case("tanh", "sigmoid"), label="lstm half", dtypes=("float16",), wrt=(), tol=_SMALL,
        why="inputs rounded to float16 pass through sums of three or two terms each at four steps",
    ),
    Case(
        "lstm without bias, last state only",
        lambda x, w, u, h0, c0: ops.lstm_sequence(x, w, u, None, h0, c0, "tanh", "sigmoid")[1],
        [normal(N, T, C), normal(C, 4 * U, scale=0.5), normal(U, 4 * U, scale=0.5), normal(N, U), normal(N, U)],
        lambda x, w, u, h0, c0: _lstm("tanh", "sigmoid")(x, w, u, np.zeros(4 * U), h0, c0)[1],
    ),
    Case(
        "gru one step, cell state unused",
        lambda x, w, u, h0: ops.gru_sequence(x, w, u, None, h0, "tanh", "sigmoid")[0],
        [normal(N, 1, C), normal(C, 3 * U, scale=0.5), normal(U, 3 * U, scale=0.5), normal(N, U)],
        lambda x, w, u, h0: _gru("tanh", "sigmoid", False)(x, w, u, np.zeros(3 * U), h0)[0],
    ),
    Case(
        "simple_rnn whose mask is numbers",
        lambda x, w, u, b, h0, m: ops.simple_rnn_sequence(x, w, u, b, h0, "tanh", m)[0],
        [*_inputs(1, 1), exactly(MASK, "int32")],
        lambda x, w, u, b, h0, m: _simple("tanh", False, m)(x, w, u, b, h0)[0],
    ),
]  # fmt: skip
