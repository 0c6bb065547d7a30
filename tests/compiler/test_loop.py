"""Loops that run as long as a condition holds."""

from __future__ import annotations

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.compiler import loop
from gpukeras.compiler.function import Function
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Constant, Placeholder, as_tensor


def _number(value, dtype="float64"):
    return Constant(np.asarray(value, dtype))


def _shapes(initial):
    return [t.shape for t in initial]


def _doubling(states):
    return [states[0] * 2.0], []


def test_open_ended():
    x = Placeholder((), "float64")
    traced = loop.trace(lambda s: ops.less(s[0], 100.0), _doubling, [x], _shapes([x]))
    (y,) = loop.open_ended(traced, [x], True, None)
    f = Function([x], [y])
    assert [f([v])[0] for v in (3.0, 100.0, 99.0)] == [192.0, 100.0, 198.0]
    with pytest.raises(NotImplementedError, match="maximum_iterations"):
        gradients(y, [x])
    (y,) = loop.open_ended(traced, [x], False, 2)
    assert gradients(y, [x]) == [None]
    assert Function([x], [y])([3.0])[0] == 12.0


def test_limited_has_a_gradient():
    x = Placeholder((), "float64")
    (y,) = loop.limited(lambda s: ops.less(s[0], 100.0), _doubling, [x], 20)
    (g,) = gradients(y, [x])
    assert Function([x], [y, g])([3.0]) == [192.0, 64.0]


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("inclusive", [False, True])
def test_counted(step, inclusive):
    x, n = Placeholder((), "float64"), Placeholder((), "int32")
    initial = [_number(1, "int32"), x]

    def condition(s):
        return ops.less_equal(s[0], n) if inclusive else ops.greater(n, s[0])

    def body(s):
        return [s[0] + step, s[1] * s[1]], [(s[0], s[1] + 1.0)]

    traced = loop.trace(condition, body, initial, _shapes(initial))
    counter = loop.find_counter(traced.condition, traced.states, traced.after)
    assert counter is not None and (counter.place, counter.step) == (0, step)
    (count, y), (ys,) = loop.counted(body, counter, initial, None)
    (g,) = gradients(y, [x])
    for limit in (0, 1, 4):
        i, value, rows = 1, 1.1, []
        while i <= limit if inclusive else i < limit:
            rows.append(value + 1)
            i, value = i + step, value * value
        power = 2 ** len(rows)
        got = Function([x, n], [count, y, ys, g])([1.1, limit])
        np.testing.assert_allclose(got[0], i)
        np.testing.assert_allclose(got[1], value)
        np.testing.assert_allclose(got[2], rows)
        np.testing.assert_allclose(got[3], power * 1.1 ** (power - 1))


def test_what_is_no_counter():
    x = _number(3.0)
    i = _number(0, "int32")
    for condition, body in [
        (lambda s: ops.less(s[1], 9.0), lambda s: ([s[0] + 1, s[1]], [])),  # no integer
        (lambda s: ops.less(s[0], ops.cast(s[1], "int32")), lambda s: ([s[0] + 1, s[1]], [])),  # the limit moves
        (lambda s: ops.less(s[0], 9), lambda s: ([s[0] * 2, s[1]], [])),
        (lambda s: ops.less(s[0], 9), lambda s: ([s[0] + s[0], s[1]], [])),
        (lambda s: ops.less(s[0], 9), lambda s: ([s[0] + (-1), s[1]], [])),
        (lambda s: as_tensor(True), lambda s: ([s[0] + 1, s[1]], [])),
    ]:
        traced = loop.trace(condition, body, [i, x], _shapes([i, x]))
        assert loop.find_counter(traced.condition, traced.states, traced.after) is None


def test_a_body_must_return_as_many():
    x = _number(3.0)
    with pytest.raises(ValueError, match="given 1 tensors and returned 2"):
        loop.trace(lambda s: ops.less(s[0], 9.0), lambda s: ([s[0], s[0]], []), [x], _shapes([x]))
