"""What the tests on a GPU get: the device, and a share of them for each of several processes."""

import os
import zlib

import pytest

# Sums of products to float32's last bits: rounding to TF32 has a test of its own.
os.environ.setdefault("GPUKERAS_TF32", "0")

from . import devices


def pytest_addoption(parser):
    parser.addoption("--share", default="0/1", help="run the tests of one of several processes: 'number/count'")


def pytest_collection_modifyitems(config, items):
    number, count = map(int, config.getoption("--share", "0/1").split("/"))
    if count > 1:
        items[:] = [item for item in items if zlib.crc32(item.nodeid.encode()) % count == number]


@pytest.fixture
def gpu():
    """The device, which is the default one as long as the test runs."""
    with devices.default(devices.make()) as device:
        yield device
