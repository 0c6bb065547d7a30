"""Embedding: lookup, masks, lengths, gradients, indices out of range."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.layers import Dense, Embedding, Flatten, Input
from gpukeras.models import Model, Sequential
from gpukeras.utils.test_utils import layer_test


@pytest.mark.parametrize(
    "settings, shape",
    [
        ({"input_length": 2}, (3, 2)),
        ({"mask_zero": True}, (3, 2)),
        ({"mask_zero": True}, (3, 2, 5)),
        ({"mask_zero": True, "input_length": (None, 5)}, (3, 2, 5)),
        ({"embeddings_regularizer": "l2", "embeddings_constraint": "unitnorm"}, (3, 2)),
    ],
)
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_layer(settings, shape, dtype):
    kwargs = dict(settings, input_dim=10, output_dim=4)
    layer_test(Embedding, kwargs, input_shape=shape, input_dtype=dtype, expected_output_dtype="float32")


def test_lookup_and_mask():
    layer = Embedding(5, 2, mask_zero=True)
    inputs = Input((3,))
    output = layer(inputs)
    table = np.arange(10.0).reshape((5, 2))
    layer.set_weights([table])
    numbers = np.array([[0, 4, 2], [1, 1, 0]])
    value, mask = K.function([inputs], [output, layer.get_output_mask_at(0)])([numbers])
    np.testing.assert_array_equal(value, table[numbers])
    np.testing.assert_array_equal(mask, numbers != 0)
    assert [w.name for w in layer.weights] == [layer.name + "/embeddings:0"]


def test_repeated_indices_add_their_gradients():
    model = Sequential([Embedding(4, 1, input_length=3, embeddings_initializer="zeros"), Flatten()])
    model.compile("sgd", "mse")
    from gpukeras import optimizers

    model.compile(optimizers.SGD(lr=1.0), "mse")
    model.train_on_batch(np.array([[1, 1, 3]]), np.array([[3.0, 3.0, 3.0]]))
    # d(mean (y - 3)^2)/dy = -2 each; index 1 is hit twice.
    np.testing.assert_allclose(model.get_weights()[0][:, 0], [0, 4, 0, 2], rtol=1e-6)


@pytest.mark.parametrize(
    "length, shape, expected",
    [
        (None, (None, 7), (None, 7, 3)),
        (7, (None, None), (None, 7, 3)),
        ((5, 6), (None, 5, 6), (None, 5, 6, 3)),
        ((None, 6), (None, 5, 6), (None, 5, 6, 3)),
        ((5, None), (None, None, 6), (None, 5, 6, 3)),
    ],
)
def test_output_shape(length, shape, expected):
    assert Embedding(4, 3, input_length=length).compute_output_shape(shape) == expected


def test_input_shape_from_length():
    assert Embedding(4, 3).batch_input_shape == (None, None)
    assert Embedding(4, 3, input_length=6).batch_input_shape == (None, 6)
    assert Embedding(4, 3, input_length=(5, None)).batch_input_shape == (None, 5, None)
    model = Sequential([Embedding(4, 3, input_length=(5, 6)), Flatten(), Dense(1)])
    assert model.predict(np.zeros((2, 5, 6))).shape == (2, 1)


@pytest.mark.parametrize("length, shape", [(5, (None, 6)), (5, (None, 6, 5)), ((5, 6), (None, 5))])
def test_length_that_contradicts_the_input(length, shape):
    with pytest.raises(ValueError, match='"input_length" is .* but received input has shape'):
        Embedding(4, 3, input_length=length).compute_output_shape(shape)


@pytest.mark.parametrize("index", [5, -1])
def test_index_out_of_range(index):
    inputs = Input((2,))
    model = Model(inputs, Embedding(3, 4)(inputs))
    message = rf"embedding_\d+/.*index {index} is out of range .* length 3: .* needs an input_dim above"
    with pytest.raises(ValueError, match=message):
        model.predict(np.array([[1, index]]))


@pytest.mark.parametrize("sizes", [(0, 3), (-2, 3), (4, 2.5)])
def test_bad_sizes(sizes):
    with pytest.raises(ValueError, match="Embedding: `(input|output)_dim` must be a positive integer"):
        Embedding(*sizes)


def test_integer_dtype_is_that_of_the_input():
    layer = Embedding(4, 3, dtype="int32", input_length=2)
    model = Sequential([layer])
    assert K.dtype(model.inputs[0]) == "int32"
    assert K.dtype(layer.embeddings) == "float32"
