"""Convolutions and pooling beyond single cases: blocks, work memory, shapes, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.graph.dtype import as_dtype
from gpukeras.graph.gradient import gradients
from gpukeras.graph.op import Spec
from gpukeras.graph.shape import prod
from gpukeras.graph.tensor import Placeholder, Tensor
from gpukeras.ops import conv_depthwise, conv_geometry, conv_kernels, pool
from gpukeras.ops.conv_geometry import Geometry
from tests.ops import harness
from tests.ops.cases.conv import SETTINGS, conv_loops


def _geometry(x: tuple[int, ...], w: tuple[int, ...], **settings: Any) -> Geometry:
    node = ops.conv(Placeholder(x), Placeholder(w), **settings).node
    assert node is not None
    specs = [Spec(s, as_dtype("float32")) for s in (x, w)]
    out = node.op.infer(specs, [None, None])
    assert isinstance(out, Spec)
    geometry = node.op.prepare(specs, [out])
    assert isinstance(geometry, Geometry)
    return geometry


# --- blocks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [1, 200, 1000, 4000])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s[0])
def test_results_do_not_depend_on_blocks(
    setting: tuple[Any, ...], budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a block is (one row, some rows, some samples), forward and both gradients are the same."""
    _, x, w, strides, padding, dilation, groups = setting
    rng = np.random.RandomState(0)
    a, b = rng.randn(5, *x[1:]), rng.randn(*w)
    px, pw = Placeholder(a.shape, "float64"), Placeholder(b.shape, "float64")
    y = ops.conv(px, pw, strides, padding, dilation, groups)
    assert y.shape is not None
    c = rng.randn(*[n or 0 for n in y.shape])
    dy = Placeholder(c.shape, "float64")
    outputs = [y, *(g for g in gradients(y, [px, pw], [dy]) if g is not None)]
    feeds: dict[Tensor, np.ndarray] = {px: a, pw: b, dy: c}
    whole = harness.direct(outputs, feeds)
    monkeypatch.setattr(conv_geometry, "COLUMNS", budget)
    monkeypatch.setattr(conv_geometry, "MOST_COLUMNS", budget)
    monkeypatch.setattr(conv_depthwise, "COLUMNS", budget)
    for few in (1, 1000):  # both ways to add up columns
        monkeypatch.setattr(conv_kernels, "FEW", few)
        for one, other in zip(whole, harness.direct(outputs, feeds)):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("budget", [1, 100, 400])
def test_pooling_does_not_depend_on_blocks(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    a = np.random.RandomState(0).randint(0, 4, (7, 5, 4, 2)).astype("float64")
    x = Placeholder(a.shape, "float64")
    outputs: list[Tensor] = []
    for op in (ops.max_pool, ops.average_pool):
        y = op(x, (3, 2), (2, 1), "same")
        outputs += [y, *(g for g in gradients(ops.square(y), [x]) if g is not None)]
    whole = harness.direct(outputs, {x: a})
    monkeypatch.setattr(pool, "COLUMNS", budget)
    for one, other in zip(whole, harness.direct(outputs, {x: a})):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n", [1, 3, 64])
@pytest.mark.parametrize("shape", [(200,), (28, 28), (100, 100), (500, 400), (20, 30, 30)], ids=str)
def test_blocks_cover_the_output_once(n: int, shape: tuple[int, ...]) -> None:
    g = _geometry((n, *shape, 16), (*(3,) * len(shape), 16, 8), padding="same")
    seen = np.zeros((n, *g.out), int)
    for samples, parts in g.blocks():
        assert samples.stop - samples.start <= g.samples
        for part in parts:
            view = seen[(samples, *part)]
            assert view.size <= g.rows
            view += 1
    assert seen.min() == seen.max() == 1


@pytest.mark.parametrize(
    "x, w",
    [
        ((32, 100, 100, 3), (3, 3, 3, 32)),
        ((32, 98, 98, 32), (3, 3, 32, 32)),
        ((32, 14, 14, 512), (3, 3, 512, 512)),
        ((1024, 28, 28, 1), (3, 3, 1, 32)),
        ((8, 1000, 1000, 3), (7, 7, 3, 64)),
        ((4, 64, 64, 64, 8), (3, 3, 3, 8, 8)),
        ((16, 100000, 4), (5, 4, 8)),
    ],
)
def test_work_memory_is_bounded(x: tuple[int, ...], w: tuple[int, ...]) -> None:
    """Columns take megabytes however large the batch; at most one sample is held padded where samples are large."""
    g = _geometry(x, w, padding="same")
    assert g.rows * g.depth * 4 <= max(conv_geometry.MOST_COLUMNS, conv_geometry.COLUMNS)
    assert g.samples * prod(g.padded) * g.c * 4 <= max(
        conv_geometry.MOST_COLUMNS, conv_geometry.COLUMNS, prod(g.padded) * g.c * 4
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda x, w: ops.conv(x, w, padding="same"),
        lambda x, w: gradients(ops.conv(x, w, 2), [x])[0],
        lambda x, w: gradients(ops.conv(x, w, padding="same"), [x])[0],
        lambda x, w: gradients(ops.conv(x, w, padding="same"), [w])[0],
        lambda x, w: ops.conv(x, ops.reshape(w[:, :, :1], (3, 3, 1, 16)), 1, "same", groups=16),
        lambda x, w: ops.max_pool(x, 2),
        lambda x, w: gradients(ops.max_pool(x, 3, 2, "same"), [x])[0],
        lambda x, w: gradients(ops.average_pool(x, 3, 2, "same"), [x])[0],
        lambda x, w: ops.patches(x, 3),
        lambda x, w: ops.interpolate(x, 2, 1),
        lambda x, w: ops.upsample(x, (2, 2)),
    ],
    ids=[
        "conv", "input gradient by columns", "input gradient flipped", "weight gradient", "depthwise", "max_pool",
        "max_pool gradient", "average_pool gradient", "patches", "interpolate", "upsample",
    ],
)  # fmt: skip
def test_a_step_allocates_nothing(build: Any) -> None:
    rng = np.random.RandomState(0)
    x, w = Placeholder((32, 40, 40, 16)), Placeholder((3, 3, 16, 16))
    out = build(x, w)
    feeds = {x: rng.randn(32, 40, 40, 16).astype("f"), w: rng.randn(3, 3, 16, 16).astype("f")}
    # NumPy walks over strided operands through buffers of a fixed size, three at most; any copy is larger than that
    assert harness.thunks_allocate(out, feeds) < 3 * np.getbufsize() * 4 + 4096


