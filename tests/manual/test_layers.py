"""Chapter 5 of the manual: the samples of layers, with the shapes that their comments state."""

import numpy as np
import pytest

from tests.manual.samples import sample


@sample("5.1", 2750, 2758)
@sample("about layers", 821, 829, text="notes")
def test_layers_from_configurations():
    from keras.layers import Dense

    layer = Dense(32)
    config = layer.get_config()
    reconstructed_layer = Dense.from_config(config)
    assert reconstructed_layer.get_config() == config and reconstructed_layer is not layer

    from keras import layers

    config = layer.get_config()
    layer = layers.deserialize({"class_name": layer.__class__.__name__, "config": config})
    assert type(layer) is Dense and layer.get_config() == config


def test_tensors_and_shapes_of_a_layer():
    """5.1: layer.input and its like with one node, the functions with an index with several."""
    from keras.layers import Dense, Input

    layer, a, b = Dense(32), Input((4,)), Input((4,))
    y = layer(a)
    assert layer.input is a and layer.output is y
    assert (layer.input_shape, layer.output_shape) == ((None, 4), (None, 32))
    z = layer(b)
    assert [layer.get_input_at(i) for i in (0, 1)] == [a, b]
    assert [layer.get_output_at(i) for i in (0, 1)] == [y, z]
    assert layer.get_input_shape_at(1) == (None, 4) and layer.get_output_shape_at(1) == (None, 32)
    weights = layer.get_weights()
    layer.set_weights([w + 1 for w in weights])
    np.testing.assert_array_equal(layer.get_weights()[0], weights[0] + 1)


@sample("5.2.1", 2799)
def test_dense():
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(32, input_shape=(16,)))
    assert (model.input_shape, model.output_shape) == ((None, 16), (None, 32))

    model.add(Dense(32))
    assert model.output_shape == (None, 32)


@sample("5.2.4", 2881)
def test_flatten():
    from keras import backend as K
    from keras.layers import Conv2D, Flatten
    from keras.models import Sequential

    # The shapes stated are those of channels first; the arguments are Keras 1 spelling.
    K.set_image_data_format("channels_first")
    model = Sequential()
    with pytest.warns(UserWarning, match="Keras 2"):
        model.add(Conv2D(64, 3, 3, border_mode="same", input_shape=(3, 32, 32)))
    assert model.output_shape == (None, 64, 32, 32)

    model.add(Flatten())
    assert model.output_shape == (None, 65536)
    assert model.predict(np.random.random((1, 3, 32, 32))).shape == (1, 65536)


@sample("5.2.5", 2924)
def test_input():
    import keras.engine.topology
    from keras.layers import Dense, Input
    from keras.models import Model

    x = Input(shape=(32,))
    y = Dense(16, activation="softmax")(x)
    model = Model(x, y)
    assert (model.input_shape, model.output_shape) == ((None, 32), (None, 16))
    assert x._keras_shape == (None, 32) and x._keras_history[0] is model.layers[0]
    assert keras.engine.topology.Input is Input
    # The text beside it: Keras 1 names, and shapes with and without a batch size.
    a, b = Input(batch_shape=(10, 32)), Input(batch_shape=(None, 32))
    assert (a._keras_shape, b._keras_shape) == ((10, 32), (None, 32))
    a, b = Input((2,)), Input((2,))
    c = keras.layers.add([a, b])
    with pytest.warns(UserWarning, match="inputs"):
        model = Model(input=[a, b], output=c)
    assert model.inputs == [a, b]


@sample("5.2.6", 2955)
def test_reshape():
    from keras.layers import Reshape
    from keras.models import Sequential

    model = Sequential()
    model.add(Reshape((3, 4), input_shape=(12,)))
    assert model.output_shape == (None, 3, 4)
    model.add(Reshape((6, 2)))
    assert model.output_shape == (None, 6, 2)
    model.add(Reshape((-1, 2, 2)))
    assert model.output_shape == (None, 3, 2, 2)
    x = np.random.random((5, 12)).astype("float32")
    np.testing.assert_array_equal(model.predict(x), x.reshape(5, 3, 2, 2))


@sample("5.2.7", 2983)
def test_permute():
    from keras.layers import Permute
    from keras.models import Sequential

    model = Sequential()
    model.add(Permute((2, 1), input_shape=(10, 64)))
    assert model.output_shape == (None, 64, 10)
    x = np.random.random((2, 10, 64)).astype("float32")
    np.testing.assert_array_equal(model.predict(x), x.transpose(0, 2, 1))


