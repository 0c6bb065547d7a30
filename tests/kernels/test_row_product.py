"""A single row times a matrix."""

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.kernels.native.primitive import extension

from .engines import assert_engines_agree, kernels, normal, placeholder, run

pytestmark = pytest.mark.skipif(extension() is None, reason="the extension is built without oneDNN")


@pytest.mark.parametrize("k,n", [(1, 1), (3, 2), (784, 512), (512, 10), (130, 259), (7, 300), (129, 17), (1000, 97)])
@pytest.mark.parametrize("end", ["", "bias", "relu", "bias relu"])
def test_agrees(k, n, end):
    x, w, b = placeholder((1, k)), placeholder((k, n)), placeholder((n,))
    y = ops.matmul(x, w)
    feeds = {x: normal(1, k), w: normal(k, n)}
    if "bias" in end:
        y = ops.add(y, b)
        feeds[b] = normal(n)
    if "relu" in end:
        y = ops.relu(y)
    assert kernels([y], feeds) == ["row_product"]
    assert_engines_agree([y], feeds)


def test_passes_nan_on_and_reads_no_neighbours():
    x, w = placeholder((1, 3)), placeholder((3, 5))
    y = ops.relu(ops.matmul(x, w))
    matrix = normal(3, 5)
    matrix[2, 1] = np.nan
    assert_engines_agree([y], {x: normal(1, 3), w: normal(3, 5)})

    (value,) = run([y], {x: np.ones((1, 3), "float32"), w: matrix}, "native")
    assert np.isnan(value[0, 1]) and np.isnan(value).sum() == 1


def test_others_are_left_to_onednn():
    for shapes, options in [(((2, 6), (6, 4)), {}), (((1, 6), (4, 6)), {"transpose_b": True})]:
        x, w = map(placeholder, shapes)
        feeds = {x: normal(*shapes[0]), w: normal(*shapes[1])}
        y = ops.matmul(x, w, **options)
        assert "row_product" not in kernels([y], feeds)
        assert_engines_agree([y], feeds)
