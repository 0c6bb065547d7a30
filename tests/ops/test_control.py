"""Branches chosen while planning or while running, and printing."""

from __future__ import annotations

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder, as_tensor
from tests.ops.harness import compiled
from tests.ops.test_elementwise import steps


def test_a_known_predicate_leaves_one_branch() -> None:
    x = Placeholder((2, 3))
    y = ops.cond(as_tensor(True), ops.exp(x), ops.log(x))
    assert steps(y) == ["exp"]
    assert steps(gradients(ops.cond(False, ops.exp(x), ops.sin(x)), [x])[0]) == ["cos"]  # type: ignore[arg-type]


def test_a_known_predicate_may_have_branches_of_other_shapes() -> None:
    x = Placeholder((2, 3))
    y = ops.cond(True, ops.sum(x, 0, True), x)
    assert y.shape == (None, 3)
    assert compiled([x], [y])([np.ones((2, 3), "float32")])[0].shape == (1, 3)


def test_a_fed_predicate_needs_branches_of_one_shape() -> None:
    p, x = Placeholder((), "bool"), Placeholder((2, 3))
    f = compiled([p, x], [ops.cond(p, ops.sum(x, 0, True), x)])
    with pytest.raises(ValueError, match=r"branches of shapes \(1, 3\) and \(2, 3\), and the choice depends on data"):
        f([np.array(True), np.ones((2, 3), "float32")])


def test_messages() -> None:
    x = Placeholder((2, 3))
    with pytest.raises(ValueError, match=r"cond: the predicate must be a scalar, got shape \(2, 3\)"):
        ops.cond(x > 0, x, x)
    with pytest.raises(ValueError, match=r"cond: branches of shapes \(2, 3\) and \(3,\) differ in rank"):
        ops.cond(True, x, ops.sum(x, 0))


def test_print_tensor_prints_at_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    x = Placeholder((2,))
    f = compiled([x], [ops.print_tensor(x * 2, "twice x:") + 1])
    assert capsys.readouterr().out == ""
    for _ in range(2):
        np.testing.assert_array_equal(f([np.float32([1, 2])])[0], [3, 5])
    assert capsys.readouterr().out == "twice x: [2. 4.]\n" * 2
