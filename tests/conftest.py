"""What every test gets: a configuration of its own, seeded random numbers, and settings put back after it."""

import os
import tempfile
from pathlib import Path

# Before anything imports NumPy or gpukeras: the user's keras.json must not decide what is tested, and the
# workers of pytest-xdist must not each start a thread per processor.
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="gpukeras-test-home-")
os.environ.pop("KERAS_BACKEND", None)
# Processes that tests start run this checkout too.
_path = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, _path))
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_name, "1")

import atexit
import gc
import shutil
import sys

import numpy as np
import pytest

atexit.register(shutil.rmtree, os.environ["KERAS_HOME"], ignore_errors=True)


def pytest_collection_modifyitems(items):
    """Skips what needs a GPU, with the reason why there is none; some of it runs on the simulated one then."""
    wanting = [item for item in items if item.get_closest_marker("gpu") or item.get_closest_marker("multi_gpu")]
    if not wanting:
        return
    from gpukeras.runtime.device import cupy_or_reason

    cupy, reason = cupy_or_reason()
    count = cupy.cuda.runtime.getDeviceCount() if cupy is not None else 0
    everything = os.environ.get("GPUKERAS_SIMULATED_GPU") == "1"
    for item in wanting:
        if everything or (count == 0 and item.get_closest_marker("simulated")):
            continue
        if count == 0:
            item.add_marker(pytest.mark.skip(reason=f"no GPU: {reason}"))
        elif count == 1 and item.get_closest_marker("multi_gpu"):
            item.add_marker(pytest.mark.skip(reason="one GPU only"))


def pytest_collection_finish():
    """Keeps the garbage collector from walking over modules and tests: K.clear_session calls it, thousands of times."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def seeded_and_restored():
    """Seeds NumPy before each test and puts K's global settings back after it."""
    np.random.seed(1337)
    # Tests below the backend need not import it.
    K = sys.modules.get("gpukeras.backend")
    if K is None:
        yield
        return
    before = K.floatx(), K.epsilon(), K.image_data_format()
    yield
    K.set_floatx(before[0])
    K.set_epsilon(before[1])
    K.set_image_data_format(before[2])
