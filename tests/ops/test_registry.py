"""Parity by reflection: no operation without shape rule, kernel, gradient (or a reason) and case."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import gpukeras.ops
from gpukeras.graph.op import Op
from tests.ops import cases, harness


def _leaves(cls: type[Op]) -> list[type[Op]]:
    below = [leaf for sub in cls.__subclasses__() for leaf in _leaves(sub)]
    return below or [cls]


def _registry() -> list[type[Op]]:
    for module in pkgutil.iter_modules(gpukeras.ops.__path__):
        importlib.import_module(f"gpukeras.ops.{module.name}")
    found = [c for c in _leaves(Op) if c.__module__.startswith("gpukeras.ops")]
    return sorted(found, key=lambda c: (c.__module__, c.name))


def _covered() -> set[type[Op]]:
    reached: set[type[Op]] = set()
    for module in pkgutil.iter_modules(cases.__path__):
        for case in importlib.import_module(f"tests.ops.cases.{module.name}").CASES:
            reached.update(harness.op_types(case.build(harness.placeholders(case.draw(case.dtypes[0])))))
    return reached


REGISTRY = _registry()
every_op = pytest.mark.parametrize("cls", REGISTRY, ids=lambda c: f"{c.__module__.rsplit('.', 1)[-1]}.{c.name}")


def _defines(cls: type[Op], method: str) -> bool:
    return getattr(cls, method) is not getattr(Op, method)


@every_op
def test_shape_rule(cls: type[Op]) -> None:
    assert _defines(cls, "infer")


@every_op
def test_kernel(cls: type[Op]) -> None:
    assert _defines(cls, "compute" if cls.dynamic else "bind")
    assert _defines(cls, "view") == cls.is_view


@every_op
def test_gradient_or_reason(cls: type[Op]) -> None:
    assert _defines(cls, "grad") or cls.no_grad, f"{cls.name} has neither a gradient nor a reason for none"


@every_op
def test_name_is_unique(cls: type[Op]) -> None:
    assert cls.name.isidentifier() and cls.name == cls.name.lower()
    assert [c.__name__ for c in REGISTRY if c.name == cls.name] == [cls.__name__]


def test_every_op_has_a_case() -> None:
    missing = sorted(f"{c.__module__}.{c.name}" for c in set(REGISTRY) - _covered())
    assert not missing, f"no case in tests/ops/cases reaches {missing}"