@sample("5.2.8", 3010)
def test_repeat_vector():
    from keras.layers import Dense, RepeatVector
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(32, input_dim=32))
    assert model.output_shape == (None, 32)

    model.add(RepeatVector(3))
    assert model.output_shape == (None, 3, 32)


@sample("5.2.9", 3040, 3047, 3052)
def test_lambda():
    from keras import backend as K
    from keras.layers import Dense, Lambda
    from keras.models import Sequential

    model = Sequential([Dense(3, input_dim=3, kernel_initializer="identity")])
    model.add(Lambda(lambda x: x**2))

    def antirectifier(x):
        x -= K.mean(x, axis=1, keepdims=True)
        x = K.l2_normalize(x, axis=1)
        pos = K.relu(x)
        neg = K.relu(-x)
        return K.concatenate([pos, neg], axis=1)

    def antirectifier_output_shape(input_shape):
        shape = list(input_shape)
        assert len(shape) == 2
        shape[-1] *= 2
        return tuple(shape)

    model.add(Lambda(antirectifier, output_shape=antirectifier_output_shape))
    assert model.output_shape == (None, 6)
    x = np.random.random((4, 3)).astype("float32") - 0.5
    np.testing.assert_allclose(Sequential(model.layers[:2]).predict(x), x**2, rtol=1e-5)
    centred = x**2 - (x**2).mean(axis=1, keepdims=True)
    centred /= np.sqrt((centred**2).sum(axis=1, keepdims=True))
    expected = np.concatenate([centred.clip(0), (-centred).clip(0)], axis=1)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4, atol=1e-6)


@sample("5.2.11", 3125)
def test_masking():
    from keras.layers import LSTM, Masking
    from keras.models import Sequential

    samples, timesteps, features = 4, 8, 5
    x = np.random.random((samples, timesteps, features))
    x[:, 3, :] = 0.0
    x[:, 5, :] = 0.0
    model = Sequential()
    model.add(Masking(mask_value=0.0, input_shape=(timesteps, features)))
    model.add(LSTM(32))
    assert model.output_shape == (None, 32)

    # Steps 3 and 5 are passed over: the outputs are those of the six others.
    alone = Sequential([LSTM(32, input_shape=(6, features))])
    alone.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict(x), alone.predict(np.delete(x, [3, 5], axis=1)), rtol=1e-5, atol=1e-6)
    # A layer that cannot take a mask says so.
    from keras.layers import Flatten

    with pytest.raises(TypeError, match="mask"):
        Sequential([Masking(input_shape=(timesteps, features)), Flatten()])


@sample("5.3.7", 3431)
def test_cropping_2d():
    from keras.layers import Conv2D, Cropping2D
    from keras.models import Sequential

    model = Sequential()
    model.add(Cropping2D(cropping=((2, 2), (4, 4)), input_shape=(28, 28, 3)))
    assert model.output_shape == (None, 24, 20, 3)
    model.add(Conv2D(64, (3, 3), padding="same"))
    model.add(Cropping2D(cropping=((2, 2), (2, 2))))
    assert model.output_shape == (None, 20, 16, 64)
    assert model.predict(np.random.random((1, 28, 28, 3))).shape == (1, 20, 16, 64)


@sample("5.5.1", 3854)
def test_locally_connected_1d():
    from keras.layers import LocallyConnected1D
    from keras.models import Sequential

    model = Sequential()
    model.add(LocallyConnected1D(64, 3, input_shape=(10, 32)))
    assert model.output_shape == (None, 8, 64)
    model.add(LocallyConnected1D(32, 3))
    assert model.output_shape == (None, 6, 32)
    assert model.predict(np.random.random((2, 10, 32))).shape == (2, 6, 32)


@sample("5.5.2", 3906)
def test_locally_connected_2d():
    from keras.layers import LocallyConnected2D
    from keras.models import Sequential

    model = Sequential()
    model.add(LocallyConnected2D(64, (3, 3), input_shape=(32, 32, 3)))
    assert model.output_shape == (None, 30, 30, 64)
    assert model.count_params() == (30 * 30) * (3 * 3 * 3 * 64) + (30 * 30) * 64

    model.add(LocallyConnected2D(32, (3, 3)))
    assert model.output_shape == (None, 28, 28, 32)


