"""Kernels of the engine 'cuda', through CuPy: compiled at run time, launched on its current stream."""

from . import fused, images, recurrent, rows

__all__ = ["fused", "images", "recurrent", "rows"]
