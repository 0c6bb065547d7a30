"""Arrays of a GPU that is not there. What CuPy refuses, they refuse."""

import ctypes
from types import SimpleNamespace

import numpy as np


class Pointer:
    """`cupy.cuda.MemoryPointer` to where an array lies."""

    def __init__(self, array):
        self.ptr = array.host.__array_interface__["data"][0]
        self.mem, self.device_id, self.device, self._cupy = array.block, array.device_id, array.device, array.cupy
        self._room = array.cupy, array.block

    def copy_from_device_async(self, src, size, stream=None):
        """Copies bytes from memory of this or another device, on a stream of the device in use."""
        assert type(src) is Pointer and src._cupy is self._cupy, "the source is memory of a device"
        machine = self._cupy.machine
        if machine.current_device not in (self.device_id, src.device_id):
            raise ValueError(f"a copy from device {src.device_id} to {self.device_id} on {machine.current_device}")
        if src.device_id != self.device_id:
            self._cupy.peer_copies.append((src.device_id, self.device_id, size))
        kept = self._room, src._room  # as long as the copy waits
        machine.stream().put(lambda: kept and ctypes.memmove(self.ptr, src.ptr, size))

    copy_from_async = copy_from_device_async


class Array:
    """Stands in for `cupy.ndarray`.

    Arguments:
        cupy: the stand-in for the module.
        host: NumPy array in the memory that stands in for the device's.
        block: what keeps that memory in use.
        base: array this one is a view of.
    """

    __array_priority__ = 100
    __hash__ = None

    def __init__(self, cupy, host, block, device, base=None):
        self.cupy, self.host, self.block, self.device_id, self.base = cupy, host, block, device, base

    shape = property(lambda self: self.host.shape)
    dtype = property(lambda self: self.host.dtype)
    strides = property(lambda self: self.host.strides)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    nbytes = property(lambda self: self.host.nbytes)
    itemsize = property(lambda self: self.host.itemsize)
    T = property(lambda self: self._view(self.host.T))
    device = property(lambda self: self.cupy.cuda.Device(self.device_id))

    @property
    def data(self):
        return Pointer(self)

    @property
    def flags(self):
        flags = self.host.flags
        return SimpleNamespace(
            c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=self.base is None
        )

    def _view(self, host):
        return Array(self.cupy, host, self.block, self.device_id, self if self.base is None else self.base)

    def __len__(self):
        return len(self.host)

    def __repr__(self):
        return f"<simulated array {self.shape} {self.dtype}>"

    # --- the way to the host, always in words

    def get(self, stream=None, order="C", out=None, blocking=True):
        stream = self.cupy.machine.stream(self.device_id) if stream is None else stream
        if blocking:
            stream.refuse_while_capturing("a copy to the host")
        if out is None:
            result = np.empty(self.shape, self.dtype)
        else:
            assert out.shape == self.shape and out.dtype == self.dtype and out.flags.c_contiguous
            result = out
        host = self.host
        self.cupy.machine.reads += 1
        stream.put(lambda: np.copyto(result, host))
        if blocking:
            stream.synchronize()
        elif out is None or not self.cupy.pinned.has(result):
            stream.drain()  # into pageable memory the copy is made at once
        return result

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if self.dtype != arr.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if self.shape != arr.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self.flags.c_contiguous:
            raise RuntimeError("Cannot set to non-contiguous array")
        stream = self.cupy.machine.stream(self.device_id) if stream is None else stream
        host, pinned = self.host, self.cupy.pinned.has(arr) and arr.flags.c_contiguous
        if stream.capture is not None and not pinned:
            raise RuntimeError("cudaErrorStreamCaptureUnsupported: a copy from pageable memory while capturing")
        source = arr if pinned else arr.copy()
        stream.put(lambda: np.copyto(host, source))

    def item(self, *index):
        return self.get().item(*index)

    def tolist(self):
        return self.get().tolist()

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    __index__ = __int__

    def __bool__(self):
        return bool(self.get())

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_namespace__(self, api_version=None):
        return self.cupy

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        raise TypeError(f"np.{ufunc.__name__} was called with an array of the device; use the array's own module")

    def __array_function__(self, function, types, args, kwargs):
        raise TypeError(f"np.{function.__name__} was called with an array of the device; use the array's own module")

    # --- parts and shapes

    def __getitem__(self, key):
        keys = key if isinstance(key, tuple) else (key,)
        assert not any(isinstance(k, (np.ndarray, list)) for k in keys), "an index on the host costs a copy per call"
        if any(isinstance(k, Array) for k in keys):
            if any(isinstance(k, Array) and k.dtype == bool for k in keys):
                self.cupy.machine.stream().refuse_while_capturing("an index of truth values")
            return self.cupy.function(lambda x, *k: x[k], [self, *keys])
        found = self.host[key]
        return self._view(found if isinstance(found, np.ndarray) else self.host[(*keys, ...)])

    def __setitem__(self, key, value):
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(k, Array) for k in keys):
            self.cupy.machine.stream().refuse_while_capturing("setting what a mask chooses")
            self.cupy.check([self, *keys, value])
            host, values = self.host, value.host if isinstance(value, Array) else value
            index = tuple(k.host if isinstance(k, Array) else k for k in keys)
            self.cupy.queue(lambda: host.__setitem__(index, values))
            return
        self.cupy.copyto(self if key is Ellipsis else self[key], value, "unsafe")

    def reshape(self, *shape):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return self.cupy.reshape(self, shape)

    def view(self, dtype=None):
        return self._view(self.host.view() if dtype is None else self.host.view(dtype))

    def ravel(self):
        return self.reshape(-1)

    def transpose(self, *axes):
        return self._view(self.host.transpose(*axes))

    def swapaxes(self, a, b):
        return self._view(self.host.swapaxes(a, b))

    def squeeze(self, axis=None):
        return self._view(self.host.squeeze(axis))

    def fill(self, value):
        assert not isinstance(value, Array) or value.ndim == 0
        self.cupy.copyto(self, value, "unsafe")

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        if not copy and self.dtype == np.dtype(dtype):
            return self
        out = self.cupy.empty(self.shape, dtype)
        self.cupy.copyto(out, self, "unsafe")
        return out

    def copy(self, order="C"):
        return self.astype(self.dtype)


def _method(name):
    def call(self, *args, **kwargs):
        return getattr(self.cupy, name)(self, *args, **kwargs)

    return call


def _operator(name, turned=False):
    def call(self, *others):
        args = (*others, self) if turned else (self, *others)
        return getattr(self.cupy, name)(*args)

    return call


def _in_place(name):
    def call(self, other):
        return getattr(self.cupy, name)(self, other, self)

    return call


for _name in "sum max min mean prod any all argmax argmin argsort take cumsum cumprod dot".split():
    setattr(Array, _name, _method(_name))
for _word, _name in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "left_shift", "rshift": "right_shift", "matmul": "matmul",
}.items():  # fmt: skip
    setattr(Array, f"__{_word}__", _operator(_name))
    setattr(Array, f"__r{_word}__", _operator(_name, turned=True))
    setattr(Array, f"__i{_word}__", _in_place(_name))
for _word, _name in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
    "neg": "negative", "abs": "absolute", "invert": "invert",
}.items():  # fmt: skip
    setattr(Array, f"__{_word}__", _operator(_name))
