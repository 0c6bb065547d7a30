"""Kernels of the native CPU engine, made of the C++ extension's tasks."""

from . import convolution, ctc, fused, gather, matmul, moments, pooling, recurrent
