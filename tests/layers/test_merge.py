"""Merge layers: values, broadcasting, masks, shapes, bad input. Numbers of 2.2.4: test_catalogue_golden.py."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers
from gpukeras.layers import Input
from gpukeras.models import Model

ELEMENTWISE = [
    ("add", lambda xs: sum(xs)),
    ("multiply", lambda xs: np.prod(np.broadcast_arrays(*xs), axis=0)),
    ("average", lambda xs: sum(xs) / len(xs)),
    ("maximum", lambda xs: np.max(np.broadcast_arrays(*xs), axis=0)),
    ("minimum", lambda xs: np.min(np.broadcast_arrays(*xs), axis=0)),
]


def _arrays(*shapes):
    rng = np.random.RandomState(0)
    return [rng.randn(*shape).astype("float32") for shape in shapes]


def _merge(merge, arrays):
    inputs = [Input(x.shape[1:]) for x in arrays]
    output = merge(inputs)
    model = Model(inputs, output)
    value = model.predict(arrays)
    again = Model.from_config(model.get_config())
    np.testing.assert_array_equal(again.predict(arrays), value)
    static = K.int_shape(output)
    assert static[1:] == value.shape[1:] and static[0] is None
    return value


@pytest.mark.parametrize("name, expected", ELEMENTWISE)
@pytest.mark.parametrize("count", [2, 4])
def test_elementwise(name, expected, count):
    arrays = _arrays(*[(3, 4, 2)] * count)
    np.testing.assert_allclose(_merge(getattr(layers, name), arrays), expected(arrays), rtol=1e-6)


def test_subtract():
    a, b = _arrays((3, 4), (3, 4))
    np.testing.assert_allclose(_merge(layers.subtract, [a, b]), a - b)


@pytest.mark.parametrize("name, expected", ELEMENTWISE)
def test_broadcasting_inserts_axes_after_the_batch(name, expected):
    a, b, c = _arrays((3, 4, 5, 2), (3, 2), (3, 1, 5, 1))
    lined_up = [a, b[:, None, None, :], c]
    np.testing.assert_allclose(_merge(getattr(layers, name), [a, b, c]), expected(lined_up), rtol=1e-6)


def test_broadcast_shapes():
    shape = layers.Add().compute_output_shape
    assert shape([(None, 4, 5), (None, 5)]) == (None, 4, 5)
    assert shape([(None, 4, 5), (None, 1, 5)]) == (None, 4, 5)
    assert shape([(None, 4, 1), (None, 1, 5)]) == (None, 4, 5)
    assert shape([(None, None, 5), (None, 4, 5)]) == (None, None, 5)
    assert shape([(2, 3), (None, 3)]) == (2, 3)


def test_unknown_rank(monkeypatch):
    # K.ndim is asked for at call time; when it does not know, the batch axis is moved out of the way.
    a, b = _arrays((3, 4, 5), (3, 5))
    inputs = [Input((4, 5)), Input((5,))]
    monkeypatch.setattr(K, "ndim", lambda x: None)
    output = layers.Add()(inputs)
    monkeypatch.undo()
    np.testing.assert_allclose(K.function(inputs, [output])([a, b])[0], a + b[:, None], rtol=1e-6)


@pytest.mark.parametrize("axis", [1, 2, -1, -2])
def test_concatenate(axis):
    shapes = [(3, 4, 5), (3, 4, 2)] if axis in (2, -1) else [(3, 4, 5), (3, 1, 5)]
    arrays = _arrays(*shapes)
    value = _merge(lambda inputs: layers.concatenate(inputs, axis=axis), arrays)
    np.testing.assert_array_equal(value, np.concatenate(arrays, axis=axis))


@pytest.mark.parametrize(
    "axes, shapes, formula",
    [
        (1, [(3, 4), (3, 4)], "na,na->n"),
        (-1, [(3, 4), (3, 4)], "na,na->n"),
        ((2, 1), [(3, 4, 5), (3, 5, 2)], "nab,nbc->nac"),
        ((1, 1), [(3, 4, 5), (3, 4, 2)], "nab,nac->nbc"),
        (2, [(3, 4, 5), (3, 2, 5)], "nab,ncb->nac"),
        ((2, 1), [(3, 4, 5), (3, 5)], "nab,nb->na"),
        ((1, 2), [(3, 5), (3, 4, 5)], "nb,nab->na"),
    ],
)
def test_dot(axes, shapes, formula):
    arrays = _arrays(*shapes)
    expected = np.einsum(formula, *arrays)
    value = _merge(lambda inputs: layers.dot(inputs, axes), arrays)
    np.testing.assert_allclose(value, expected.reshape(value.shape), rtol=1e-5, atol=1e-5)


def test_dot_of_normalized_is_cosine():
    a, b = _arrays((3, 4), (3, 4))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    value = _merge(lambda inputs: layers.dot(inputs, 1, normalize=True), [a, b])
    np.testing.assert_allclose(value[:, 0], cosine, rtol=1e-5, atol=1e-6)


# -- masks --------------------------------------------------------------------------------------------------

NUMBERS = np.array([[1, 2, 0, 0], [3, 0, 1, 0]])
OTHERS = np.array([[1, 0, 2, 0], [3, 1, 1, 0]])


def _mask_of(merge, first_masked=True, second_masked=True):
    a, b = Input((4,)), Input((4,))
    embedded = [layers.Embedding(5, 3, mask_zero=masked)(x) for x, masked in ((a, first_masked), (b, second_masked))]
    layer, node, index = merge(embedded)._keras_history
    mask = layer._inbound_nodes[node].output_masks[index]
    return None if mask is None else K.function([a, b], [mask])([NUMBERS, OTHERS])[0]


def test_masks_of_elementwise_layers():
    np.testing.assert_array_equal(_mask_of(layers.add), (NUMBERS != 0) & (OTHERS != 0))
    np.testing.assert_array_equal(_mask_of(layers.maximum, second_masked=False), NUMBERS != 0)
    assert _mask_of(layers.multiply, False, False) is None


def test_masks_of_concatenate():
    np.testing.assert_array_equal(_mask_of(layers.concatenate), (NUMBERS != 0) & (OTHERS != 0))
    np.testing.assert_array_equal(_mask_of(layers.concatenate, second_masked=False), NUMBERS != 0)
    in_time = lambda inputs: layers.concatenate(inputs, axis=1)
    both = np.concatenate([NUMBERS != 0, OTHERS != 0], axis=1)
    np.testing.assert_array_equal(_mask_of(in_time), both)
    # The original fails here: it takes the unmasked part's mask to be as wide as its features.
    both[:, 4:] = True
    np.testing.assert_array_equal(_mask_of(in_time, second_masked=False), both)


def test_dot_drops_masks():
    assert _mask_of(lambda inputs: layers.dot(inputs, 2)) is None


def test_mask_arguments_are_checked():
    a = Input((3,))
    add = layers.Add()
    with pytest.raises(ValueError, match="`mask` should be a list"):
        add.compute_mask([a, a], a)
    with pytest.raises(ValueError, match="`inputs` should be a list"):
        add.compute_mask(a, [None])
    with pytest.raises(ValueError, match="same length, got 2 inputs and 1 masks"):
        add.compute_mask([a, a], [None])


# -- bad input ----------------------------------------------------------------------------------------------


def test_shapes_that_do_not_broadcast_are_both_named():
    with pytest.raises(ValueError, match=r"could not be broadcast together with shapes \(3,\) \(4,\)"):
        layers.add([Input((3,)), Input((4,))])


def test_merge_wants_a_list_of_two_or_more():
    for bad in (Input((3,)), [Input((3,))]):
        with pytest.raises(ValueError, match="A merge layer should be called on a list"):
            layers.multiply(bad)
        with pytest.raises(ValueError, match="should be called on a list of at least 2 inputs"):
            layers.concatenate(bad)
    with pytest.raises(ValueError, match="exactly 2 inputs, got 3"):
        layers.subtract([Input((3,))] * 3)
    with pytest.raises(ValueError, match="list of 2 inputs"):
        layers.dot([Input((3,))] * 3, 1)


def test_different_batch_sizes():
    with pytest.raises(ValueError, match=r"different batch sizes.*\(2, 3\), \(4, 3\)"):
        layers.add([Input(batch_shape=(2, 3)), Input(batch_shape=(4, 3))])


def test_concatenate_names_both_shapes():
    message = r"matching shapes except for the concat axis.*\(None, 2, 3\), \(None, 4, 5\)"
    with pytest.raises(ValueError, match=message):
        layers.concatenate([Input((2, 3)), Input((4, 5))])
    with pytest.raises(ValueError, match="matching shapes"):
        layers.concatenate([Input((3,)), Input((2, 3))])
    with pytest.raises(ValueError, match="matching shapes"):
        layers.concatenate([Input((3,)), Input((3,))], axis=3)


def test_dot_names_both_shapes():
    message = r"Dimension incompatibility 3 != 4. Layer shapes: \(None, 3\), \(None, 4\)"
    with pytest.raises(ValueError, match=message):
        layers.dot([Input((3,)), Input((4,))], 1)
    with pytest.raises(ValueError, match="axis 5 is not an axis of an input with 2 axes"):
        layers.dot([Input((3,)), Input((3,))], 5)


@pytest.mark.parametrize(
    "axes, error, message",
    [
        ("a", TypeError, "Invalid type for `axes`"),
        ((1, 2, 3), ValueError, "should contain two elements"),
        ((1, "b"), ValueError, 'list elements should be "int"'),
    ],
)
def test_dot_axes(axes, error, message):
    with pytest.raises(error, match=message):
        layers.Dot(axes)
