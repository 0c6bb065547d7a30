"""What every case of the backend's functions goes through: values against NumPy, shapes, gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpukeras import backend as K

#: (rtol, atol) by float type: some units in the last place, times the length of the sums in the cases.
TOLERANCE = {"float16": (2e-2, 4e-3), "float32": (2e-5, 2e-6), "float64": (1e-10, 1e-11)}


@dataclass(frozen=True)
class Case:
    """A call and what it should give.

    Attributes:
        name: id of the test.
        call: takes tensors, returns a tensor.
        shapes: shapes of the float inputs, drawn uniformly from `low` to `high`.
        oracle: takes float64 arrays, returns what the call should give.
        fixed: arrays put before the drawn ones (integers, masks), fed as they are.
        grad: whether to compare gradients with finite differences.
        half: whether float16 is tried as well.
    """

    name: str
    call: Callable[..., Any]
    shapes: Sequence[tuple[int, ...]]
    oracle: Callable[..., Any]
    low: float = -1.0
    high: float = 1.0
    grad: bool = True
    half: bool = True
    fixed: tuple[np.ndarray, ...] = ()

    def draw(self, dtype: str) -> list[np.ndarray]:
        """The inputs, the same for every type."""
        rng = np.random.RandomState(7)
        return [rng.uniform(self.low, self.high, s).astype(dtype) for s in self.shapes]


def check_values(case: Case, dtype: str) -> None:
    """Variables, arrays and placeholders of unknown lengths all give what the oracle gives."""
    K.set_floatx(dtype)
    drawn = case.draw(dtype)
    want = np.asarray(case.oracle(*case.fixed, *[a.astype("float64") for a in drawn]))
    rtol, atol = TOLERANCE[dtype]
    fixed_k = [K.variable(a, a.dtype) for a in case.fixed]
    from_variables = case.call(*fixed_k, *[K.variable(a) for a in drawn])
    got = np.asarray(K.eval(from_variables))
    assert got.shape == want.shape == K.int_shape(from_variables)
    if want.dtype.kind == "f":
        assert got.dtype == dtype
    else:
        assert got.dtype.kind == want.dtype.kind
    np.testing.assert_allclose(got, want, rtol, atol)
    from_arrays = np.asarray(K.eval(case.call(*case.fixed, *drawn)))
    np.testing.assert_allclose(from_arrays, want, rtol, atol)
    check_unknown_lengths(case, drawn, want, rtol, atol)


def check_unknown_lengths(case: Case, drawn: list[np.ndarray], want: np.ndarray, rtol: float, atol: float) -> None:
    """A graph of placeholders keeps the rank, contradicts nothing, and gives the same values."""
    arrays = [*case.fixed, *drawn]
    for known in (lambda shape: (None, *shape[1:])[: len(shape)], lambda shape: (None,) * len(shape)):
        fed = [K.placeholder(known(a.shape), dtype=a.dtype) for a in arrays]
        out = case.call(*fed)
        static = K.int_shape(out)
        assert len(static) == want.ndim
        assert all(n is None or n == m for n, m in zip(static, want.shape, strict=True))
        np.testing.assert_allclose(K.function(fed, [out])(arrays)[0], want, rtol, atol)


def check_gradients(case: Case) -> None:
    """Gradients in float64 agree with central differences."""
    K.set_floatx("float64")
    drawn = case.draw("float64")
    fixed = [K.variable(a, a.dtype) for a in case.fixed]
    inputs = [K.placeholder(a.shape) for a in drawn]
    out = case.call(*fixed, *inputs)
    weights = np.random.RandomState(3).uniform(0.5, 1.5, K.int_shape(out))
    loss = K.sum(out * weights)
    grads = K.gradients(loss, inputs)
    assert None not in grads
    run = K.function(inputs, [loss])
    got = K.function(inputs, grads)(drawn)
    step = 1e-6
    for i, array in enumerate(drawn):
        assert np.shape(got[i]) == array.shape
        for at in list(np.ndindex(array.shape))[:24]:
            moved = [a.copy() for a in drawn]
            moved[i][at] += step
            up = run(moved)[0]
            moved[i][at] -= 2 * step
            slope = (up - run(moved)[0]) / (2 * step)
            # truncation is step**2, rounding 1e-16 / step: some 1e-9 times the size of the loss
            np.testing.assert_allclose(np.asarray(got[i])[at], slope, 1e-5, 1e-7)