# --- which kernel ---------------------------------------------------------------------------------------------


def test_pointwise_convolution_is_one_product() -> None:
    g = _geometry((8, 14, 14, 32), (1, 1, 32, 16))
    assert g.pointwise
    x, w, y = np.ones((8, 14, 14, 32), "f"), np.ones((1, 1, 32, 16), "f"), np.empty((8, 14, 14, 16), "f")
    work = [
        np.empty([n or 0 for n in s.shape or ()], str(s.dtype)) for s in conv_kernels.scratch(g, as_dtype("float32"))
    ]
    assert len(conv_kernels.forward(np, g, x, w, y, work)) == 1
    assert not _geometry((8, 14, 14, 32), (1, 1, 32, 16), strides=2).pointwise


def test_transposed_input_gives_the_same() -> None:
    """channels_first tensors reach the kernels as transposed views."""
    rng = np.random.RandomState(0)
    a, b = rng.randn(2, 3, 5, 4), rng.randn(3, 2, 3, 4)
    x, w = Placeholder(a.shape, "float64"), Placeholder(b.shape, "float64")
    y = ops.transpose(ops.conv(ops.transpose(x, (0, 2, 3, 1)), w, 1, "same"), (0, 3, 1, 2))
    f = harness.compiled([x, w], [y])
    want = conv_loops(np.moveaxis(a, 1, -1), b, (1, 1), "same", (1, 1), 1)
    np.testing.assert_allclose(f([a, b])[0], np.moveaxis(want, -1, 1), rtol=1e-12)


# --- shapes ---------------------------------------------------------------------------------------------------


def test_shapes_of_unknown_sizes() -> None:
    x = Placeholder((None, None, 10, 3))
    w = Placeholder((3, 3, 3, 8))
    for padding, want in (("valid", (None, None, 8, 8)), ("same", (None, None, 10, 8)), ("full", (None, None, 12, 8))):
        y = ops.conv(x, w, padding=padding)
        assert tuple(y.shape or ()) == want
        dx, dw = gradients(y, [x, w])
        assert dx is not None and tuple(dx.shape or ()) == (None, None, 10, 3)
        assert dw is not None and tuple(dw.shape or ()) == (3, 3, 3, 8)
    assert tuple(ops.max_pool(x, 2).shape or ()) == (None, None, 5, 3)
    assert tuple(ops.average_pool(x, 3, 2, "same").shape or ()) == (None, None, 5, 3)


def test_sizes_may_change_from_call_to_call() -> None:
    x, w = Placeholder((None, None, None, 2), "float64"), Placeholder((3, 2, 2, 3), "float64")
    y = ops.conv(x, w, 2, "same")
    grads = [g for g in gradients(ops.square(y), [x, w]) if g is not None]
    f = harness.compiled([x, w], [y, *grads])
    rng = np.random.RandomState(0)
    b = rng.randn(3, 2, 2, 3)
    for shape in ((1, 4, 4, 2), (3, 5, 6, 2), (2, 1, 3, 2), (1, 4, 4, 2)):
        a = rng.randn(*shape)
        got, dx, dw = f([a, b])
        np.testing.assert_allclose(got, conv_loops(a, b, (2, 2), "same", (1, 1), 1), rtol=1e-11, atol=1e-12)
        assert dx.shape == a.shape and dw.shape == b.shape


