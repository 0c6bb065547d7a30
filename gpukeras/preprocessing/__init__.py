"""Preparing data: `sequence`, `text` and `image`."""

from . import image, sequence, text

__all__ = ["image", "sequence", "text"]
