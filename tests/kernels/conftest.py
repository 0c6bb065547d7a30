import pytest

from gpukeras.runtime import native

from .engines import reseed


def pytest_collection_modifyitems(items):
    if native.load() is None:
        reason = pytest.mark.skip(reason=f"native engine off: {native.status().reason}")
        for item in items:
            if "/tests/kernels/" in str(item.path):
                item.add_marker(reason)


@pytest.fixture(autouse=True)
def same_numbers():
    """Every test draws from the same start."""
    reseed()
