"""`tensorflow.python.client.device_lib`: the devices there are."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from .....runtime import device as _devices

DeviceAttributes = namedtuple("DeviceAttributes", "name device_type memory_limit incarnation physical_device_desc")


def list_local_devices(session_config: Any = None) -> list[Any]:
    """Name, kind, memory in bytes and description of each device."""
    found = [DeviceAttributes("/device:CPU:0", "CPU", 268435456, 1, "")]
    xp, _ = _devices.cupy_or_reason()
    if xp is None:
        return found
    for i in range(int(xp.cuda.runtime.getDeviceCount())):
        facts = xp.cuda.runtime.getDeviceProperties(i)
        name = facts["name"].decode() if isinstance(facts["name"], bytes) else str(facts["name"])
        text = f"device: {i}, name: {name}, compute capability: {facts['major']}.{facts['minor']}"
        found.append(DeviceAttributes(f"/device:GPU:{i}", "GPU", int(facts["totalGlobalMem"]), i + 2, text))
    return found