def minimal_cell():
    import keras
    from keras import backend as K

    class MinimalRNNCell(keras.layers.Layer):
        def __init__(self, units, **kwargs):
            self.units = units
            self.state_size = units
            super(MinimalRNNCell, self).__init__(**kwargs)  # noqa: UP008 (as typed)

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="kernel")
            self.recurrent_kernel = self.add_weight(
                shape=(self.units, self.units), initializer="uniform", name="recurrent_kernel"
            )
            self.built = True

        def call(self, inputs, states):
            prev_output = states[0]
            h = K.dot(inputs, self.kernel)
            output = h + K.dot(prev_output, self.recurrent_kernel)
            return output, [output]

    return MinimalRNNCell


@sample("5.6.1", 4004, 4022, 4036, 4047)
def test_own_cells():
    import keras
    from keras.layers import RNN

    MinimalRNNCell = minimal_cell()
    cell = MinimalRNNCell(32)
    x = keras.Input((None, 5))
    layer = RNN(cell)
    y = layer(x)
    model = keras.Model(x, y)
    assert model.output_shape == (None, 32)
    sequence = np.random.random((2, 3, 5))
    kernel, recurrent = layer.get_weights()
    state = np.zeros((2, 32))
    for t in range(3):
        state = sequence[:, t] @ kernel + state @ recurrent
    np.testing.assert_allclose(model.predict(sequence), state, rtol=1e-4, atol=1e-6)

    cells = [MinimalRNNCell(32), MinimalRNNCell(64)]
    x = keras.Input((None, 5))
    layer = RNN(cells)
    y = layer(x)
    assert keras.Model(x, y).predict(sequence).shape == (2, 64)


@sample("5.6.9", 4391)
def test_stacked_cells():
    import keras

    output_dim, timesteps, input_dim = 6, 4, 3
    cells = [
        keras.layers.LSTMCell(output_dim),
        keras.layers.LSTMCell(output_dim),
        keras.layers.LSTMCell(output_dim),
    ]

    inputs = keras.Input((timesteps, input_dim))
    x = keras.layers.RNN(cells)(inputs)
    model = keras.Model(inputs, x)
    assert model.output_shape == (None, 6)
    stacked = keras.Sequential([keras.layers.LSTM(6, return_sequences=n < 2, input_shape=(4, 3)) for n in range(3)][:1])
    stacked.add(keras.layers.LSTM(6, return_sequences=True))
    stacked.add(keras.layers.LSTM(6))
    stacked.set_weights(model.get_weights())
    data = np.random.random((2, 4, 3))
    np.testing.assert_allclose(model.predict(data), stacked.predict(data), rtol=1e-4, atol=1e-6)


@sample("5.7.1", 4484)
def test_embedding():
    from keras.layers import Embedding
    from keras.models import Sequential

    model = Sequential()
    model.add(Embedding(1000, 64, input_length=10))
    assert model.output_shape == (None, 10, 64)

    input_array = np.random.randint(1000, size=(32, 10))
    model.compile("rmsprop", "mse")
    output_array = model.predict(input_array)
    assert output_array.shape == (32, 10, 64)
    np.testing.assert_array_equal(output_array, model.get_weights()[0][input_array])


def joined(inputs, tensors, expected):
    """Checks the last of three tensors against what NumPy makes of the others."""
    from keras.models import Model

    first, second, result = Model(inputs, tensors).predict([np.random.random((5, 16)), np.random.random((5, 32))])
    assert result.shape == (5, 8)
    np.testing.assert_allclose(result, expected(first, second), rtol=1e-6)


@sample("5.8.1", 4531)
def test_add_layer():
    import keras

    input1 = keras.layers.Input(shape=(16,))
    x1 = keras.layers.Dense(8, activation="relu")(input1)
    input2 = keras.layers.Input(shape=(32,))
    x2 = keras.layers.Dense(8, activation="relu")(input2)
    added = keras.layers.Add()([x1, x2])

    out = keras.layers.Dense(4)(added)
    model = keras.models.Model(inputs=[input1, input2], outputs=out)
    joined([input1, input2], [x1, x2, added], np.add)
    assert model.output_shape == (None, 4)


