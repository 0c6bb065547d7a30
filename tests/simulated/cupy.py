"""Stands in for CuPy without a GPU: arrays in the host's memory, kernels in the simulator.

It is stricter than NumPy where CuPy is, and sometimes stricter than CuPy: arrays of the device do not become NumPy's by
themselves, the two do not mix, work waits in streams until something waits for it, what is recorded into a graph does
not run, and memory that was given back is handed out again. The names it knows were checked against CuPy 14.2.
"""

import contextlib
import ctypes
import itertools
import weakref
from types import SimpleNamespace

import numpy as np

from tests.csrc import simulator

from .arrays import Array
from .memory import MemoryPool, OutOfMemoryError, Pinned, using_allocator
from .streams import CUDARuntimeError, Event, Graph, Machine, check_addresses

UFUNCS = set(
    """absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or bitwise_xor cbrt ceil
    copysign cos cosh divide equal exp exp2 expm1 floor floor_divide fmax fmin fmod greater greater_equal heaviside
    invert isfinite isinf isnan left_shift less less_equal log log10 log1p log2 logaddexp logical_and logical_not
    logical_or logical_xor maximum minimum mod multiply negative not_equal power reciprocal remainder right_shift rint
    sign sin sinh sqrt square subtract tan tanh true_divide trunc""".split()
)
#: Functions whose result may look at the memory of their first argument.
VIEWS = set("broadcast_to diagonal expand_dims moveaxis reshape rollaxis squeeze swapaxes transpose atleast_1d".split())
#: Functions whose result has a size that is known beforehand.
FUNCTIONS = set(
    """all amax amin any argmax argmin average clip concatenate cumprod cumsum flip max mean min prod repeat roll stack
    std sum take take_along_axis tile trace tril triu var where zeros_like ones_like full_like""".split()
)
#: Those that copy to the host, sort with memory of their own, or otherwise cannot be recorded.
NOT_CAPTURED = set("argsort argwhere bincount flatnonzero lexsort nonzero searchsorted sort unique".split())
#: Those that call cuBLAS or cuSOLVER, which CuPy refuses while a stream is capturing.
LIBRARY = set("dot einsum inner matmul outer tensordot vdot".split())
LINALG = set("cholesky det eigh inv norm qr slogdet solve svd".split())

#: Where `out` stands among the arguments.
OUT = {"take": 3, "cumprod": 3, "cumsum": 3, "sum": 3, "prod": 3, "mean": 3, "clip": 3, "max": 2, "min": 2, "all": 2,
       "any": 2, "argmax": 3, "argmin": 3, "dot": 2, "trace": 5}  # fmt: skip

_numbers = itertools.count()


def _take(a, indices, axis=None):
    """As CuPy's: an index from nowhere comes back in at the other end."""
    return np.take(a, indices, axis, mode="wrap")


_take.__name__ = "take"
_SCALARS = (bool, int, float, complex, np.generic)


def _flat(values):
    for v in values:
        if isinstance(v, (list, tuple)):
            yield from _flat(v)
        else:
            yield v


def _host(value):
    if isinstance(value, Array):
        return value.host
    if isinstance(value, (list, tuple)):
        return type(value)(map(_host, value))
    return value


def _check_out(numpy, args, out):
    """What CuPy asks of the array a result goes to."""
    if not isinstance(out, Array):
        raise TypeError("return arrays must be of ArrayType")
    if numpy is np.dot and not out.flags.c_contiguous:
        raise ValueError("Output array must be C-contiguous")
    if numpy in (np.dot, _take) and any(a.dtype != out.dtype for a in args[: 2 if numpy is np.dot else 1]):
        raise TypeError("Output dtype mismatch")


