"""What TensorBoard reads: summaries, pictures and graphs as the messages of its event files.

The messages and the writer are those of the `tensorboard` package, imported at first use.
"""

import re
import struct
import sys
import time
import types
import zlib

import numpy as np


def _leave_out_the_stand_in():
    """Makes tensorboard use what it brings along where TensorFlow is not installed, not our stand-in for it."""
    from ..compat import alias

    finder = alias.current()
    if finder is not None and finder._stands_in("tensorflow"):
        # The module by which tensorboard itself is told so.
        sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))


def protos():
    """The message modules (event, summary, graph, attr_value) of the `tensorboard` package.

    Raises:
        ImportError: when it is not installed.
    """
    _leave_out_the_stand_in()
    try:
        from tensorboard.compat.proto import attr_value_pb2, event_pb2, graph_pb2, summary_pb2
    except ImportError:
        raise ImportError(
            'The TensorBoard callback needs the tensorboard package: pip install "gpukeras[tensorboard]"'
        ) from None
    return event_pb2, summary_pb2, graph_pb2, attr_value_pb2


class SummaryWriter:
    """Writes one event file, with the methods that programs call on `TensorBoard.writer`.

    Arguments:
        log_dir: folder of the file.
    """

    def __init__(self, log_dir):
        self._event = protos()[0].Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._file = EventFileWriter(log_dir)

    def add_event(self, event):
        """Writes an `Event` message."""
        self._file.add_event(event)

    def add_summary(self, summary, global_step=None):
        """Writes a `Summary` message, or its bytes."""
        event = self._event(wall_time=time.time(), step=None if global_step is None else int(global_step))
        if isinstance(summary, bytes):
            event.summary.ParseFromString(summary)
        else:
            event.summary.CopyFrom(summary)
        self._file.add_event(event)

    def add_graph(self, graph):
        """Writes a `GraphDef` message."""
        self._file.add_event(self._event(wall_time=time.time(), graph_def=graph.SerializeToString()))

    def flush(self):
        """Brings everything onto the disk."""
        self._file.flush()

    def close(self):
        """Ends the file."""
        self._file.close()


def _bucket_limits():
    """Upper limits of the histograms' buckets: from -1e20 to 1e20, each ten per cent further from 0."""
    positive = 1e-12 * 1.1 ** np.arange(774)
    return np.concatenate([-positive[::-1], [0.0], positive, [np.finfo("float64").max]])


class Histogram:
    """The distribution of numbers that come in parts."""

    _limits = None

    def __init__(self):
        if Histogram._limits is None:
            Histogram._limits = _bucket_limits()
        self._counts = np.zeros(len(self._limits), dtype="int64")
        self._sum = self._squares = 0.0
        self._min, self._max = np.inf, -np.inf

    def add(self, values):
        """Counts the elements of an array; those that are no finite numbers are left out."""
        flat = np.asarray(values, dtype="float64").ravel()
        flat = flat[np.isfinite(flat)]
        if not flat.size:
            return
        self._counts += np.bincount(np.searchsorted(self._limits, flat, side="right"), minlength=len(self._limits))
        self._sum += flat.sum()
        self._squares += np.dot(flat, flat)
        self._min, self._max = min(self._min, flat.min()), max(self._max, flat.max())

    def proto(self, message):
        """Fills a `HistogramProto`."""
        used = np.flatnonzero(self._counts)
        if not used.size:
            return
        # One empty bucket on the left tells where the first full one begins.
        first, end = max(used[0] - 1, 0), used[-1] + 1
        message.min, message.max = self._min, self._max
        message.num, message.sum, message.sum_squares = float(self._counts.sum()), self._sum, self._squares
        message.bucket_limit.extend(self._limits[first:end].tolist())
        message.bucket.extend(self._counts[first:end].astype("float64").tolist())


def weight_pictures(weight, data_format):
    """A weight as pictures, an array (N, H, W), or None for ranks that make none.

    Arguments:
        weight: array: a vector becomes one column, a matrix one picture (lying), a stack of rank 3 one picture
            per channel.
        data_format: 'channels_last' or 'channels_first', where the channels of a stack are.
    """
    w = np.squeeze(weight)
    if w.ndim == 1:
        return w[None, :, None]
    if w.ndim == 2:
        return (w.T if w.shape[0] > w.shape[1] else w)[None]
    if w.ndim == 3:
        return w.transpose(2, 0, 1) if data_format == "channels_last" else w
    return None


def to_bytes(picture):
    """Numbers as grey values: 0 is black for numbers from 0 on, and 127 when some are negative."""
    x = np.where(np.isfinite(picture), picture, 0).astype("float64")
    low, high = x.min(initial=0.0), x.max(initial=0.0)
    if low >= 0:
        scale, offset = (255.0 / high if high > 0 else 0.0), 0.0
    else:
        scale, offset = 127.0 / max(-low, high), 128.0
    return np.clip(x * scale + offset, 0, 255).astype("uint8")


def png(grey):
    """A uint8 array (H, W) as the bytes of a PNG file."""
    height, width = grey.shape

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    # Every row begins with the number of its filter, 0 for none.
    rows = np.concatenate([np.zeros((height, 1), "uint8"), grey], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _node_name(text):
    """A name that TensorBoard's graph view takes."""
    return re.sub(r"[^A-Za-z0-9_.\\/-]", "_", text).lstrip("_/-\\") or "unnamed"


def graph_def(tensors, leaf_kind):
    """The graph that computes some tensors, as a `GraphDef` message.

    Arguments:
        tensors: list of tensors.
        leaf_kind: function from a tensor without inputs to the kind shown for it.
    """
    _, _, graph_pb2, _ = protos()
    graph = graph_pb2.GraphDef()
    names, taken, pending = {}, set(), list(tensors)
    while pending:
        tensor = pending[-1]
        source = tensor.node if tensor.node is not None else tensor
        if source in names:
            pending.pop()
            continue
        inputs = tensor.node.inputs if tensor.node is not None else ()
        missing = [t for t in inputs if (t.node if t.node is not None else t) not in names]
        if missing:
            pending += missing
            continue
        pending.pop()
        kind = tensor.node.type if tensor.node is not None else leaf_kind(tensor)
        # Constants have no names of their own.
        base = name = "Const" if kind == "Const" else _node_name(source.name.partition(":")[0])
        while name in taken:
            name = f"{base}_{len(taken)}"
        taken.add(name)
        names[source] = name
        node = graph.node.add(name=name, op=kind)
        for t in inputs:
            made = names[t.node if t.node is not None else t]
            node.input.append(f"{made}:{t.index}" if t.index else made)
        _set_shapes(node, tensor.node.outputs if tensor.node is not None else [tensor])
    graph.versions.producer = 22
    return graph


def _set_shapes(node, tensors):
    """Adds the static shapes, which the graph view shows on the edges."""
    shapes = node.attr["_output_shapes"].list
    for tensor in tensors:
        shape = shapes.shape.add()
        if tensor.shape is None:
            shape.unknown_rank = True
            continue
        for size in tensor.shape:
            shape.dim.add(size=-1 if size is None else size)
