"""`tf.summary`: numbers, histograms and pictures for TensorBoard (needs the tensorboard package)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...backend.running import GRAPH
from ...callbacks import _events
from ...graph.tensor import Tensor
from ._base import convert
from ._missing import module_getattr
from ._variables import GraphKeys


def _summary(fill: Any, inputs: Any, collections: Any) -> Tensor:
    """A tensor of the bytes of a `Summary` message that `fill` completes from the values of `inputs`."""

    def write(*values: Any) -> Any:
        message = _events.protos()[1].Summary()
        fill(message, *values)
        return np.frombuffer(message.SerializeToString(), "uint8")

    (out,) = ops.py_function(write, inputs, ["uint8"])
    for key in [GraphKeys.SUMMARIES] if collections is None else collections:
        GRAPH.add_to_collection(key, out)
    return out


def scalar(name: str, tensor: Any, collections: Any = None, family: str | None = None) -> Tensor:
    """A number, for `FileWriter.add_summary`."""
    tag = f"{family}/{name}" if family else name
    return _summary(lambda m, x: m.value.add(tag=tag, simple_value=float(x)), [convert(tensor)], collections)


def histogram(name: str, values: Any, collections: Any = None, family: str | None = None) -> Tensor:
    """The distribution of a tensor's elements, for `FileWriter.add_summary`."""
    tag = f"{family}/{name}" if family else name

    def fill(message: Any, x: Any) -> None:
        counts = _events.Histogram()  # type: ignore[no-untyped-call]
        counts.add(x)  # type: ignore[no-untyped-call]
        counts.proto(message.value.add(tag=tag).histo)  # type: ignore[no-untyped-call]

    return _summary(fill, [convert(values)], collections)


def image(name: str, tensor: Any, max_outputs: int = 3, collections: Any = None, family: str | None = None) -> Tensor:
    """Pictures (N, H, W, 1), for `FileWriter.add_summary`; colours become grey."""
    tag = f"{family}/{name}" if family else name

    def fill(message: Any, x: Any) -> None:
        for i, picture in enumerate(x[:max_outputs]):
            grey = picture if picture.dtype == np.uint8 else _events.to_bytes(picture)  # type: ignore[no-untyped-call]
            grey = grey.mean(-1).astype("uint8") if grey.shape[-1] != 1 else grey[..., 0]
            value = message.value.add(tag=f"{tag}/image/{i}" if max_outputs > 1 else f"{tag}/image")
            value.image.height, value.image.width, value.image.colorspace = *grey.shape, 1
            value.image.encoded_image_string = _events.png(grey)  # type: ignore[no-untyped-call]

    return _summary(fill, [convert(tensor)], collections)


def merge(inputs: Any, collections: Any = None, name: str | None = None) -> Tensor:
    """Several summaries as one."""

    def fill(message: Any, *parts: Any) -> None:
        for part in parts:
            message.MergeFromString(part.tobytes())

    return _summary(fill, list(inputs), [] if collections is None else collections)


def merge_all(key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None) -> Tensor | None:
    """All summaries as one, or None when there are none."""
    found = GRAPH.get_collection(key, scope)
    return merge(found) if found else None


class FileWriter:
    """Writes summaries to a file that TensorBoard reads.

    Arguments:
        logdir: folder.
        graph: accepted; graphs are not written here (the TensorBoard callback draws models).
        Others are accepted for TensorFlow's sake.
    """

    def __init__(
        self, logdir: str, graph: Any = None, max_queue: int = 10, flush_secs: int = 120, graph_def: Any = None,
        filename_suffix: Any = None, session: Any = None,
    ) -> None:  # fmt: skip
        self._logdir = logdir
        self._file: Any = _events.SummaryWriter(logdir)  # type: ignore[no-untyped-call]

    def get_logdir(self) -> str:
        """The folder."""
        return self._logdir

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Writes what a session computed of a summary, or a `tf.Summary` message."""
        if isinstance(summary, np.ndarray):
            summary = summary.tobytes()
        self._file.add_summary(summary, global_step)

    def add_event(self, event: Any) -> None:
        """Writes an `Event` message."""
        self._file.add_event(event)

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Does nothing: the TensorBoard callback draws models."""

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Does nothing: there is none."""

    def flush(self) -> None:
        """Brings everything onto the disk."""
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    def reopen(self) -> None:
        """Begins another file in the folder."""
        self._file = _events.SummaryWriter(self._logdir)  # type: ignore[no-untyped-call]

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()


def _lazy(name: str) -> Any:
    if name in ("Summary", "Event"):
        event, summary, _, _ = _events.protos()  # type: ignore[no-untyped-call]
        return summary.Summary if name == "Summary" else event.Event
    return None


__getattr__ = module_getattr("summary", _lazy)
