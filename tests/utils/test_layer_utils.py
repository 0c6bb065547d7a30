"""Summaries, parameter counts and conversions of weights."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.engine import Input, Layer
from gpukeras.layers import BatchNormalization, Concatenate, Dense, Dropout, Flatten
from gpukeras.models import Model, Sequential
from gpukeras.utils import layer_utils

CHAIN = """\
_________________________________________________________________
Layer (type)                 Output Shape              Param #   
=================================================================
q1 (Dense)                   (None, 3)                 9         
_________________________________________________________________
inn (Sequential)             (None, 2)                 8         
_________________________________________________________________
bn (BatchNormalization)      (None, 2)                 8         
_________________________________________________________________
dr (Dropout)                 (None, 2)                 0         
=================================================================
Total params: 25
Trainable params: 21
Non-trainable params: 4
_________________________________________________________________""".split("\n")  # noqa: W291

NARROW_CHAIN = """\
________________________________________
Layer (type)      Output Shape    Param 
========================================
q1 (Dense)        (None, 3)       9     
________________________________________
inn (Sequential)  (None, 2)       8     
________________________________________
bn (BatchNormaliz (None, 2)       8     
________________________________________
dr (Dropout)      (None, 2)       0     
========================================
Total params: 25
Trainable params: 21
Non-trainable params: 4
________________________________________""".split("\n")  # noqa: W291

GRAPH = """\
__________________________________________________________________________________________________
Layer (type)                    Output Shape         Param #     Connected to                     
==================================================================================================
c (InputLayer)                  (None, 4)            0                                            
__________________________________________________________________________________________________
inner (Model)                   [(None, 3), (None, 8 47          c[0][0]                          
                                                                 c[0][0]                          
__________________________________________________________________________________________________
q (Dense)                       (None, 2)            8           inner[1][0]                      
==================================================================================================
Total params: 55
Trainable params: 55
Non-trainable params: 0
__________________________________________________________________________________________________""".split("\n")  # noqa: W291

PLACED_GRAPH = """\
__________________________________________________________________________________________________
Layer (type)        Output Shape        Param #   Connected to                            
==================================================================================================
c (InputLayer)      (None, 4)           0                                                 
__________________________________________________________________________________________________
inner (Model)       [(None, 3), (None,  47        c[0][0]                                 
                                                  c[0][0]                                 
__________________________________________________________________________________________________
q (Dense)           (None, 2)           8         inner[1][0]                             
==================================================================================================
Total params: 55
Trainable params: 55
Non-trainable params: 0
__________________________________________________________________________________________________""".split("\n")  # noqa: W291


def lines(model, **kwargs):
    found = []
    model.summary(print_fn=found.append, **kwargs)
    return found


@pytest.fixture
def chain():
    inner = Sequential([Dense(2, input_dim=3, name="iq")], name="inn")
    return Sequential(
        [Dense(3, input_dim=2, name="q1"), inner, BatchNormalization(name="bn"), Dropout(0.2, name="dr")], name="S"
    )


@pytest.fixture
def graph():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = Dense(4, name="d")
    z = Concatenate(name="cat")([shared(a), shared(b)])
    inner = Model([a, b], [Dense(3, name="z")(z), z], name="inner")
    c = Input((4,), name="c")
    three, eight = inner([c, c])
    return Model(c, [Dense(2, name="q")(three), eight], name="outer")


# The tables are what Keras 2.2.4 prints for the same models.
def test_summary_of_a_chain(chain):
    assert lines(chain) == CHAIN
    assert lines(chain, line_length=40) == NARROW_CHAIN


def test_summary_of_a_graph(graph):
    assert lines(graph) == GRAPH
    assert lines(graph, positions=[20, 40, 50, 90]) == PLACED_GRAPH
    assert {len(line) for line in lines(graph, line_length=60)[:-4]} == {60}


def test_summary_prints_by_default(chain, capsys):
    chain.summary()
    assert capsys.readouterr().out.split("\n") == [*CHAIN, ""]


def test_functional_chain_has_no_column_of_connections():
    x = Input((3,), name="i")
    table = lines(Model(x, Dense(2, name="w")(x)))
    assert len(table[0]) == 65 and "Connected" not in table[1]
    shared = Dense(3, name="w")
    assert "Connected" in lines(Model(x, shared(shared(x))))[1]


def test_layer_with_several_shapes_is_multiple():
    layer = Dropout(0.5)
    x, y = Input((3,)), Input((4,))
    assert any("multiple" in line for line in lines(Model([x, y], [layer(x), layer(y)])))


def test_totals_follow_trainable(chain):
    chain.layers[0].trainable = False
    assert lines(chain)[-4:-1] == ["Total params: 25", "Trainable params: 12", "Non-trainable params: 13"]


def test_shared_weights_count_once():
    layer = Dense(3)
    layer(Input((3,)))
    assert layer_utils.count_params(layer.weights + layer.weights) == 12


def test_large_numbers_have_commas():
    assert lines(Sequential([Dense(1000, input_dim=1000)]))[-4] == "Total params: 1,001,000"


def test_unbuilt_model_has_no_summary():
    with pytest.raises(ValueError, match="'s' has not yet been built"):
        Sequential([Dense(2)], name="s").summary()


def test_source_inputs():
    a, b = Input((3,)), Input((3,))
    x = Concatenate()([Dense(2)(b), Dense(2)(a)])
    y = Dense(1)(x)
    assert layer_utils.get_source_inputs(y) == [b, a]
    assert layer_utils.get_source_inputs(a) == [a]
    assert layer_utils.get_source_inputs(y, x._keras_history[0], 0) == [b, a]


def test_source_inputs_of_a_deep_chain():
    x = first = Input((2,))
    for _ in range(1200):
        x = Dropout(0.1)(x)
    assert layer_utils.get_source_inputs(x) == [first]


def test_kernels_are_turned_in_nested_models_too():
    # Convolutions are told by the name of their class.
    class Conv2D(Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight("kernel", (2, 3, 4, 5), initializer="uniform")

    inner = Sequential([Conv2D(input_shape=(5, 5, 1))])
    model = Sequential([inner, Conv2D()])
    before = [w for w in model.get_weights() if w.ndim == 4]
    layer_utils.convert_all_kernels_in_model(model)
    after = [w for w in model.get_weights() if w.ndim == 4]
    assert len(before) == 2
    for old, new in zip(before, after):
        np.testing.assert_array_equal(new, old[::-1, ::-1])


@pytest.mark.parametrize(
    ("target", "shape", "order"), [("channels_first", (3, 2, 4), (2, 0, 1)), ("channels_last", (2, 4, 3), (1, 2, 0))]
)
def test_dense_after_flatten_follows_the_data_format(target, shape, order):
    before = tuple(shape[order.index(axis)] for axis in range(3))
    image = np.random.rand(1, *before)
    model = Sequential([Flatten(input_shape=before), Dense(5)])
    want = model.predict(image)
    layer_utils.convert_dense_weights_data_format(model.layers[1], shape, target)
    other = Sequential([Flatten(input_shape=shape), Dense(5)])
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(other.predict(image.transpose(0, *(1 + np.array(order)))), want, rtol=1e-5)


def test_dense_conversion_checks_its_arguments():
    model = Sequential([Dense(2, input_dim=6, name="d")])
    with pytest.raises(ValueError, match="channels_middle"):
        layer_utils.convert_dense_weights_data_format(model.layers[0], (1, 2, 3), "channels_middle")
    with pytest.raises(ValueError, match="d has a kernel for 6 inputs"):
        layer_utils.convert_dense_weights_data_format(model.layers[0], (2, 2, 3))
    assert K.int_shape(model.layers[0].kernel) == (6, 2)
