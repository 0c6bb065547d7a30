"""Kernels of the engine 'cuda', through CuPy: compiled at run time, launched on its current stream."""

from . import fused, images, rows

__all__ = ["fused", "images", "rows"]
