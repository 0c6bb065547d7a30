"""The device that the tests of this folder run on: a GPU, or the simulated one where there is none."""

import contextlib
import os

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.runtime import device as runtime_device
from gpukeras.runtime.device import Device
from tests.simulated.cupy import Cupy

VARIABLE = "GPUKERAS_SIMULATED_GPU"
CPU = Device("/cpu:0", np, "numpy")


def real_cupy():
    """CuPy where there is a GPU, else None; also None where the simulated one is asked for."""
    return None if os.environ.get(VARIABLE) == "1" else runtime_device.cupy_or_reason()[0]


@contextlib.contextmanager
def default(device):
    """Makes a device the one that variables and functions made inside use.

    Arguments:
        device: a `Device`.
    """
    before = runtime_device._default, runtime_device.cupy_or_reason
    K.clear_session()
    runtime_device._default = device
    if device.is_gpu:
        runtime_device.cupy_or_reason = lambda: (device.xp, "")
    else:
        runtime_device.cupy_or_reason = lambda: (None, "these tests compare with a CPU")
    try:
        yield device
    finally:
        runtime_device._default, runtime_device.cupy_or_reason = before
        K.clear_session()


def make(**options):
    """The GPU as a device.

    Arguments:
        options: of a simulated one, see `tests.simulated.cupy.Cupy`.
    """
    return Device("/gpu:0", real_cupy() or Cupy(**options), "cuda")


def is_simulated(device):
    """Whether a device is the simulated one."""
    return isinstance(device.xp, Cupy)


def selected(params, every):
    """Test parameters, some of which also run where there is no GPU, on the simulated one.

    Arguments:
        params: list of values or `pytest.param`.
        every: so many of them make one that does.
    """
    made = []
    for i, p in enumerate(params):
        p = p if hasattr(p, "marks") else pytest.param(p)
        slow = any(word in str(p.id or p.values[0]) for word in ("recurrent", "Bidirectional", "LSTM", "GRU", "RNN"))
        chosen = i % every == every // 2 and not slow  # g++ takes seconds for those
        marks = [*p.marks, pytest.mark.simulated] if chosen else p.marks
        made.append(pytest.param(*p.values, id=p.id, marks=marks))
    return made


def runs(compute):
    """What a function computes on a CPU with NumPy, and what on the GPU.

    Arguments:
        compute: called without arguments, twice.
    """
    found = []
    for device in (CPU, make()):
        with default(device):
            np.random.seed(11)
            found.append(compute())
    return found
