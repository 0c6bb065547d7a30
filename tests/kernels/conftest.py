import pytest

from gpukeras.runtime import native


def pytest_collection_modifyitems(items):
    if native.load() is None:
        reason = pytest.mark.skip(reason=f"native engine off: {native.status().reason}")
        for item in items:
            if "/tests/kernels/" in str(item.path):
                item.add_marker(reason)
