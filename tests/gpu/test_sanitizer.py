"""NVIDIA's compute-sanitizer over everything written by hand: no access out of bounds, no race, nothing unset read."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from . import devices

pytestmark = [pytest.mark.gpu, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
#: Operations whose kernels are written by hand, and a few that are generated.
CHOICE = (
    "recurrent or ctc_loss or depthwise or max_pool or window_sum or gather or scatter_add or moments or dropout "
    "or local or softmax or random"
)
SHARE = 6  # one of so many of these cases: the sanitizer makes everything slow


def sanitizer():
    """Where the program is, or None."""
    places = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    found = [Path(p) / "bin" / "compute-sanitizer" for p in places if p]
    return shutil.which("compute-sanitizer") or next((str(p) for p in found if p.is_file()), None)


@pytest.mark.parametrize("tool", ["memcheck", "racecheck", "initcheck"])
def test_hand_written_kernels(tool):
    if devices.real_cupy() is None:
        pytest.skip("the simulator checks the order of threads in its own way (tests/csrc)")
    program = sanitizer()
    if program is None:
        pytest.skip("compute-sanitizer is not installed")
    tests = [sys.executable, "-m", "pytest", "-q", "-c", "tests/gpu/settings.ini", "--rootdir=.", "--confcutdir=tests"]
    tests += ["-p", "no:cacheprovider", "--share", f"1/{SHARE}", "tests/gpu/test_operations.py", "-k", CHOICE]
    # A pool hands out parts of larger blocks, whose ends memcheck would not see.
    settings = dict(os.environ, PYTHONPATH=str(ROOT), GPUKERAS_TEST_NO_POOL="1", GPUKERAS_CUDA_GRAPHS="0")
    command = [program, "--tool", tool, "--error-exitcode", "9", "--target-processes", "all", *tests]
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
