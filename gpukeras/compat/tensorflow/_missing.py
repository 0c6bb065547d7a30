"""What names that are not here do: an error that says so and names what to use in Keras' backend."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

# What to use in place of names that have no counterpart here, where likeness of names does not find it.
_INSTEAD = {
    "GradientTape": "K.gradients(loss, variables)",
    "estimator": "keras.Model.fit",
    "data": "keras.utils.Sequence or a generator, with fit_generator",
    "Dataset": "keras.utils.Sequence or a generator, with fit_generator",
    "SparseTensor": "K.placeholder(sparse=True) and K.dot",
    "sparse_placeholder": "K.placeholder(sparse=True)",
    "dynamic_rnn": "K.rnn, keras.layers.RNN",
    "bidirectional_dynamic_rnn": "keras.layers.Bidirectional",
    "rnn_cell": "keras.layers.LSTMCell, GRUCell, SimpleRNNCell",
    "contrib": "keras.layers, keras.initializers, keras.regularizers",
    "enable_eager_execution": "K.eval(x) and K.get_value(x) for values",
    "import_graph_def": "keras.models.load_model",
    "graph_util": "keras.models.save_model",
    "saved_model": "keras.models.save_model",
    "lite": "keras.models.save_model",
    "decode_jpeg": "keras.preprocessing.image.load_img",
    "decode_png": "keras.preprocessing.image.load_img",
    "decode_image": "keras.preprocessing.image.load_img",
    "read_file": "open(path, 'rb').read()",
    "string": "Python strings and keras.preprocessing.text",
    "complex64": "two real tensors",
    "complex128": "two real tensors",
    "complex": "two real tensors",
    "fft": "numpy.fft on K.eval(x)",
    "ctc_beam_search_decoder": "K.ctc_decode(greedy=False)",
    "ctc_greedy_decoder": "K.ctc_decode(greedy=True)",
    "xavier_initializer": "keras.initializers.glorot_uniform",
    "l2_regularizer": "keras.regularizers.l2",
    "l1_regularizer": "keras.regularizers.l1",
    "MonitoredTrainingSession": "keras.Model.fit",
    "batch_scatter_update": "K.update",
    "distribute": "keras.utils.multi_gpu_model",
}


class MissingName(AttributeError):
    """A name of TensorFlow that the stand-in does not have."""


def nearest(name: str) -> str:
    """The nearest thing in Keras to a name of TensorFlow, in words; '' when nothing is near."""
    from ... import backend as K

    *outer, short = name.split(".")
    if short in _INSTEAD:
        return _INSTEAD[short]
    names = {n.lower(): n for n in dir(K) if not n.startswith("_") and callable(getattr(K, n))}
    plain = short.lower().removeprefix("reduce_").removeprefix("matrix_").removesuffix("_v2")
    close = difflib.get_close_matches(plain, names, 1, 0.75)
    if close:
        return f"K.{names[close[0]]}"
    return next((_INSTEAD[part] for part in reversed(outer) if part in _INSTEAD), "")


def message(name: str, known: bool) -> str:
    """The text of the error for a full name such as 'nn.dynamic_rnn'."""
    near = nearest(name)
    what = "is not available in the stand-in for TensorFlow" if known else "is not a name of TensorFlow 1.13"
    hint = f"; the nearest in Keras is {near}" if near else ""
    if not known:
        from ._known import NAMES

        module, _, short = name.rpartition(".")
        close = difflib.get_close_matches(short, NAMES.get(module, ()), 1, 0.8)
        hint = f"; did you mean tensorflow.{module + '.' if module else ''}{close[0]}?" + hint if close else hint
    return f"tensorflow.{name} {what}{hint}; see docs/compatibility.md for what there is"


class Unsupported:
    """Stands for a name of TensorFlow that is not available: using it raises NotImplementedError.

    Arguments:
        name: full name.
    """

    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(message(self._name, known=True))

    def __instancecheck__(self, instance: Any) -> bool:
        return False

    __call__ = __mro_entries__ = __iter__ = __getitem__ = __enter__ = _refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unsupported(f"{self._name}.{name}")

    def __repr__(self) -> str:
        return f"<tensorflow.{self._name}: not available>"


def module_getattr(module: str, lazy: Callable[[str], Any] | None = None) -> Callable[[str], Any]:
    """The `__getattr__` of a module of the stand-in.

    Arguments:
        module: its name inside tensorflow, '' for tensorflow itself.
        lazy: function that returns an attribute made on demand, or None.

    Returns:
        A function for the module's namespace.
    """

    def missing(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = lazy(name) if lazy is not None else None
        if found is not None:
            return found
        from ._known import NAMES

        full = f"{module}.{name}" if module else name
        if name in NAMES.get(module, ()):
            return Unsupported(full)
        raise MissingName(message(full, known=False))

    return missing
