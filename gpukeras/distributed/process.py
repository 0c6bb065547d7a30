"""Which of several processes this one is, and what connects it to the others."""

import atexit

from .mpi import Mpi
from .ring import Alone, Ring


class _State:
    link = None


def init():
    """Finds the other processes: those that `python -m gpukeras.distributed` or MPI started with this one, or none.

    Raises:
        ImportError: when MPI started this process and mpi4py is not there.
        ConnectionError: when the others cannot be reached.
    """
    if _State.link is None:
        _State.link = Ring.from_environment() or Mpi.from_environment() or Alone()


def shutdown():
    """Leaves the other processes; `init` is needed again after it."""
    if _State.link is not None:
        _State.link.close()
        _State.link = None


def is_initialized():
    """Whether `init` was called."""
    return _State.link is not None


def current():
    """The connection to the other processes.

    Raises:
        ValueError: before `init`.
    """
    if _State.link is None:
        raise ValueError("gpukeras.distributed has not been initialized; call gpukeras.distributed.init() first")
    return _State.link


atexit.register(shutdown)
