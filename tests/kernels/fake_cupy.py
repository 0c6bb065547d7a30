"""Stands in for CuPy without a GPU: arrays are NumPy's, kernels run in the simulator, launches are kept."""

import hashlib
from types import SimpleNamespace

import numpy as np

from tests.csrc import simulator


class Array(np.ndarray):
    """An array with the attributes of CuPy's that differ from NumPy's."""

    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)

    def get(self):
        return np.array(self)

    def set(self, value):
        np.copyto(self, value)


def by_value(argument):
    """CuPy passes the arrays of the device by address and structures in the host's memory by value."""
    if isinstance(argument, np.ndarray) and not isinstance(argument, Array):
        assert argument.shape == (1,) and argument.dtype.names
        return argument[0]
    assert isinstance(argument, (Array, np.generic)), f"an argument of unknown width: {argument!r}"
    return argument


class RawModule:
    """A module whose kernels run on the CPU."""

    def __init__(self, *, code, options=()):
        assert '#include "' not in code
        self.code = code
        self.options = options
        self.fake = None

    def get_function(self, name):
        def run(grid, block, args):
            defines = tuple(o for o in self.options if o.startswith("-D"))
            kernels = simulator.module(self.code, defines)
            assert block == (256,) and all(type(n) is int and 0 < n < 2**31 for n in grid)
            self.fake.launches.append(SimpleNamespace(name=name, grid=grid, block=block, args=args))
            kernels.launch(name, grid, block[0], [by_value(a) for a in args], self.fake.order)

        return run


class Cupy:
    """The module.

    Attributes:
        launches: what ran: name, grid, block and arguments.
        order: of the threads of a block, see the simulator.
    """

    def __init__(self):
        self.__name__ = "cupy-" + hashlib.sha256(str(id(self)).encode()).hexdigest()[:8]
        self.launches = []
        self.order = 0

    def RawModule(self, **kwargs):
        module = RawModule(**kwargs)
        module.fake = self
        return module

    def __getattr__(self, name):
        found = getattr(np, name)
        if name in ("empty", "zeros", "ones", "array", "asarray", "broadcast_to", "arange"):
            return lambda *args, **kwargs: found(*args, **kwargs).view(Array)
        return found
