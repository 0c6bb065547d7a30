"""MobileNetV2 under the name Keras 2.2.0 gave the module."""

from .mobilenet_v2 import MobileNetV2, decode_predictions, preprocess_input

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]
