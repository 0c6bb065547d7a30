"""What models on several devices are made of; see `utils.multi_gpu_model`."""

from __future__ import annotations

from ..ops.replicas import replica_rows, total

__all__ = ["replica_rows", "total"]