@sample("5.8.2", 4554)
def test_subtract_layer():
    import keras

    input1 = keras.layers.Input(shape=(16,))
    x1 = keras.layers.Dense(8, activation="relu")(input1)
    input2 = keras.layers.Input(shape=(32,))
    x2 = keras.layers.Dense(8, activation="relu")(input2)
    subtracted = keras.layers.Subtract()([x1, x2])

    out = keras.layers.Dense(4)(subtracted)
    model = keras.models.Model(inputs=[input1, input2], outputs=out)
    joined([input1, input2], [x1, x2, subtracted], np.subtract)
    assert model.output_shape == (None, 4)


@sample("5.8.8", 4637)
def test_add_function():
    import keras

    input1 = keras.layers.Input(shape=(16,))
    x1 = keras.layers.Dense(8, activation="relu")(input1)
    input2 = keras.layers.Input(shape=(32,))
    x2 = keras.layers.Dense(8, activation="relu")(input2)
    added = keras.layers.add([x1, x2])

    out = keras.layers.Dense(4)(added)
    model = keras.models.Model(inputs=[input1, input2], outputs=out)
    joined([input1, input2], [x1, x2, added], np.add)
    assert model.output_shape == (None, 4)


@sample("5.8.9", 4667)
def test_subtract_function():
    import keras

    input1 = keras.layers.Input(shape=(16,))
    x1 = keras.layers.Dense(8, activation="relu")(input1)
    input2 = keras.layers.Input(shape=(32,))
    x2 = keras.layers.Dense(8, activation="relu")(input2)
    subtracted = keras.layers.subtract([x1, x2])

    out = keras.layers.Dense(4)(subtracted)
    model = keras.models.Model(inputs=[input1, input2], outputs=out)
    joined([input1, input2], [x1, x2, subtracted], np.subtract)
    assert model.output_shape == (None, 4)


@sample("5.12.1", 5037, 5047)
def test_time_distributed():
    from keras.layers import Dense, TimeDistributed
    from keras.models import Sequential

    model = Sequential()
    model.add(TimeDistributed(Dense(8), input_shape=(10, 16)))
    assert model.output_shape == (None, 10, 8)

    model.add(TimeDistributed(Dense(32)))
    assert model.output_shape == (None, 10, 32)
    x = np.random.random((32, 10, 16))
    assert Sequential(model.layers[:1]).predict(x).shape == (32, 10, 8)
    assert model.predict(x).shape == (32, 10, 32)


@sample("5.12.1", 5056)
def test_time_distributed_convolution():
    from keras.layers import Conv2D, TimeDistributed
    from keras.models import Sequential

    model = Sequential()
    model.add(TimeDistributed(Conv2D(64, (3, 3)), input_shape=(10, 299, 299, 3)))
    assert model.output_shape == (None, 10, 297, 297, 64)
    assert model.count_params() == 3 * 3 * 3 * 64 + 64


@sample("5.12.2", 5085)
def test_bidirectional():
    from keras.layers import LSTM, Activation, Bidirectional, Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Bidirectional(LSTM(10, return_sequences=True), input_shape=(5, 10)))
    assert model.output_shape == (None, 5, 20)
    model.add(Bidirectional(LSTM(10)))
    assert model.output_shape == (None, 20)
    model.add(Dense(5))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop")
    assert model.train_on_batch(np.random.random((4, 5, 10)), np.eye(5)[:4]) > 0
    with pytest.raises(ValueError, match="merge"):
        Bidirectional(LSTM(10), merge_mode="no")


@sample("5.13", 5105)
def test_own_layer():
    import keras
    from keras import backend as K
    from keras.engine.topology import Layer

    class MyLayer(Layer):
        def __init__(self, output_dim, **kwargs):
            self.output_dim = output_dim
            super(MyLayer, self).__init__(**kwargs)  # noqa: UP008 (as typed)

        def build(self, input_shape):
            self.kernel = self.add_weight(
                name="kernel", shape=(input_shape[1], self.output_dim), initializer="uniform", trainable=True
            )
            super(MyLayer, self).build(input_shape)  # noqa: UP008 (as typed)

        def call(self, x):
            return K.dot(x, self.kernel)

        def compute_output_shape(self, input_shape):
            return (input_shape[0], self.output_dim)

    model = keras.Sequential([MyLayer(3, input_shape=(4,))])
    assert model.output_shape == (None, 3) and model.layers[0].built
    model.compile("sgd", "mse")
    x = np.random.random((6, 4))
    np.testing.assert_allclose(model.predict(x), x @ model.get_weights()[0], rtol=1e-5)
    losses = [model.train_on_batch(x, x[:, :3]) for _ in range(20)]
    assert losses[-1] < losses[0]
