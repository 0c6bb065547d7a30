"""What recurrent layers compute on fixed inputs.

`compute(keras)` runs every case with the package it is given and yields (name, array). The same code runs under Keras
2.2.4, whose answers are stored (make_recurrent.py), and under gpukeras in the tests. It therefore keeps to Python 3.6
and to what both packages offer.
"""

import numpy as np


def _rand(seed, *shape):
    return np.random.RandomState(seed).randn(*shape).astype("float32")


X = _rand(1, 3, 5, 4)
X[0, 1] = X[0, 3] = X[1, 0] = X[2, 2:] = 0  # masked steps: inside, at the start, at the end
H, C = 0.5 * _rand(2, 3, 6), 0.5 * _rand(3, 3, 6)
FRAMES = _rand(4, 2, 3, 6, 5, 2)

SIMPLE = {
    "plain": dict(),
    "relu": dict(activation="relu", use_bias=False),
}
GATED = {
    "plain": dict(),
    "sigmoid": dict(recurrent_activation="sigmoid", activation="relu"),
    "softsign": dict(recurrent_activation="sigmoid", activation="softsign", use_bias=False),
    "second": dict(implementation=2, activation="elu"),
}
LAYERS = {
    "SimpleRNN": SIMPLE,
    "LSTM": dict(GATED, no_forget=dict(unit_forget_bias=False)),
    "GRU": dict(
        GATED,
        after=dict(reset_after=True),
        after_second=dict(reset_after=True, implementation=2, recurrent_activation="sigmoid"),
        after_no_bias=dict(reset_after=True, use_bias=False),
    ),
}
WAYS = {
    "last": dict(),
    "sequences": dict(return_sequences=True),
    "states": dict(return_sequences=True, return_state=True),
    "backwards": dict(return_sequences=True, return_state=True, go_backwards=True),
    "unrolled": dict(return_sequences=True, return_state=True, unroll=True),
    "unrolled_backwards": dict(return_sequences=True, unroll=True, go_backwards=True),
}


def _set_weights(layer, seed=10, scale=0.6):
    shapes = [w.shape for w in layer.get_weights()]
    layer.set_weights([scale * _rand(seed + i, *shape) for i, shape in enumerate(shapes)])