class Ufunc:
    """A ufunc: arrays of the device and numbers in, an array of the device out."""

    def __init__(self, cupy, name):
        self.cupy, self.name, self.numpy = cupy, name, getattr(np, name)
        self.__name__ = name
        self.nin, self.nout = self.numpy.nin, self.numpy.nout

    def __call__(self, *args, out=None, dtype=None, casting="same_kind"):
        if len(args) == self.nin + 1 and out is None:
            *args, out = args
        if len(args) != self.nin:
            raise TypeError(f"Wrong number of arguments for '{self.name}'")
        if isinstance(out, tuple):
            (out,) = out
        self.cupy.check(args)
        for a in args:
            if not isinstance(a, (Array, *_SCALARS)):
                raise TypeError(f"Unsupported type {type(a)}")
        if not any(isinstance(a, Array) for a in args) and out is None:
            raise TypeError(f"{self.name} of numbers alone")
        kinds = {a.dtype.kind for a in args if isinstance(a, (Array, np.generic))}
        if kinds == {"b"} and any(type(a) is float for a in args):
            raise TypeError(f"{self.name} of truth values and a float, which CuPy would do in half precision")
        function = self.numpy if dtype is None else lambda *xs, **kw: self.numpy(*xs, dtype=dtype, **kw)
        shape = np.broadcast_shapes(*(np.shape(_host(a)) for a in args))
        with np.errstate(all="ignore"):
            kind = function(*(np.ones((), a.dtype) if isinstance(a, Array) else a for a in args)).dtype
        if out is None:
            out = self.cupy.empty(shape, kind)
        else:
            if not isinstance(out, Array):
                raise TypeError("return arrays must be of ArrayType")
            self.cupy.check([out])
            if np.broadcast_shapes(shape, out.shape) != out.shape:
                raise ValueError(f"Out shape is mismatched: {out.shape} for {shape}")
            if not np.can_cast(kind, out.dtype, casting):
                raise TypeError(f"output of {self.name} is typed as {kind}, cannot cast to {out.dtype} by {casting}")
        ins, target = [_host(a) for a in args], out.host

        def run():
            with np.errstate(all="ignore"):
                function(*ins, out=target, casting="unsafe")

        self.cupy.queue(run)
        return out

    def at(self, a, indices, b=None):
        """In place, the same element as often as it is named."""
        self.cupy.check([a, indices, b])
        if a.dtype.name not in ("int32", "float16", "float32", "float64", "uint32", "uint64"):
            raise TypeError(f"cupy.{self.name}.at does not support {a.dtype}")
        target, where, values = a.host, _host(indices), _host(b)
        self.cupy.queue(lambda: self.numpy.at(target, where, values))


class RawModule:
    """A module whose kernels run in the simulator."""

    def __init__(self, cupy, code, options):
        assert '#include "' not in code
        self.cupy, self.code, self.options = cupy, code, tuple(options)

    def get_function(self, name):
        def run(grid, block, args, *, shared_mem=0):
            cupy = self.cupy
            defines = tuple(o for o in self.options if o.startswith("-D"))
            kernels = simulator.module(self.code, defines)
            assert block == (256,) and all(type(n) is int and 0 < n < 2**31 for n in grid)
            cupy.launches.append(SimpleNamespace(name=name, grid=grid, block=block, args=args))
            cupy.check(args)
            values = [_by_value(a) for a in args]
            cupy.queue(lambda: kernels.launch(name, grid, block[0], values, cupy.order))

        return run


def _by_value(argument):
    """The arrays of the device are passed by address, structures in the host's memory by value."""
    if isinstance(argument, Array):
        return argument.host
    if isinstance(argument, np.ndarray):
        assert argument.shape == (1,) and argument.dtype.names
        check_addresses(int(n) for name in argument.dtype.names for n in _pointers(argument[name]))
        return argument[0]
    assert isinstance(argument, np.generic), f"an argument of unknown width: {argument!r}"
    return argument


def _pointers(field):
    return field.reshape(-1) if field.dtype == np.uint64 else ()


