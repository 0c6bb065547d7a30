"""Chapter 5 of the manual: the shapes of input and output that it states for each layer, and when a layer refuses."""

import numpy as np
import pytest

from tests.manual import samples

FIRST, LAST = "data_format='channels_first'", "data_format='channels_last'"

# The layer as typed, the shapes of its input and of its output without the batch.
RULES = [
    # 5.2: batch axes and all that precedes the last are kept by Dense; the rest as the names say.
    ("Dense(6)", (4,), (6,)),
    ("Dense(6)", (3, 5, 4), (3, 5, 6)),
    ("Activation('tanh')", (3, 4), (3, 4)),
    ("Dropout(0.5, noise_shape=(None, 1, 4))", (3, 4), (3, 4)),
    ("Flatten()", (3, 4, 5), (60,)),
    ("Reshape((2, -1))", (3, 4), (2, 6)),
    ("Permute((3, 1, 2))", (3, 4, 5), (5, 3, 4)),
    ("RepeatVector(3)", (4,), (3, 4)),
    ("Lambda(lambda x: x[:, :2], output_shape=(2, 4))", (3, 4), (2, 4)),
    ("ActivityRegularization(l1=0.1, l2=0.2)", (3, 4), (3, 4)),
    ("Masking(mask_value=0.0)", (3, 4), (3, 4)),
    # 5.3: windows of 3 in 10 steps leave 8; padding 'same' and 'causal' keep 10.
    ("Conv1D(5, 3)", (10, 4), (8, 5)),
    ("Conv1D(5, 3, padding='same')", (10, 4), (10, 5)),
    ("Conv1D(5, 3, padding='causal', dilation_rate=2)", (10, 4), (10, 5)),
    ("Conv1D(5, [3], strides=(2,))", (10, 4), (4, 5)),
    ("Conv1D(5, 3, dilation_rate=[2])", (10, 4), (6, 5)),
    (f"Conv2D(5, (3, 2), {LAST})", (8, 7, 3), (6, 6, 5)),
    (f"Conv2D(5, (3, 2), {FIRST})", (3, 8, 7), (5, 6, 6)),
    ("Conv2D(5, 3, padding='same', strides=2)", (8, 7, 3), (4, 4, 5)),
    ("Conv2D(5, 3, dilation_rate=(2, 1))", (8, 7, 3), (4, 5, 5)),
    (f"SeparableConv2D(5, 3, depth_multiplier=2, {LAST})", (8, 7, 3), (6, 5, 5)),
    (f"SeparableConv2D(5, 3, depth_multiplier=2, {FIRST})", (3, 8, 7), (5, 6, 5)),
    (f"Conv2DTranspose(5, 3, strides=2, {LAST})", (4, 3, 3), (9, 7, 5)),
    (f"Conv2DTranspose(5, 3, padding='same', strides=2, {FIRST})", (3, 4, 3), (5, 8, 6)),
    (f"Conv3D(5, (2, 3, 1), {LAST})", (4, 5, 6, 2), (3, 3, 6, 5)),
    (f"Conv3D(5, 2, padding='same', strides=(2, 1, 1), {FIRST})", (2, 4, 5, 6), (5, 2, 5, 6)),
    ("Cropping1D(cropping=(1, 2))", (6, 4), (3, 4)),
    ("Cropping1D(cropping=1)", (6, 4), (4, 4)),
    (f"Cropping2D(cropping=1, {LAST})", (6, 5, 3), (4, 3, 3)),
    (f"Cropping2D(cropping=(1, 2), {FIRST})", (3, 6, 5), (3, 4, 1)),
    (f"Cropping2D(cropping=((1, 0), (0, 2)), {LAST})", (6, 5, 3), (5, 3, 3)),
    (f"Cropping3D(cropping=1, {LAST})", (4, 5, 6, 2), (2, 3, 4, 2)),
    (f"Cropping3D(cropping=(1, 2, 0), {FIRST})", (2, 4, 5, 6), (2, 2, 1, 6)),
    ("Cropping3D(cropping=((1, 0), (0, 2), (1, 1)))", (4, 5, 6, 2), (3, 3, 4, 2)),
    ("UpSampling1D(size=3)", (4, 2), (12, 2)),
    (f"UpSampling2D(size=(2, 3), {LAST})", (4, 5, 3), (8, 15, 3)),
    (f"UpSampling2D(size=2, {FIRST})", (3, 4, 5), (3, 8, 10)),
    (f"UpSampling3D(size=(1, 2, 3), {LAST})", (2, 3, 4, 2), (2, 6, 12, 2)),
    (f"UpSampling3D(size=2, {FIRST})", (2, 2, 3, 4), (2, 4, 6, 8)),
    ("ZeroPadding1D(padding=1)", (4, 2), (6, 2)),
    ("ZeroPadding1D(padding=(0, 3))", (4, 2), (7, 2)),
    (f"ZeroPadding2D(padding=1, {LAST})", (4, 5, 3), (6, 7, 3)),
    (f"ZeroPadding2D(padding=(1, 2), {FIRST})", (3, 4, 5), (3, 6, 9)),
    ("ZeroPadding2D(padding=((1, 0), (0, 2)))", (4, 5, 3), (5, 7, 3)),
    (f"ZeroPadding3D(padding=1, {LAST})", (2, 3, 4, 2), (4, 5, 6, 2)),
    (f"ZeroPadding3D(padding=(0, 1, 2), {FIRST})", (2, 2, 3, 4), (2, 2, 5, 8)),
    ("ZeroPadding3D(padding=((1, 0), (0, 2), (1, 1)))", (2, 3, 4, 2), (3, 5, 6, 2)),
    # 5.4: without strides a pool moves by its size.
    ("MaxPooling1D(pool_size=2)", (9, 4), (4, 4)),
    ("MaxPooling1D(pool_size=2, strides=3, padding='same')", (9, 4), (3, 4)),
    (f"MaxPooling2D(pool_size=(2, 2), {LAST})", (8, 6, 3), (4, 3, 3)),
    (f"MaxPooling2D(pool_size=3, strides=(1, 2), {FIRST})", (3, 8, 6), (3, 6, 2)),
    (f"MaxPooling3D(pool_size=(2, 2, 2), {LAST})", (4, 6, 8, 2), (2, 3, 4, 2)),
    (f"MaxPooling3D(pool_size=(2, 2, 2), strides=(1, 2, 2), {FIRST})", (2, 4, 6, 8), (2, 3, 3, 4)),
    ("AveragePooling1D(pool_size=2)", (9, 4), (4, 4)),
    (f"AveragePooling2D(pool_size=(2, 2), {LAST})", (8, 6, 3), (4, 3, 3)),
    (f"AveragePooling2D(pool_size=2, padding='same', {FIRST})", (3, 7, 5), (3, 4, 3)),
    (f"AveragePooling3D(pool_size=(2, 2, 2), {LAST})", (4, 6, 8, 2), (2, 3, 4, 2)),
    (f"AveragePooling3D(pool_size=(2, 2, 2), {FIRST})", (2, 4, 6, 8), (2, 2, 3, 4)),
    ("GlobalMaxPooling1D()", (9, 4), (4,)),
    ("GlobalAveragePooling1D()", (9, 4), (4,)),
    (f"GlobalMaxPooling2D({LAST})", (8, 6, 3), (3,)),
    (f"GlobalMaxPooling2D({FIRST})", (3, 8, 6), (3,)),
    (f"GlobalAveragePooling2D({LAST})", (8, 6, 3), (3,)),
    (f"GlobalAveragePooling2D({FIRST})", (3, 8, 6), (3,)),
    # 5.5
    ("LocallyConnected1D(5, 3, strides=2)", (9, 4), (4, 5)),
    (f"LocallyConnected2D(5, (3, 2), {LAST})", (6, 5, 3), (4, 4, 5)),
    (f"LocallyConnected2D(5, 3, {FIRST})", (3, 6, 5), (5, 4, 3)),
    # 5.6: the last output, or with return_sequences all of them.
    ("RNN(LSTMCell(6))", (5, 4), (6,)),
    ("RNN([SimpleRNNCell(3), GRUCell(6)], return_sequences=True)", (5, 4), (5, 6)),
    ("RNN(StackedRNNCells([LSTMCell(3), LSTMCell(6)]))", (5, 4), (6,)),
    ("SimpleRNN(6, unroll=True)", (5, 4), (6,)),
    ("SimpleRNN(6, return_sequences=True)", (5, 4), (5, 6)),
    ("GRU(6, implementation=2)", (5, 4), (6,)),
    ("GRU(6, return_sequences=True, go_backwards=True)", (5, 4), (5, 6)),
    ("LSTM(6, dropout=0.1, recurrent_dropout=0.1)", (5, 4), (6,)),
    ("LSTM(6, return_sequences=True)", (5, 4), (5, 6)),
    (f"ConvLSTM2D(5, 3, return_sequences=True, {LAST})", (4, 6, 7, 2), (4, 4, 5, 5)),
    (f"ConvLSTM2D(5, 3, return_sequences=True, {FIRST})", (4, 2, 6, 7), (4, 5, 4, 5)),
    (f"ConvLSTM2D(5, 3, padding='same', {LAST})", (4, 6, 7, 2), (6, 7, 5)),
    (f"ConvLSTM2D(5, 3, {FIRST})", (4, 2, 6, 7), (5, 4, 5)),
    ("CuDNNGRU(6, return_sequences=True)", (5, 4), (5, 6)),
    ("CuDNNLSTM(6)", (5, 4), (6,)),
    # 5.7
    ("Embedding(9, 6)", (5,), (5, 6)),
    ("Embedding(9, 6, mask_zero=True, input_length=5)", (5,), (5, 6)),
    # 5.9 to 5.11: the shape of the input.
    ("LeakyReLU(alpha=0.3)", (3, 4), (3, 4)),
    ("PReLU(shared_axes=[1, 2])", (5, 6, 3), (5, 6, 3)),
    ("ELU(alpha=1.0)", (3, 4), (3, 4)),
    ("ThresholdedReLU(theta=1.0)", (3, 4), (3, 4)),
    ("Softmax(axis=1)", (3, 4), (3, 4)),
    ("BatchNormalization(axis=1)", (3, 4, 5), (3, 4, 5)),
    ("GaussianNoise(0.1)", (3, 4), (3, 4)),
    ("GaussianDropout(0.5)", (3, 4), (3, 4)),
    ("AlphaDropout(0.5)", (3, 4), (3, 4)),
    # 5.12
    ("TimeDistributed(Dense(8))", (10, 16), (10, 8)),
    ("TimeDistributed(Conv2D(5, 3))", (4, 6, 6, 2), (4, 4, 4, 5)),
    ("Bidirectional(LSTM(6))", (5, 4), (12,)),
    ("Bidirectional(GRU(6, return_sequences=True), merge_mode='sum')", (5, 4), (5, 6)),
    ("Bidirectional(SimpleRNN(6), merge_mode='mul')", (5, 4), (6,)),
    ("Bidirectional(LSTM(6), merge_mode='ave')", (5, 4), (6,)),
]


