"""Functions of arrays refuse what does not fit, in words that help."""

import numpy as np
import pytest

from gpukeras import backend as K

X = np.ones((2, 3, 4), "float32")
REFUSED = {
    "dot": (lambda x: K.dot(x, K.ones((3, 5))), r"last axis of x, shape \(2, 3, 4\).*\(3, 5\)"),
    "dot-scalar": (lambda x: K.dot(x, K.variable(2.0)), r"at least one axis.*use x \* y"),
    "batch_dot-rank": (lambda x: K.batch_dot(x, K.ones((3,))), "2 axes or more"),
    "batch_dot-axes": (lambda x: K.batch_dot(x, x, (1, 3)), r"axes=\(1, 3\) do not exist"),
    "batch_dot-nested": (lambda x: K.batch_dot(x, x, ([1], 2)), "one axis of each"),
    "batch_dot-sample": (lambda x: K.batch_dot(x, x, (0, 0)), "axis 0 is the sample"),
    "batch_dot-length": (lambda x: K.batch_dot(x, x, (1, 2)), r"axis 1 of x.*axis 2 of y"),
    "reshape": (lambda x: K.reshape(x, (5, 5)), "24 elements"),
    "squeeze": (lambda x: K.squeeze(x, 1), "length 3"),
    "repeat": (lambda x: K.repeat(x, 2), r"2 axes.*\(2, 3, 4\)"),
    "tile": (lambda x: K.tile(x, (1, 1, 1, 2)), "4 repeats"),
    "concatenate": (lambda x: K.concatenate([x, K.ones((2, 2, 2))]), r"\(2, 3, 4\).*\(2, 2, 2\)"),
    "concatenate-none": (lambda x: K.concatenate([]), "at least one"),
    "temporal_padding": (lambda x: K.temporal_padding(K.ones((2, 2))), r"3 axes.*\(2, 2\)"),
    "temporal_padding-pair": (lambda x: K.temporal_padding(x, (1, 2, 3)), "padding"),
    "spatial_2d_padding": (lambda x: K.spatial_2d_padding(x), "4 axes"),
    "spatial_2d_padding-format": (lambda x: K.spatial_2d_padding(x, data_format="nchw"), "nchw"),
    "spatial_3d_padding-pairs": (lambda x: K.spatial_3d_padding(x, ((1, 1), (1, 1))), "3 pair"),
    "bias_add-rank": (lambda x: K.bias_add(x, X), r"bias dimensions 3.*\(2, 3, 4\)"),
    "bias_add-length": (lambda x: K.bias_add(x, K.ones((5,))), "broadcast"),
    "bias_add-format": (lambda x: K.bias_add(x, K.ones((4,)), "channels_middle"), "channels_middle"),
    "permute": (lambda x: K.permute_dimensions(x, (0, 0, 1)), "permutation"),
    "cce-axis": (lambda x: K.categorical_crossentropy(x, x, axis=3), r"axis=3.*\(2, 3, 4\)"),
    "scce-axis": (lambda x: K.sparse_categorical_crossentropy([0], x, axis=-2), "axis=-2"),
    "max-axis": (lambda x: K.max(x, axis=3), "axis 3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call(K.variable(X))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: K.dot(x, K.ones((2, 3, 4))),
        lambda x: K.dot(K.ones((3, 4)), x),
        lambda x: K.batch_dot(x, x),
        lambda x: K.switch(x, K.ones((2, 2)), K.zeros((2, 2))),
        lambda x: K.bias_add(x, K.ones((4,)), "channels_first"),
        lambda x: K.normalize_batch_in_training(x, None, None, [0]),
        lambda x: K.categorical_crossentropy(x, x, axis=1),
    ],
)
def test_unknown_rank_where_the_result_depends_on_it(call):
    with pytest.raises(ValueError, match="number of axes of '.*' must be known"):
        call(K.placeholder())


def test_unknown_rank_counts_as_a_matrix_in_dot():
    """Layers that end in a product may be called on a bare placeholder, as in Keras."""
    x = K.placeholder()
    product = K.dot(x, K.constant([[1.0, 2.0], [3.0, 4.0]]))
    assert K.int_shape(product) == (None, 2) and x.shape is None
    (out,) = K.function([x], [product])([np.array([[1.0, 1.0], [0.0, 2.0]])])
    np.testing.assert_array_equal(out, [[4.0, 6.0], [6.0, 8.0]])
    with pytest.raises(ValueError, match="do not fit"):
        K.function([x], [product])([np.ones((2, 3))])


def test_label_out_of_range():
    if K.tensorflow_backend._get_available_gpus():
        pytest.skip("a GPU clips labels: checking would make it wait")
    loss = K.sparse_categorical_crossentropy(K.variable([3]), K.variable([[0.2, 0.8]]))
    with pytest.raises(ValueError, match="label 3 is out of range for 2 classes"):
        K.eval(loss)
