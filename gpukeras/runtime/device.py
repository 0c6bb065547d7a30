"""The devices a plan can run on and the array module each one uses."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from . import native

ALIGNMENT = 64  # bytes: a cache line, and what AVX-512 loads and CUDA vector loads like


class Device:
    """Where arrays live and kernels run.

    Arguments:
        name: '/cpu:0', '/gpu:0', ... or 'planonly' (builds plans, executes nothing).
        xp: array module, NumPy or CuPy.
        engine: whose kernels plans use: 'numpy', 'native' or 'cuda'.
        number: of the GPU.
        aside: work is queued on a stream of its own, as on all GPUs but the first.
    """

    def __init__(self, name: str, xp: ModuleType, engine: str = "numpy", number: int = 0, aside: bool = False) -> None:
        self.name = name
        self.xp = xp
        self.engine = engine
        self.number = number
        self.aside = aside
        self._stream: Any = None
        self.executes = name != "planonly"
        self.is_gpu = xp is not np

    def __repr__(self) -> str:
        return f"Device({self.name!r})"

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """Uninitialised array of `shape` on this device, at the start of a cache line."""
        if self.is_gpu:
            return self.xp.empty(shape, dtype)
        kind = np.dtype(dtype)
        nbytes = kind.itemsize * math.prod(shape)
        raw = np.empty(nbytes + ALIGNMENT, np.uint8)  # NumPy itself stops at 16 bytes
        first = -raw.ctypes.data % ALIGNMENT
        return raw[first : first + nbytes].view(kind).reshape(shape)

    def asarray(self, value: Any, dtype: str | None = None) -> Any:
        """Copy a host array to this device; its rows lie one after the other, as kernels expect, wherever they lay."""
        if self.is_gpu:
            return self.xp.array(value, dtype=dtype, order="C")
        value = np.asarray(value)
        out = self.empty(value.shape, dtype or value.dtype)
        np.copyto(out, value, casting="unsafe")
        return out

    def to_host(self, array: Any) -> np.ndarray:
        """Copy a device array to a NumPy array."""
        if self.is_gpu:
            host: np.ndarray = array.get()
            return host
        return np.array(array)

    def copy_in(self, out: Any, value: np.ndarray) -> None:
        """Write a host array into the device array `out`, converting to its dtype."""
        if self.is_gpu:
            out.set(np.asarray(value, dtype=out.dtype, order="C"))
        else:
            np.copyto(out, value, casting="unsafe")

    # --- several GPUs in one process

    @contextlib.contextmanager
    def active(self) -> Iterator[Any]:
        """Makes this GPU the current one, and where it has one its own stream; gives the stream.

        Arrays are made on the current GPU, and calls are queued there.
        """
        with self.xp.cuda.Device(self.number), self._named_in_errors():
            if not self.aside:
                yield self.xp.cuda.get_current_stream()
                return
            if self._stream is None:
                self._stream = self.xp.cuda.Stream(non_blocking=True)
            with self._stream:
                yield self._stream

    @contextlib.contextmanager
    def _named_in_errors(self) -> Iterator[None]:
        try:
            yield
        except MemoryError as error:
            error.gpu = getattr(error, "gpu", self)  # type: ignore[attr-defined]
            raise

    def event(self) -> Any:
        """An event for this GPU's streams to record."""
        with self.xp.cuda.Device(self.number):
            return self.xp.cuda.Event(disable_timing=True)


PLAN_ONLY = Device("planonly", np)
_default: Device | None = None
_gpus: list[Device] = []


def cupy_or_reason() -> tuple[ModuleType | None, str]:
    """Return CuPy when it imports and sees a GPU, else None and the reason in words."""
    if os.environ.get("GPUKERAS_ENGINE", "").lower() in ("numpy", "cpu", "native"):
        return None, "GPUKERAS_ENGINE=" + os.environ["GPUKERAS_ENGINE"] + " asks for the CPU"
    try:
        import cupy
    except ImportError:
        return None, "CuPy is not installed (pip install 'gpukeras[cuda12]' or 'gpukeras[cuda13]')"
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except Exception as e:  # CuPy raises its own error types when driver and toolkit disagree
        return None, f"CuPy {cupy.__version__} finds no usable CUDA driver: {e}"
    return (cupy, "") if count else (None, "no CUDA device is visible")


def array_module(array: Any) -> Any:
    """The module an array belongs to: NumPy, the namespace that the array names, or else CuPy."""
    if isinstance(array, np.ndarray):
        return np
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    import cupy

    return cupy


def default_device() -> Device:
    """The device new variables and plans use: the first GPU when there is one, else the CPU."""
    global _default
    if _default is None:
        xp, _ = cupy_or_reason()
        if xp is not None:
            _default = Device("/gpu:0", xp, "cuda")
        else:
            _default = Device("/cpu:0", np, "native" if native.load() is not None else "numpy")
    return _default


def device_of(xp: Any) -> Device:
    """The default device where its arrays are this module's, else one for them."""
    device = default_device()
    return device if device.xp is xp else Device("/cpu:0" if xp is np else "/gpu:0", xp)


def gpus() -> list[Device]:
    """The GPUs that this process may use, the default device first; none where that is the CPU."""
    global _gpus
    first = default_device()
    if not first.is_gpu:
        return []
    if not _gpus or _gpus[0] is not first:
        count = 1 if first.number else int(first.xp.cuda.runtime.getDeviceCount())
        _gpus = [first, *(Device(f"/gpu:{i}", first.xp, first.engine, i, aside=True) for i in range(1, count))]
    return _gpus


def limit_gpu_memory(fraction: float) -> int | None:
    """Limit CuPy's pool to a fraction of each GPU's memory; 0 lets it grow without limit.

    Returns:
        The limit in bytes on the first GPU (0: none), or None without a GPU.
    """
    devices = gpus()
    if not devices:
        return None
    for device in reversed(devices):
        pool = device.xp.get_default_memory_pool()
        with device.xp.cuda.Device(device.number):
            if fraction > 0:
                pool.set_limit(fraction=min(fraction, 1.0))
            else:
                pool.set_limit(size=0)
            limit = int(pool.get_limit())
    return limit


def use_cpu() -> None:
    """Make the CPU the default device, if nothing lives on a GPU yet.

    Raises:
        RuntimeError: when the GPU is in use already.
    """
    global _default
    if _default is not None and _default.is_gpu:
        raise RuntimeError(
            "the GPU is in use already; ask for the CPU before anything is built, or with GPUKERAS_ENGINE=numpy"
        )
    _default = Device("/cpu:0", np)


def use_gpus(indices: Sequence[int]) -> None:
    """See these GPUs only, in this order; nothing happens without one.

    Arguments:
        indices: numbers of GPUs, as CUDA counts those it sees.

    Raises:
        RuntimeError: when another GPU is in use already.
    """
    global _default
    if _default is not None and _default.is_gpu:
        if _default.number != indices[0]:
            raise RuntimeError(
                f"GPU {_default.number} is in use already; choose another before anything is built, or with "
                "CUDA_VISIBLE_DEVICES in the environment"
            )
        return
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    seen = before.split(",") if before else None
    if seen is None or max(indices) < len(seen):  # CUDA reads it when it is first used
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(str(i) if seen is None else seen[i] for i in indices)
    xp, _ = cupy_or_reason()
    if xp is not None and int(xp.cuda.runtime.getDeviceCount()) != len(indices):  # it was in use before
        xp.cuda.Device(indices[0]).use()
        _default = Device(f"/gpu:{indices[0]}", xp, "cuda", indices[0])