def build(typed):
    from keras import layers

    return eval(typed, dict(vars(layers)))


@pytest.mark.parametrize("typed, inner, outer", RULES, ids=[r[0] for r in RULES])
def test_shapes(typed, inner, outer):
    from keras.layers import Input
    from keras.models import Model

    layer = build(typed)
    x = Input(inner)
    model = Model(x, layer(x))
    assert model.output_shape == (None, *outer)
    assert layer.compute_output_shape((None, *inner)) == (None, *outer)
    # Whole numbers, which Embedding needs and the others take.
    data = np.random.randint(0, 9, size=(2, *inner))
    result = model.predict(data)
    assert result.shape == (2, *outer) and np.isfinite(result).all()


def test_every_layer_has_a_rule():
    shown = {row.name.rpartition(".")[2] for row in samples.signatures() if row.name.startswith("keras.layers.")}
    typed = " ".join(rule[0] for rule in RULES)
    # Those that join several tensors come below.
    left = {name for name in shown if f"{name}(" not in typed}
    assert left == {name for name, *_ in JOINS} | {name.lower() for name, *_ in JOINS}


# Layer, arguments, shapes of the inputs, what NumPy makes of them.
JOINS = [
    ("Add", {}, [(3, 4)] * 3, lambda a, b, c: a + b + c),
    ("Subtract", {}, [(3, 4)] * 2, lambda a, b: a - b),
    ("Multiply", {}, [(3, 4)] * 3, lambda a, b, c: a * b * c),
    ("Average", {}, [(3, 4)] * 3, lambda a, b, c: (a + b + c) / 3),
    ("Maximum", {}, [(3, 4)] * 3, lambda a, b, c: np.maximum(np.maximum(a, b), c)),
    ("Concatenate", {"axis": 1}, [(3, 4), (5, 4)], lambda a, b: np.concatenate([a, b], axis=1)),
    ("Concatenate", {"axis": -1}, [(3, 4), (3, 2)], lambda a, b: np.concatenate([a, b], axis=-1)),
    ("Dot", {"axes": 1, "normalize": False}, [(4,)] * 2, lambda a, b: (a * b).sum(axis=1, keepdims=True)),
    ("Dot", {"axes": (1, 2), "normalize": False}, [(4, 3), (5, 4)], lambda a, b: np.einsum("nki,njk->nij", a, b)),
    ("Dot", {"axes": 1, "normalize": True}, [(4,)] * 2, lambda a, b: ((a / norm(a)) * (b / norm(b))).sum(1)[:, None]),
]