def _list(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _outputs_and_gradients(keras, layer, x, masked=False, states=()):
    """Outputs, and the gradients of a weighted sum of them with respect to input, states and weights."""
    K = keras.backend
    inputs = keras.layers.Input(batch_shape=x.shape)
    extra = [keras.layers.Input(batch_shape=s.shape) for s in states]
    source = keras.layers.Masking()(inputs) if masked else inputs
    outputs = _list(layer(source, initial_state=extra) if extra else layer(source))
    _set_weights(layer)
    loss = sum(K.sum(y * _rand(30 + i, *_sizes(K, y, x))) for i, y in enumerate(outputs))
    grads = K.gradients(loss, [inputs] + extra + layer.weights)
    # TensorFlow may free the outputs of a loop after one reading, so each array gets a function of its own.
    run = lambda t: K.function([inputs] + extra, [t])([x] + list(states))[0]
    return [run(y) for y in outputs] + [run(g) for g in grads]


def _sizes(K, y, x):
    shape = K.int_shape(y)
    return tuple(x.shape[i] if n is None else n for i, n in enumerate(shape))


def _sequences(keras):
    for name, variants in sorted(LAYERS.items()):
        for variant, settings in sorted(variants.items()):
            for way in ["states"] if variant != "plain" else sorted(WAYS):
                for masked in (False, True):
                    keras.backend.clear_session()  # TensorFlow gets slower the more there is in its graph
                    layer = getattr(keras.layers, name)(6, **dict(settings, **WAYS[way]))
                    label = "layer/%s/%s/%s/%s" % (name, variant, way, "masked" if masked else "whole")
                    for i, array in enumerate(_outputs_and_gradients(keras, layer, X, masked)):
                        yield "%s/%d" % (label, i), array
        states = [H, C] if name == "LSTM" else [H]
        for way in ("states", "backwards", "unrolled"):
            for masked in (False, True):
                keras.backend.clear_session()
                layer = getattr(keras.layers, name)(6, **WAYS[way])
                label = "layer/%s/given/%s/%s" % (name, way, "masked" if masked else "whole")
                for i, array in enumerate(_outputs_and_gradients(keras, layer, X, masked, states)):
                    yield "%s/%d" % (label, i), array


def _cells(keras):
    """One step with dropout masks, which the cells keep."""
    K, layers = keras.backend, keras.layers
    for name, options in (
        ("SimpleRNNCell", [dict()]),
        ("LSTMCell", [dict(implementation=1), dict(implementation=2)]),
        ("GRUCell", [dict(implementation=i, reset_after=a) for i in (1, 2) for a in (False, True)]),
    ):
        for k, settings in enumerate(options):
            for rates in (dict(dropout=0.5), dict(recurrent_dropout=0.5), dict(dropout=0.3, recurrent_dropout=0.2)):
                cell = getattr(layers, name)(6, **dict(settings, **rates))
                cell.build((None, 4))
                _set_weights(cell)
                count = {"SimpleRNNCell": 1, "LSTMCell": 4, "GRUCell": 3}[name]
                masks = [K.constant((_rand(60 + i, 3, 4) > 0) * 2.0) for i in range(count)]
                state_masks = [K.constant((_rand(70 + i, 3, 6) > 0) * 2.0) for i in range(count)]
                if "dropout" in rates:
                    cell._dropout_mask = masks if count > 1 else masks[0]
                if "recurrent_dropout" in rates:
                    cell._recurrent_dropout_mask = state_masks if count > 1 else state_masks[0]
                states = [K.constant(H), K.constant(C)][: 2 if name == "LSTMCell" else 1]
                output, states = cell.call(K.constant(X[:, 0]), states)
                for i, t in enumerate([output] + list(states)):
                    yield "cell/%s/%d/%s/%d" % (name, k, "_".join(sorted(rates)), i), K.function([], [t])([])[0]


def _stacks(keras):
    layers = keras.layers
    for masked in (False, True):
        for reverse in (False, True):
            cells = [layers.LSTMCell(6), layers.GRUCell(6), layers.SimpleRNNCell(6)]
            cell = layers.StackedRNNCells(cells, reverse_state_order=True) if reverse else cells
            layer = layers.RNN(cell, return_sequences=True, return_state=True)
            label = "stack/%s/%s" % ("reverse" if reverse else "forward", "masked" if masked else "whole")
            for i, array in enumerate(_outputs_and_gradients(keras, layer, X, masked)):
                yield "%s/%d" % (label, i), array
    layer = layers.RNN([layers.LSTMCell(5), layers.SimpleRNNCell(2)], return_sequences=True, unroll=True)
    for i, array in enumerate(_outputs_and_gradients(keras, layer, X, True)):
        yield "stack/unrolled/%d" % i, array


def _stateful(keras):
    """Predictions and resets of layers that keep their states.

    No training: on TensorFlow 1 the backward pass reads the states while the step overwrites them.
    """
    for name in sorted(LAYERS):
        K, layers = keras.backend, keras.layers
        inputs = layers.Input(batch_shape=X.shape)
        layer = getattr(layers, name)(6, stateful=True)
        model = keras.models.Model(inputs, layer(layers.Masking()(inputs)))
        _set_weights(layer)
        results = [model.predict(X, batch_size=3), model.predict(X, batch_size=3)]
        results += [K.get_value(s) for s in layer.states]
        model.reset_states()
        results.append(model.predict(X, batch_size=3))
        layer.reset_states([H, C][: len(layer.states)])
        results.append(model.predict(X, batch_size=3))
        for i, array in enumerate(results):
            yield "stateful/%s/%d" % (name, i), array


def _steps(keras):
    """K.rnn itself."""
    K = keras.backend
    mask = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]], dtype="float32")
    start = _rand(80, 3, 4)

    def add(x, states):
        return x * 10, [states[0] + x * states[1]]

    for unroll in (False, True):
        for backwards in (False, True):
            for flags in (None, mask, mask[..., None]):
                x = K.placeholder(X.shape)
                last, outputs, states = K.rnn(
                    add,
                    x,
                    [K.constant(start)],
                    go_backwards=backwards,
                    mask=None if flags is None else K.constant(flags),
                    constants=[K.constant(_rand(81, 4))],
                    unroll=unroll,
                )
                label = "rnn/%d/%d/%d" % (unroll, backwards, 0 if flags is None else flags.ndim)
                for i, t in enumerate([last, outputs] + list(states)):
                    yield "%s/%d" % (label, i), K.function([x], [t])([X])[0]


FRAME_LAYERS = {
    "valid": dict(),
    "same": dict(padding="same", recurrent_activation="sigmoid"),
    "strides": dict(strides=2, use_bias=False),
    "dilated": dict(dilation_rate=(2, 1)),
    "first": dict(data_format="channels_first", padding="same"),
}


def _images(keras):
    for name, settings in sorted(FRAME_LAYERS.items()):
        for way in ("last", "states", "backwards"):
            keras.backend.clear_session()
            layer = keras.layers.ConvLSTM2D(3, (3, 2), **dict(settings, **WAYS[way]))
            x = np.moveaxis(FRAMES, -1, 2) if name == "first" else FRAMES
            for i, array in enumerate(_outputs_and_gradients(keras, layer, x)):
                yield "images/%s/%s/%d" % (name, way, i), array


GROUPS = {
    "layer": _sequences,
    "cell": _cells,
    "stack": _stacks,
    "stateful": _stateful,
    "rnn": _steps,
    "images": _images,
}


def compute(keras):
    """Runs all cases: {name: array}."""
    found = {}
    for group in sorted(GROUPS):
        keras.backend.clear_session()
        found.update((name, np.asarray(array)) for name, array in GROUPS[group](keras))
    return found


def configs(keras):
    """Configs of layers and cells by name."""
    layers = keras.layers
    made = {
        "simple": layers.SimpleRNN(3, name="a", dropout=0.5),
        "gru": layers.GRU(3, name="a", reset_after=True, input_shape=(4, 5)),
        "lstm": layers.LSTM(3, name="a", kernel_regularizer="l2", bias_constraint="nonneg", stateful=True),
        "stack": layers.RNN(layers.StackedRNNCells([layers.LSTMCell(3, name="b")], name="c"), name="a"),
        "conv": layers.ConvLSTM2D(3, 2, name="a", activity_regularizer="l1"),
        "conv_cell": layers.ConvLSTM2DCell(3, 2, name="a", strides=2),
        "legacy": layers.LSTM(3, name="a", input_dim=4, input_length=5),
    }
    return {name: layer.get_config() for name, layer in made.items()}