def test_empty_batch() -> None:
    x, w = Placeholder((None, 4, 4, 2)), Placeholder((3, 3, 2, 5))
    y = ops.conv(x, w)
    dx, dw = gradients(y, [x, w])
    assert dx is not None and dw is not None
    pooled = ops.max_pool(x, 2)
    f = harness.compiled([x, w], [y, dx, dw, pooled])
    got = f([np.zeros((0, 4, 4, 2)), np.ones((3, 3, 2, 5))])
    assert [a.shape for a in got] == [(0, 2, 2, 5), (0, 4, 4, 2), (3, 3, 2, 5), (0, 2, 2, 2)]
    assert not got[2].any()


# --- messages -------------------------------------------------------------------------------------------------

X = Placeholder((2, 5, 6, 3))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.conv(X, Placeholder((3, 3, 4, 8))), r"\(2, 5, 6, 3\) has 3 channels.*\(3, 3, 4, 8\) expects 4"),
        (lambda: ops.conv(X, Placeholder((3, 3, 3))), r"\(N, T, C\)"),
        (lambda: ops.conv(Placeholder((2, 5, 3)), Placeholder((3, 3, 3, 4))), r"\(N, H, W, C\).*\(2, 5, 3\)"),
        (lambda: ops.conv(X, Placeholder((3, 8))), "3 to 5 axes"),
        (lambda: ops.conv(X, Placeholder((6, 3, 3, 8))), r"output sizes \(0, 4\) must be positive.*size \(5, 6\)"),
        (lambda: ops.conv(X, Placeholder((3, 3, 3, 8)), dilation=3), r"output sizes \(-1, 0\)"),
        (lambda: ops.conv(X, Placeholder((3, 3, 3, 8)), strides=0), "strides must be 2 positive"),
        (lambda: ops.conv(X, Placeholder((3, 3, 3, 8)), strides=(1, 2, 3)), r"strides.*\(1, 2, 3\)"),
        (lambda: ops.conv(X, Placeholder((3, 3, 3, 8)), padding="wide"), "padding must be.*'wide'"),
        (lambda: ops.conv(X, Placeholder((3, 3, 3, 8)), padding=((0, 0), (-1, 0))), "non-negative"),
        (lambda: ops.conv(X, Placeholder((3, 3, 1, 7)), groups=3), "7 output channels.*3 groups"),
        (lambda: ops.conv_transpose(X, Placeholder((3, 3, 4, 8)), (7, 8)), r"3 channels.*expects 8 \(its last axis\)"),
        (lambda: ops.conv_transpose(X, Placeholder((3, 3, 4, 3)), (8, 8)), r"size \(6, 6\), got one of.*\(5, 6\)"),
        (lambda: ops.conv_transpose(X, Placeholder((3, 3, 4, 3)), (7,)), "expected 2 output lengths"),
        (lambda: ops.conv_weight(X, Placeholder((2, 4, 4, 3)), (3, 3)), r"size \(3, 4\), got one of.*\(4, 4\)"),
        (lambda: ops.conv(Placeholder(None), Placeholder((3, 3, 3, 8))), "number of axes"),
        (lambda: ops.max_pool(X, 7, 1), r"output sizes \(-1, 0\) must be positive"),
        (lambda: ops.max_pool(X, (2, 2, 2)), "window size"),
        (lambda: ops.average_pool(X, 2, 1, ((2, 0), (0, 0))), "less than the window"),
        (lambda: ops.local_conv(X, Placeholder((12, 20, 4)), (3, 3)), r"27 numbers.*\(12, 20, 4\)"),
        (lambda: ops.local_conv(X, Placeholder((11, 27, 4)), (3, 3)), r"12 positions \(3, 4\).*for 11"),
        (lambda: ops.local_conv(X, Placeholder((11, 27)), (3, 3)), "positions, size"),
        (lambda: ops.patches(X, (6, 6)), r"output sizes \(0, 1\)"),
        (lambda: ops.upsample(X, (2, 2, 2)), "5 axes"),
    ],
)  # fmt: skip
def test_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_refused_when_it_runs() -> None:
    """Sizes that were unknown while the graph was built are checked when they are known."""
    x = Placeholder((None, None, None, 3))
    y = ops.conv(x, Placeholder((3, 3, 3, 2), default=np.ones((3, 3, 3, 2), "f")))
    with pytest.raises(ValueError, match=r"output sizes \(0, 3\)"):
        harness.compiled([x], [y])([np.ones((1, 2, 5, 3), "f")])
