"""Keras 2.2 on NumPy and CUDA, without TensorFlow."""

__version__ = "2.2.4"