def norm(x):
    return np.sqrt((x**2).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("name, arguments, shapes, expected", JOINS, ids=[f"{j[0]}-{j[1]}" for j in JOINS])
def test_joins(name, arguments, shapes, expected):
    from keras import layers
    from keras.models import Model

    inputs = [layers.Input(shape) for shape in shapes]
    data = [np.random.random((2, *shape)) for shape in shapes]
    by_layer = getattr(layers, name)(**arguments)(inputs)
    by_function = getattr(layers, name.lower())(inputs, **arguments)
    for result in Model(inputs, [by_layer, by_function]).predict(data):
        np.testing.assert_allclose(result, expected(*data), rtol=1e-5)


def test_states_are_returned_after_the_output():
    """5.6.1: a list of output and states, each (batch, units)."""
    from keras.layers import GRU, LSTM, RNN, CuDNNLSTM, Input, LSTMCell, SimpleRNN
    from keras.models import Model

    x = Input((5, 4))
    for layer, states in [
        (RNN(LSTMCell(3), return_state=True), 2),
        (SimpleRNN(3, return_state=True), 1),
        (GRU(3, return_state=True), 1),
        (LSTM(3, return_state=True), 2),
        (CuDNNLSTM(3, return_state=True), 2),
    ]:
        output, *rest = Model(x, layer(x)).predict(np.random.random((2, 5, 4)))
        assert [s.shape for s in rest] == [(2, 3)] * states
        np.testing.assert_array_equal(output, rest[0])


def test_states_are_given_by_tensor_and_by_number():
    """5.6.1: initial_state when the layer is called, states when it is reset."""
    from keras.layers import LSTM, Input
    from keras.models import Model, Sequential

    x, h, c = Input((5, 4)), Input((3,)), Input((3,))
    model = Model([x, h, c], LSTM(3)(x, initial_state=[h, c]))
    data, first = np.random.random((2, 5, 4)), np.random.random((2, 2, 3)).astype("float32")
    expected = model.predict([data, *first])
    stateful = Sequential([LSTM(3, stateful=True, batch_input_shape=(2, 5, 4))])
    stateful.set_weights(model.get_weights())
    stateful.layers[0].reset_states(states=list(first))
    np.testing.assert_allclose(stateful.predict(data, batch_size=2), expected, rtol=1e-5)


def test_constants_reach_the_cell():
    """5.6.1: constants of the call are constants of the cell's call."""
    import keras
    from keras.layers import RNN, Input
    from keras.models import Model

    class Cell(keras.layers.Layer):
        state_size = 4

        def call(self, inputs, states, constants):
            return inputs + constants[0], [inputs + states[0]]

    x, c = Input((5, 4)), Input((4,))
    data, constant = np.random.random((2, 5, 4)), np.random.random((2, 4))
    result = Model([x, c], RNN(Cell())(x, constants=c)).predict([data, constant])
    np.testing.assert_allclose(result, data[:, -1] + constant, rtol=1e-6)


def test_masked_steps_are_passed_over():
    """5.6.1 and 5.7.1: index 0 is padding when mask_zero says so."""
    from keras.layers import LSTM, Embedding
    from keras.models import Sequential

    model = Sequential([Embedding(9, 4, mask_zero=True), LSTM(3)])
    padded, short = np.array([[5, 3, 0, 0]]), np.array([[5, 3]])
    np.testing.assert_allclose(model.predict(padded), model.predict(short), rtol=1e-5)


def test_noise_is_for_training():
    """5.2.3 and 5.11: nothing happens in prediction; in training the stated share and spread."""
    from keras import backend as K
    from keras.layers import AlphaDropout, Dropout, GaussianDropout, GaussianNoise, Input

    ones = np.ones((200, 100))
    for layer, mean, spread in [
        (Dropout(0.5), 1, 1),
        (GaussianNoise(0.3), 1, 0.3),
        (GaussianDropout(0.2), 1, np.sqrt(0.2 / 0.8)),
        (AlphaDropout(0.2), None, None),
    ]:
        x = Input((100,))
        run = K.function([x, K.learning_phase()], [layer(x)])
        np.testing.assert_array_equal(run([ones, 0])[0], ones)
        noisy = run([ones, 1])[0]
        if mean is None:
            # Mean and spread of what has mean 0 and spread 1 stay.
            noisy = run([np.random.normal(size=ones.shape), 1])[0]
            mean, spread = 0, 1
        assert abs(noisy.mean() - mean) < 0.03 and abs(noisy.std() - spread) < 0.03


def test_what_layers_refuse():
    from keras import layers
    from keras.layers import Input

    image = Input((8, 8, 3))
    refused = [
        lambda: layers.Conv2D(4, 3, strides=2, dilation_rate=2)(image),
        lambda: layers.Conv1D(4, 3, strides=2, dilation_rate=2)(Input((9, 2))),
        lambda: layers.Conv2D(4, 3, padding="SAMED")(image),
        lambda: layers.Conv2D(4, 3, padding="causal")(image),
        lambda: layers.Conv2D(4, 3, data_format="channels_middle"),
        lambda: layers.LocallyConnected1D(4, 3, padding="same"),
        lambda: layers.LocallyConnected2D(4, 3, padding="same"),
        lambda: layers.ConvLSTM2D(4, (3, 3, 3)),
        lambda: layers.Reshape((5, 5))(Input((12,))),
        lambda: layers.Subtract()([Input((3,))] * 3),
        lambda: layers.Add()([Input((3,))]),
        lambda: layers.Concatenate(axis=1)([Input((3, 4)), Input((3, 5))]),
        lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="no"),
        lambda: layers.RepeatVector(3)(Input((3, 4))),
    ]
    for refuse in refused:
        with pytest.raises(ValueError):
            refuse()
