"""`tf.contrib`: a few initializers and penalties of `tf.contrib.layers`.

Any other name can be imported, so that programs start; using it raises an error that names what to use instead.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

from .._missing import Unsupported

_EMPTY = (
    "crf", "cudnn_rnn", "data", "distribute", "distributions", "eager", "estimator", "framework", "gan", "image",
    "learn", "legacy_seq2seq", "lite", "lookup", "losses", "memory_stats", "metrics", "nn", "opt",
    "predictor", "quantize", "rnn", "saved_model", "seq2seq", "session_bundle", "signal", "slim", "summary",
    "tensorboard", "tensorrt", "tpu", "training", "util",
)  # fmt: skip


def _empty(name: str) -> types.ModuleType:
    module = types.ModuleType(f"{__name__}.{name}", f"`tf.contrib.{name}`: not available.")

    def missing(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return Unsupported(f"contrib.{name}.{attribute}")

    module.__getattr__ = missing  # type: ignore[method-assign]
    module.__path__ = []
    sys.modules[module.__name__] = module
    return module


globals().update({name: _empty(name) for name in _EMPTY})


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name == "layers":
        return importlib.import_module(__name__ + ".layers")
    if name == "keras":
        return importlib.import_module(__name__.partition(".")[0])
    return Unsupported(f"contrib.{name}")
