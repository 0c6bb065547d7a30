"""Every check of the harness on every case of every family."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from tests.ops import cases, harness

ALL = [
    pytest.param(case, id=f"{module.name}-{case}")
    for module in pkgutil.iter_modules(cases.__path__)
    for case in importlib.import_module(f"tests.ops.cases.{module.name}").CASES
]
every_case = pytest.mark.parametrize("case", ALL)


def test_labels_are_unique() -> None:
    ids = [p.id for p in ALL]
    assert len(set(ids)) == len(ids), sorted(i for i in ids if ids.count(i) > 1)


@every_case
def test_kernels(case: harness.Case) -> None:
    for dtype in case.dtypes:
        harness.check_kernels(case, dtype, unknown=False, strided=False)
        harness.check_kernels(case, dtype, unknown=False, strided=True)
        if case.unknown:
            harness.check_kernels(case, dtype, unknown=True, strided=False)


@every_case
def test_compiled(case: harness.Case) -> None:
    for dtype in case.dtypes:
        harness.check_compiled(case, dtype, unknown=False)
        if case.unknown:
            harness.check_compiled(case, dtype, unknown=True)


@every_case
def test_gradient_of_kernels(case: harness.Case) -> None:
    harness.check_gradient(case, unknown=False, by_kernels=True)


@every_case
def test_gradient_compiled(case: harness.Case) -> None:
    harness.check_gradient(case, unknown=False)
    if case.unknown:
        harness.check_gradient(case, unknown=True)


@every_case
def test_memory_does_not_grow(case: harness.Case) -> None:
    harness.check_steady(case)
