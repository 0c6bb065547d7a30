"""What the tests on a GPU get: the device, a share of them for each of several processes, a log, a deadline."""

import json
import os
import time
import zlib

import pytest

# Sums of products to float32's last bits: rounding to TF32 has a test of its own.
os.environ.setdefault("GPUKERAS_TF32", "0")

from . import devices

_started = time.monotonic()


def pytest_addoption(parser):
    parser.addoption("--share", default="0/1", help="run the tests of one of several processes: 'number/count'")
    parser.addoption("--log", default="", help="file that gets a line of JSON per test")
    parser.addoption("--deadline", type=float, default=0, help="seconds after which no further test is started")


def pytest_sessionstart(session):
    if os.environ.get("GPUKERAS_TEST_NO_POOL") == "1" and devices.real_cupy() is not None:
        devices.real_cupy().cuda.set_allocator(None)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    number, count = map(int, config.getoption("--share", "0/1").split("/"))
    if count > 1:
        items[:] = [item for item in items if zlib.crc32(item.nodeid.encode()) % count == number]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    _note(session.config, {"outcome": "selected", "count": len(session.items)})


def pytest_runtest_teardown(item):
    seconds = item.config.getoption("--deadline", 0)
    if seconds and time.monotonic() - _started > seconds:
        item.session.shouldstop = f"{seconds:.0f} s are over"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" or report.outcome != "passed" and report.when == "setup":
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
        line = {"test": item.nodeid, "outcome": report.outcome, "seconds": report.duration, "text": text}
        _note(item.config, line)


def _note(config, line):
    path = config.getoption("--log", "")
    if path:
        with open(path, "a") as file:
            file.write(json.dumps(line) + "\n")


@pytest.fixture
def gpu():
    """The device, which is the default one as long as the test runs."""
    with devices.default(devices.make()) as device:
        yield device
