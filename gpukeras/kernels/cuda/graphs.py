"""Descriptions of cuDNN graphs, as csrc/cuda/glue/cudnn_graphs.cpp reads them."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .prepared import TYPES, allows_tf32

PART = "cudnn_graphs"
MOST_WORKSPACE = 512 << 20
#: Kinds of graph, in their order there.
KINDS = (
    "forward", "forward_bias", "forward_relu", "forward_bias_relu", "data_gradient", "kernel_gradient", "max_pool",
    "mean_pool", "mean_pool_gradient", "norm", "norm_gradient",
)  # fmt: skip
#: Tensors of a graph, in the order of their addresses.
PLACES = ("x", "w", "y", "scale", "bias", "mean", "inverse", "dx", "dscale", "dbias", "epsilon")


class Graph(NamedTuple):
    """What a graph is made from.

    Attributes:
        kind: one of `KINDS`.
        dtype: of the images.
        deterministic: whether engines whose results vary are left out.
        alignment: bytes that all addresses are multiples of.
        most_workspace: bytes.
        x: layout (samples, channels, spatial axes); of a normalisation its input.
        w: layout (channels out, channels in of a group, spatial axes); of a pool its window in the last axes.
        y: layout like that of x.
        pads: (before, after) per spatial axis.
        strides: per spatial axis.
        dilation: per spatial axis.
    """

    kind: str
    dtype: str
    deterministic: bool
    alignment: int
    most_workspace: int
    x: Any
    w: Any
    y: Any
    pads: Sequence[tuple[int, int]]
    strides: Sequence[int]
    dilation: Sequence[int]


def _five(x: Any) -> tuple[list[int], list[int]]:
    """Sizes and strides in elements of at least two spatial axes, filled up to five."""
    sizes, strides = list(x.shape), [s // x.dtype.itemsize for s in x.strides]
    # An axis of one element has no stride of its own; libraries look at it to tell layouts apart.
    if len(sizes) == 3:
        sizes.insert(2, 1)
        strides.insert(2, strides[2] * sizes[3])
    fill = [0] * (5 - len(sizes))
    return sizes + fill, _regular(sizes, strides) + fill


def _regular(sizes: Sequence[int], strides: Sequence[int]) -> list[int]:
    """The strides that the same layout would have if no axis had one element only."""
    last = list(strides)
    for order in ([0, 1, *range(2, len(sizes))], [0, *range(2, len(sizes)), 1]):
        step, found = 1, [0] * len(sizes)
        for axis in reversed(order):
            found[axis] = step
            step *= sizes[axis]
        if all(n == 1 or a == b for n, a, b in zip(sizes, strides, found, strict=True)):
            last = found  # channels last where both would do
    return last


def words(graph: Graph) -> list[int]:
    """The words of a description, without the number of the GPU."""
    extra = int(graph.x.ndim == 3)  # cuDNN wants two spatial axes at least
    axes = graph.x.ndim - 2 + extra

    def three(values: Sequence[int], filler: int) -> list[int]:
        found = [filler] * extra + [int(v) for v in values]
        return found + [0] * (3 - len(found))

    tf32 = allows_tf32() and graph.dtype == "float32"
    head = [KINDS.index(graph.kind), TYPES[graph.dtype], tf32, graph.deterministic, graph.alignment]
    tensors = [number for x in (graph.x, graph.w, graph.y) for part in _five(x) for number in part]
    before, after = ([pair[i] for pair in graph.pads] for i in (0, 1))
    settings = [*three(before, 0), *three(after, 0), *three(graph.strides, 1), *three(graph.dilation, 1)]
    return [int(n) for n in (*head, graph.most_workspace, axes, *tensors, *settings)]


def place_pointers(addresses: Mapping[str, int]) -> Any:
    """The addresses of a run, null for tensors that a graph has not.

    Arguments:
        addresses: by name in `PLACES`.
    """
    return (ctypes.c_void_p * len(PLACES))(*(addresses.get(name) for name in PLACES))
