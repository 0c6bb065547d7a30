"""What this installation consists of: versions, devices, and which engines are on and why others are off."""

import importlib.metadata
import os
import platform
from typing import NamedTuple

from . import __version__
from .runtime import native
from .runtime.device import cupy_or_reason

# Distributions worth a line, required ones first; the others switch on optional features.
_REQUIRED = ["numpy", "h5py", "pyyaml"]
_OPTIONAL = ["scipy", "pillow", "pandas", "scikit-learn", "pydot", "matplotlib", "tensorboard", "requests"]
_CUDA = ["cupy-cuda12x", "cupy-cuda13x"]


class Engine(NamedTuple):
    """One way to execute a plan."""

    name: str
    on: bool
    detail: str


def distribution_version(name):
    """Returns the installed version of a distribution, or None.

    Arguments:
        name: str, the distribution's name, for example `'pyyaml'`.
    """
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def engines():
    """Lists the engines with their state.

    Returns:
        List of `Engine`; `detail` describes one that is on and gives the reason for one that is off.
    """
    found = [Engine("numpy", True, "always there; every operation has a NumPy kernel")]
    status = native.status()
    if status.module is not None:
        build = native.build_info()
        detail = f"{build['compiler']}, {build['isa']}, {build['threads']} threads"
        found.append(Engine("native", True, detail))
    else:
        found.append(Engine("native", False, status.reason))
    cupy, reason = cupy_or_reason()
    if cupy is not None:
        runtime = cupy.cuda.runtime.runtimeGetVersion()
        found.append(Engine("cuda", True, f"CuPy {cupy.__version__}, CUDA runtime {runtime}"))
        from .kernels.cuda import glue

        for part in glue.PARTS:
            reason = glue.reason(part)
            found.append(Engine(part, not reason, reason or "NVIDIA's library, called directly"))
    else:
        found.append(Engine("cuda", False, reason))
    return found


def devices():
    """Lists the devices.

    Returns:
        List of `(name, description)`, both str, the CPU first.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = [("/cpu:0", f"{platform.machine()}, {count} processors")]
    cupy, _ = cupy_or_reason()
    if cupy is not None:
        for index in range(cupy.cuda.runtime.getDeviceCount()):
            properties = cupy.cuda.runtime.getDeviceProperties(index)
            memory = properties["totalGlobalMem"] / 2**30
            found.append((f"/gpu:{index}", f"{properties['name'].decode()}, {memory:.0f} GiB"))
    return found


def report():
    """Composes the text that `python -m gpukeras info` prints.

    Returns:
        The report, str of several lines.
    """
    from . import backend as K

    own = distribution_version("gpukeras") or "not installed, run from its source"
    lines = [f"gpukeras {own}, Keras API {__version__}"]
    lines.append(f"Python {platform.python_version()} on {platform.platform()}")
    lines += ["", "Packages"]
    for name in _REQUIRED + _OPTIONAL + [name for name in _CUDA if distribution_version(name)]:
        lines.append(f"  {name:14}{distribution_version(name) or 'not installed (optional)'}")
    lines += ["", "Devices"]
    lines += [f"  {name:14}{description}" for name, description in devices()]
    lines += ["", "Engines"]
    for engine in engines():
        lines.append(f"  {engine.name:14}{'on' if engine.on else 'off'}: {engine.detail}")
    lines += ["", "Configuration"]
    settings = [K.floatx(), f"epsilon {K.epsilon():g}", K.image_data_format(), f"backend name '{K.backend()}'"]
    lines.append("  " + ", ".join(settings))
    return "\n".join(lines)
