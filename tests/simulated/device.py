"""A simulated GPU as a device of gpukeras, for single functions and for whole models."""

import contextlib

from gpukeras.runtime import device as runtime_device
from gpukeras.runtime.device import Device

from .cupy import Cupy


def device(number=0, cupy=None, engine="cuda", **options):
    """A device on a stand-in for CuPy.

    Arguments:
        number: of the GPU.
        cupy: the stand-in; default: a new one.
        engine: 'cuda', or 'numpy' for CuPy's own functions alone, for which nothing has to be compiled.
        options: of a new one, see `Cupy`.
    """
    return Device(f"/gpu:{number}", cupy or Cupy(**options), engine)


@contextlib.contextmanager
def simulated_gpu(**options):
    """Makes a simulated GPU the default device: models built inside live and train there.

    Arguments:
        options: see `device`.

    Yields:
        The `Cupy`.
    """
    from gpukeras import backend as K

    made = device(**options)
    before = runtime_device._default, runtime_device.cupy_or_reason
    K.clear_session()
    runtime_device._default = made
    runtime_device.cupy_or_reason = lambda: (made.xp, "")
    try:
        yield made.xp
    finally:
        runtime_device._default, runtime_device.cupy_or_reason = before
        K.clear_session()
