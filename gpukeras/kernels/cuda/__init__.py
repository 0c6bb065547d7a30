"""Kernels of the engine 'cuda', through CuPy: compiled at run time, launched on its current stream."""

from . import convolution, ctc, cudnn_rnn, fused, images, local, products, randoms, recurrent, rows

__all__ = ["convolution", "ctc", "cudnn_rnn", "fused", "images", "local", "products", "randoms", "recurrent", "rows"]
