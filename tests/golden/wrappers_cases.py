"""What golden/make_wrappers.py lets Keras 2.2.4 compute and tests/layers/test_wrappers_golden.py lets this package.

Runs on Python 3.7 too.
"""

import numpy as np

N, T, C, U = 3, 4, 2, 3


def _fill(model, seed=0):
    rng = np.random.RandomState(seed)
    model.set_weights([rng.uniform(0.1, 0.9, w.shape) - 0.5 * (w.ndim > 1) for w in model.get_weights()])


def _x(*shape):
    return np.random.RandomState(sum(shape)).randn(*shape).astype("float32")


def _masked_x():
    x = _x(N, T, C)
    x[0, 0] = x[0, 2] = x[1, 3] = x[1, 2] = 0
    return x


def _after(model, x):
    """Outputs, loss and weights after one step, and outputs with them."""
    outputs = model.predict(x)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    model.compile("sgd", "mse")
    targets = [np.zeros_like(y) + 0.5 for y in outputs]
    loss = model.train_on_batch(x, targets if len(targets) > 1 else targets[0])
    return outputs + [np.ravel(loss)[0]] + model.get_weights()


def bidirectional(keras):
    """Every merge mode over every layer, with and without masks, sequences and states."""
    L = keras.layers
    found = {}
    for cell in ("SimpleRNN", "GRU", "LSTM"):
        for mode in ("sum", "mul", "ave", "concat", None) if cell == "LSTM" else ("concat",):
            for sequences in (False, True):
                for masked in (False, True):
                    keras.backend.clear_session()
                    inputs = L.Input((T, C))
                    x = L.Masking()(inputs) if masked else inputs
                    layer = L.Bidirectional(getattr(L, cell)(U, return_sequences=sequences), merge_mode=mode)
                    model = keras.models.Model(inputs, layer(x))
                    _fill(model)
                    key = "bidirectional/%s %s%s%s" % (cell, mode, " sequences" * sequences, " masked" * masked)
                    found[key] = _after(model, _masked_x())
    return found


def bidirectional_states(keras):
    """States out and in; no stateful layers: `Bidirectional` of 2.2.4 does not keep their states in `predict`."""
    L = keras.layers
    found = {}
    for cell in ("GRU", "LSTM"):
        keras.backend.clear_session()
        make = getattr(L, cell)
        inputs = L.Input((T, C))
        model = keras.models.Model(inputs, L.Bidirectional(make(U, return_state=True))(inputs))
        _fill(model)
        found["states/%s out" % cell] = _after(model, _x(N, T, C))
        states = [L.Input((U,)) for _ in range(4 if cell == "LSTM" else 2)]
        inputs = L.Input((T, C))
        model = keras.models.Model([inputs] + states, L.Bidirectional(make(U))(inputs, initial_state=states))
        _fill(model)
        found["states/%s in" % cell] = _after(model, [_x(N, T, C)] + [_x(N, U) + i for i in range(len(states))])
    return found


def time_distributed(keras):
    """Layers and models applied to every step; masks of one and of two time axes."""
    L = keras.layers
    found = {}

    def add(name, layers, x, **kwargs):
        inputs = L.Input(**kwargs)
        y = inputs
        for layer in layers:
            y = layer(y)
        model = keras.models.Model(inputs, y)
        _fill(model)
        found["time/" + name] = _after(model, x)

    td = L.TimeDistributed
    add("dense", [td(L.Dense(2, activation="tanh"))], _x(N, T, C), shape=(None, C))
    add("dense, fixed batch", [td(L.Dense(2, activation="tanh"))], _x(N, T, C), batch_shape=(N, T, C))
    add("penalty", [td(L.Dense(2, activity_regularizer="l2", kernel_regularizer="l1"))], _x(N, T, C), shape=(T, C))
    add("rnn", [td(L.LSTM(U)), L.GRU(2)], _x(N, T, 5, C), shape=(None, None, C))
    words = np.random.RandomState(3).randint(1, 5, (N, T, 5))
    for i in range(N):
        words[i, i + 1 :, :] = 0
        words[i, :, i + 2 :] = 0
    layers = [td(L.Embedding(5, C, mask_zero=True)), td(L.SimpleRNN(U, return_sequences=True)), td(L.SimpleRNN(2))]
    add("masks", layers + [L.SimpleRNN(2)], words, shape=(None, None))
    inner = keras.models.Sequential([L.Dense(3, input_shape=(C,)), L.Dense(2, activation="relu")])
    add("model", [td(inner)], _x(N, T, C), shape=(T, C))
    add("normalization", [td(L.BatchNormalization())], _x(N, T, C), shape=(T, C))
    del found["time/normalization"][4:]  # the moving averages, which TensorFlow corrects for their start at zero
    add("flatten", [td(L.Flatten()), td(L.RepeatVector(2))], _x(N, T, 2, C), shape=(T, 2, C))
    return found


GROUPS = {"bidirectional": bidirectional, "states": bidirectional_states, "time": time_distributed}


def compute(keras):
    """All arrays by name."""
    return {
        "%s/%d" % (name, i): np.asarray(a)
        for group in GROUPS.values()
        for name, arrays in group(keras).items()
        for i, a in enumerate(arrays)
    }


def configs(keras):
    """Configs by name, of fresh layers in a fresh session."""
    L = keras.layers
    keras.backend.clear_session()
    made = [
        L.TimeDistributed(L.Dense(2), input_shape=(3, 4)),
        L.Bidirectional(L.LSTM(2)),
        L.Bidirectional(L.GRU(2, go_backwards=True, name="g"), merge_mode=None, name="b"),
        L.CuDNNLSTM(3, return_sequences=True),
        L.CuDNNGRU(3, kernel_regularizer="l2", go_backwards=True, stateful=True),
    ]
    return {"%d %s" % (i, type(layer).__name__): layer.get_config() for i, layer in enumerate(made)}
