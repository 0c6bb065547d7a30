import pytest

from gpukeras.kernels.cuda import glue
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


@pytest.fixture(autouse=True)
def no_real_libraries():
    """NVIDIA's libraries cannot work on simulated memory, where a machine has them."""
    with glue.use({}):
        yield
