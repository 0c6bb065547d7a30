"""Faster kernels than the array module's, per engine: what a plan runs in place of `Op.bind` where one fits.

Every operation works without this package. A maker is asked while a plan is laid out, with the layouts of the arrays,
and answers with a `Kernel` or with None; `Op.bind` then does the work.
"""

from .registry import Kernel, find, kernel

__all__ = ["Kernel", "find", "kernel"]
