"""The thread pool under csrc/cpu: thread counts, callers on several threads at once, and life after a fork."""

import os
import subprocess
import sys

import numpy as np
import pytest

from gpukeras.runtime import native

pytestmark = pytest.mark.skipif(native.load() is None, reason=f"native engine off: {native.status().reason}")

CHILD = """
import os, threading
import numpy as np
from gpukeras.runtime import native
ext = native.load()
SIZE = 300_000


def filled(stream):
    out = np.empty(SIZE, np.float32)
    ext.philox_fill_normal(out, 5, stream)
    return out


expected = [filled(stream) for stream in range(4)]
wrong = []


def work(stream):
    for _ in range(30):
        if not np.array_equal(filled(stream), expected[stream]):
            wrong.append(stream)


threads = [threading.Thread(target=work, args=(stream,)) for stream in range(4)]
for thread in threads:
    thread.start()
pid = os.fork()  # while the pool and its locks are in use
if pid == 0:
    os._exit(0 if np.array_equal(filled(2), expected[2]) else 1)
for thread in threads:
    thread.join()
print(native.build_info()["threads"], len(wrong), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_concurrent_callers_and_a_forked_child_get_right_numbers(threads):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    # Python 3.12 and newer warn about any fork of a process with threads, which is what is tested here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", CHILD]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == [str(threads), "0", "0"]


def test_thread_count_follows_the_processors_we_may_use():
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    code = "from gpukeras.runtime import native; print(native.build_info()['threads'])"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert 1 <= int(done.stdout) <= available


def test_pieces_cover_an_array_that_no_grain_divides():
    out = np.zeros(16384 * 5 + 3, np.float32)
    native.load().activation("exponential", np.zeros_like(out), out)
    np.testing.assert_array_equal(out, 1)