class Device:
    """`cupy.cuda.Device` of a stand-in."""

    def __init__(self, cupy, number):
        self.cupy, self.id = cupy, cupy.machine.current_device if number is None else int(number)
        assert 0 <= self.id < cupy.devices, f"there are {cupy.devices} devices"
        self._before = []
        self.compute_capability = "90"
        self.pci_bus_id = f"0000:{cupy.bus + self.id:02X}:00.0"

    def __enter__(self):
        thread = self.cupy.machine.thread
        self._before.append(thread.current_device)
        thread.current_device = self.id
        return self

    def __exit__(self, *exception):
        self.cupy.machine.thread.current_device = self._before.pop()

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return self.id

    def __int__(self):
        return self.id

    def use(self):
        self.cupy.machine.thread.current_device = self.id

    def synchronize(self):
        for stream in self.cupy.machine.all_streams():
            if stream.device_id == self.id:
                stream.synchronize()

    @property
    def mem_info(self):
        used = sum(p.totals.get(self.id, 0) for p in self.cupy.pools)
        return self.cupy.memory - used, self.cupy.memory


class Cupy:
    """The module.

    Arguments:
        devices: number of GPUs.
        memory: bytes of each.
        bus: where the first one is.

    Attributes:
        launches: kernels launched or recorded: name, grid, block and arguments.
        order: of the threads of a block, see the simulator.
        machine: streams, and counts of what made the host wait.
    """

    ndarray = Array
    __version__ = "14.2.0"

    def __init__(self, devices=1, memory=1 << 32, bus=1):
        self.__name__ = f"cupy-{next(_numbers)}"
        self.devices, self.memory, self.bus = devices, memory, bus
        self.launches, self.order, self.peer_copies = [], 0, []
        self.machine = Machine(devices)
        self.pools, self.pinned = weakref.WeakSet(), Pinned()
        self._pool = MemoryPool(self)
        self.cuda = _cuda(self)
        self.linalg = SimpleNamespace(**{name: self._library(getattr(np.linalg, name)) for name in LINALG})
        stride_tricks = SimpleNamespace(as_strided=self._as_strided)
        self.lib = SimpleNamespace(stride_tricks=stride_tricks)
        self._made = {}

    def RawModule(self, code=None, *, options=(), backend="nvrtc"):
        return RawModule(self, code, options)

    def get_default_memory_pool(self):
        return self._pool

    # --- what every call goes through

    def queue(self, run):
        """Queues work on the stream in use."""
        self.machine.stream().put(run)

    def check(self, args):
        """Raises where arguments are not of the device in use."""
        for a in _flat(args):
            if isinstance(a, Array) and (a.cupy is not self or a.device_id != self.machine.current_device):
                raise ValueError(
                    f"Array device must be same as the current device: array device = {a.device_id} "
                    f"while current = {self.machine.current_device}"
                )

    def function(self, numpy, args, kwargs=None, refuses=""):
        """Calls a function of NumPy that makes a new array, or fills `out`."""
        kwargs, place = dict(kwargs or {}), OUT.get(getattr(numpy, "__name__", ""), len(args))
        if len(args) > place:
            *args, kwargs["out"] = args
        if len(args) > (2 if numpy is np.matmul else place):
            raise TypeError(f"{numpy.__name__} takes up to {place + 1} positional arguments")
        out = kwargs.pop("out", None)
        self.check([*args, *kwargs.values(), out])
        for a in _flat([*args, *kwargs.values(), out]):
            if isinstance(a, np.ndarray):
                raise TypeError(f"Unsupported type {type(a)}: an array of the host where one of the device is expected")
        stream = self.machine.stream()
        if refuses and stream.is_capturing():
            raise NotImplementedError(f"{refuses} during stream capture is currently unsupported")
        ins, named = _host(args), {k: _host(v) for k, v in kwargs.items()}

        def compute():
            with np.errstate(all="ignore"):
                return numpy(*ins, **named)

        if not stream.is_capturing() and out is None:
            stream.drain()
        if out is None:
            found = compute()  # while recording: for shape and type
            return tuple(map(self._filled, found)) if isinstance(found, tuple) else self._result(found, compute)
        _check_out(numpy, args, out)
        self.queue(lambda: np.copyto(out.host, compute(), casting="unsafe"))
        return out

    def _result(self, found, compute):
        out = self.empty(np.shape(found), np.asarray(found).dtype)
        self.queue(lambda: np.copyto(out.host, compute()))
        return out

    def _filled(self, found):
        out = self.empty(np.shape(found), np.asarray(found).dtype)
        self.queue(lambda: np.copyto(out.host, found))
        return out

    def _library(self, numpy, refuses="calling cuBLAS API"):
        return lambda *args, **kwargs: self.function(numpy, args, kwargs, refuses)

    def __getattr__(self, name):
        if name in self.__dict__.get("_made", ()):
            return self._made[name]
        found = getattr(np, name, None)
        if name in UFUNCS:
            made = Ufunc(self, name)
        elif name in VIEWS:
            made = self._viewing(found)
        elif name in FUNCTIONS:
            made = self._library(_take if name == "take" else found, "")
        elif name in NOT_CAPTURED:
            made = self._library(found, f"calling {name}")
        elif name in LIBRARY:
            made = self._library(found)
        elif isinstance(found, (type, int, float)) or name == "newaxis":
            made = found
        else:
            raise AttributeError(f"module 'cupy' has no attribute {name!r}, as far as its stand-in knows")
        self._made[name] = made
        return made

    def _viewing(self, numpy):
        def call(x, *args, **kwargs):
            self.check([x])
            found = numpy(x.host, *args, **kwargs)
            if found.size == 0 or np.shares_memory(found, x.host, max_work=1):
                return x._view(found)
            return self.function(numpy, [x, *args], kwargs)

        return call

    def _as_strided(self, x, shape=None, strides=None):
        return x._view(np.lib.stride_tricks.as_strided(x.host, shape, strides))

    # --- making arrays

    def empty(self, shape, dtype=float, order="C"):
        shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
        dtype = np.dtype(dtype)
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        device = self.machine.current_device
        if nbytes == 0:
            return Array(self, np.empty(shape, dtype), None, device)
        allocator = self.machine.thread.allocators[-1] or self._pool.malloc
        block = allocator(nbytes).mem
        return Array(self, block.host[:nbytes].view(dtype).reshape(shape), block, device)

    def empty_like(self, prototype, dtype=None, order="K", subok=None, shape=None):
        return self.empty(prototype.shape if shape is None else shape, dtype or prototype.dtype)

    def _with(self, value, shape, dtype):
        out = self.empty(shape, dtype)
        out.fill(value)
        return out

    def zeros(self, shape, dtype=float, order="C"):
        return self._with(0, shape, dtype)

    def ones(self, shape, dtype=float, order="C"):
        return self._with(1, shape, dtype)

    def full(self, shape, fill_value, dtype=None, order="C"):
        return self._with(fill_value, shape, np.asarray(fill_value).dtype if dtype is None else dtype)

    def array(self, obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
        if isinstance(obj, Array):
            self.check([obj])
            return obj.astype(obj.dtype if dtype is None else dtype, copy=copy is True)
        assert not any(isinstance(v, Array) for v in _flat([obj])), "a list of the device's arrays"
        host = np.array(obj, dtype, order="C")
        out = self.empty(host.shape, host.dtype)
        if host.size:
            out.set(host)
        return out

    def asarray(self, a, dtype=None, order=None, *, copy=None, blocking=False):
        return self.array(a, dtype, copy=bool(copy))

    def ascontiguousarray(self, a, dtype=None):
        if isinstance(a, Array) and not a.flags.c_contiguous:
            return a.copy()
        return self.asarray(a, dtype)

    def arange(self, start, stop=None, step=1, dtype=None):
        return self.array(np.arange(start, stop, step, dtype) if stop is not None else np.arange(start, dtype=dtype))

    def eye(self, N, M=None, k=0, dtype=float, order="C"):
        return self.array(np.eye(N, M, k, dtype))

    def copyto(self, dst, src, casting="same_kind", where=None):
        if isinstance(where, Array) and isinstance(dst, Array) and where.dtype != bool:
            raise TypeError("Cannot interpret where as a mask")
        if not isinstance(dst, Array) or not isinstance(src, (Array, *_SCALARS, np.ndarray)):
            raise TypeError(f"copyto: {type(dst)} from {type(src)}")
        if isinstance(src, np.ndarray):
            if src.size != 1:
                raise ValueError("non-scalar numpy.ndarray cannot be used for copyto")
            src = src.squeeze()[()]
        kind = src.dtype if isinstance(src, (Array, np.generic)) else None
        if kind is not None and not np.can_cast(kind, dst.dtype, casting):
            raise TypeError(f"Cannot cast {kind} to {dst.dtype} in {casting} casting mode")
        if np.broadcast_shapes(np.shape(_host(src)), dst.shape) != dst.shape:
            raise ValueError(f"could not broadcast input array from shape {src.shape} into shape {dst.shape}")
        peer = isinstance(src, Array) and src.device_id != dst.device_id
        if peer and (where is not None or kind != dst.dtype or src.shape != dst.shape):
            raise ValueError("between devices nothing is cast, broadcast or masked")
        self.check([where] if peer else [dst, src, where])
        target, source, mask = dst.host, _host(src), True if where is None else where.host
        source = np.asarray(source).astype(dst.dtype) if kind is None else source

        def copy():
            with np.errstate(all="ignore"):
                np.copyto(target, source, casting="unsafe", where=mask)

        self.queue(copy)

    def may_share_memory(self, a, b, max_work=None):
        return np.may_share_memory(a.host, b.host)

    shares_memory = may_share_memory

    # --- for tests

    def wrap(self, host):
        """A NumPy array as one of the device, in the same memory."""
        return Array(self, host, None, 0)

    def enqueue(self, run):
        """Queues a function on the stream in use, as a library's call would be."""
        self.queue(run)


def _memcpy(cupy):
    def copy(dst, src, size, kind, stream=None):
        """`cupy.cuda.runtime.memcpyAsync`; copies from the host must be from pinned memory."""
        from .streams import _streams

        queue = cupy.machine.null_stream() if not stream else _streams[stream]
        queue.put(lambda: ctypes.memmove(dst, src, size))

    return copy


def _cuda(cupy):
    """The part of the module that is `cupy.cuda`."""
    machine = cupy.machine

    class Stream:
        """Makes streams; `Stream.null` is the default one."""

        def __new__(cls, null=False, non_blocking=False, ptds=False, priority=None):
            return machine.null_stream() if null else machine.new_stream(blocking=not non_blocking)

    Stream.null = machine.nulls[0]

    def device(number=None):
        return Device(cupy, number)

    def properties(number):
        return {"name": b"Simulated", "totalGlobalMem": cupy.memory, "major": 9, "minor": 0, "multiProcessorCount": 4}

    runtime = SimpleNamespace(
        getDeviceCount=lambda: cupy.devices,
        getDevice=lambda: machine.current_device,
        setDevice=lambda number: Device(cupy, number).use(),
        getDeviceProperties=properties,
        memGetInfo=lambda: Device(cupy, None).mem_info,
        deviceSynchronize=lambda: Device(cupy, None).synchronize(),
        driverGetVersion=lambda: 13000,
        runtimeGetVersion=lambda: 13000,
        memcpyAsync=_memcpy(cupy),
        memcpyHostToDevice=1,
        memcpyDeviceToHost=2,
        memcpyDeviceToDevice=3,
        CUDARuntimeError=CUDARuntimeError,
        streamCaptureModeRelaxed=2,
        streamCaptureModeThreadLocal=1,
    )
    return SimpleNamespace(
        Device=device,
        Stream=Stream,
        Event=lambda block=False, disable_timing=False, interprocess=False: Event(machine),
        Graph=Graph,
        MemoryPool=lambda allocator=None: MemoryPool(cupy),
        alloc_pinned_memory=cupy.pinned.alloc,
        get_current_stream=lambda device_id=-1: machine.stream(device_id),
        get_device_id=lambda: machine.current_device,
        get_allocator=lambda: machine.thread.allocators[-1] or cupy._pool.malloc,
        using_allocator=lambda allocator=None: using_allocator(machine.thread, allocator),
        memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
        runtime=runtime,
        is_available=lambda: True,
    )


@contextlib.contextmanager
def early(cupy):
    """Side streams run at once for a while: shows what does not wait for the null stream."""
    cupy.machine.early = True
    try:
        yield
    finally:
        cupy.machine.early = False
