"""Training on several devices, with one CPU split into four: the numbers are those of training on one."""

import json

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import regularizers
from gpukeras.callbacks import Callback, ModelCheckpoint
from gpukeras.engine.base_layer import Layer
from gpukeras.layers import (
    GRU,
    LSTM,
    Activation,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Lambda,
    MaxPooling2D,
    concatenate,
)
from gpukeras.models import Model, Sequential, load_model, model_from_json
from gpukeras.optimizers import SGD, Adam
from gpukeras.utils import Sequence, multi_gpu_model

CLASSES = 3


@pytest.fixture(autouse=True)
def four_devices(monkeypatch):
    monkeypatch.setenv("GPUKERAS_VIRTUAL_DEVICES", "4")


def mlp():
    model = Sequential(
        [
            Dense(16, activation="relu", input_shape=(6,), kernel_regularizer="l2"),
            Dense(8, activation="tanh", activity_regularizer=regularizers.l1(1e-3)),
            Dense(CLASSES, activation="softmax"),
        ]
    )
    return model, lambda n: np.random.rand(n, 6)


def cnn():
    model = Sequential(
        [
            Conv2D(4, 3, activation="relu", input_shape=(8, 8, 2)),
            MaxPooling2D(),
            Flatten(),
            Dense(CLASSES, activation="softmax"),
        ]
    )
    return model, lambda n: np.random.rand(n, 8, 8, 2)


def lstm():
    model = Sequential(
        [
            Embedding(10, 4, mask_zero=True),
            LSTM(5, return_sequences=True),
            Bidirectional(GRU(3)),
            Dense(CLASSES, activation="softmax"),
        ]
    )
    return model, lambda n: np.random.randint(0, 10, (n, 6))


def normalised(momentum=0.5):
    model = Sequential(
        [
            Conv2D(3, 3, input_shape=(6, 6, 1)),
            BatchNormalization(momentum=momentum),
            Activation("relu"),
            Flatten(),
            Dense(CLASSES, activation="softmax"),
        ]
    )
    return model, lambda n: np.random.rand(n, 6, 6, 1) * 3


def labels(n):
    return np.eye(CLASSES)[np.random.randint(CLASSES, size=n)]


def pair(make, gpus=4):
    """A template, the model on several devices, and an equal model for one."""
    model, data = make()
    alone, _ = make()
    model.predict(data(1))  # recurrent models without a length are built by now
    alone.set_weights(model.get_weights())
    return model, multi_gpu_model(model, gpus), alone, data


def assert_same_weights(a, b, atol=2e-6):
    for ours, theirs in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=atol)


def plans(function):
    return [plan for compiled in function._compiled.values() for plan in compiled._plans.values()]


def test_the_devices_are_seen():
    assert K.tensorflow_backend._get_available_gpus() == [f"/device:GPU:{i}" for i in range(4)]
    with K.device("/gpu:3"):
        assert (K.placeholder((2,)) + 1).device == "/gpu:3"


@pytest.mark.parametrize("gpus", [2, 4, [1, 3], None])
@pytest.mark.parametrize("make", [mlp, cnn, lstm])
def test_training_is_that_of_one_device(make, gpus):
    model, parallel, alone, data = pair(make, gpus)
    x, y = data(23), labels(23)  # batches of 10, 10 and 3
    results = []
    for m in (parallel, alone):
        m.compile(SGD(0.1, momentum=0.9), "categorical_crossentropy", metrics=["accuracy", "mae"])
        h = m.fit(x, y, epochs=2, batch_size=10, shuffle=False, verbose=0, validation_data=(x[:5], y[:5]))
        results.append((h.history, m.evaluate(x, y, batch_size=10, verbose=0), m.predict(x, batch_size=10)))
    (history, values, outputs), (history_1, values_1, outputs_1) = results
    assert history.keys() == history_1.keys()
    for name in history:
        np.testing.assert_allclose(history[name], history_1[name], rtol=1e-5, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(values, values_1, rtol=1e-5)
    np.testing.assert_allclose(outputs, outputs_1, rtol=1e-4, atol=1e-6)
    assert_same_weights(model, alone)


def test_devices_work_side_by_side():
    model, parallel, _, data = pair(mlp)
    parallel.compile("sgd", "categorical_crossentropy")
    parallel.train_on_batch(data(8), labels(8))
    (plan,) = plans(parallel.train_function)
    lanes = {}
    for phase, lane, count in plan.program.segments:
        lanes.setdefault(phase, []).append((lane, count))
    assert [[lane for lane, _ in lanes[phase]] for phase in sorted(lanes)] == [
        [0],
        [1, 2, 3, 4],
        [0],
        [1, 2, 3, 4],
        [0],
    ]
    for phase in (1, 3):  # each does the same work
        assert len({count for _, count in lanes[phase]}) == 1


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_no_kernel_sees_an_empty_batch(rows):
    model, parallel, _, data = pair(normalised)
    parallel.compile("sgd", "mse")
    parallel.train_on_batch(data(rows), labels(rows))
    parallel.predict(data(rows))
    for f in (parallel.train_function, parallel.predict_function):
        for plan in plans(f):
            for step in plan.program.steps:
                assert all(v.size for v in [*step.ins, *step.outs] if v is not None), step
            lanes = {lane for _, lane, _ in plan.program.segments} - {0}
            assert lanes == ({4} if rows < 4 else {1, 2, 3, 4})
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_batch_normalisation_goes_by_the_rows_of_each_device():
    model, parallel, alone, data = pair(lambda: normalised(momentum=0.5), 2)
    x, y = data(8), labels(8)
    parallel.compile("sgd", "categorical_crossentropy")
    parallel.train_on_batch(x, y)

    # The same from two halves: mean of their losses, gradients of the shared weights.
    first, second = Input((6, 6, 1)), Input((6, 6, 1))
    halves = Model([first, second], [alone(first), alone(second)])
    halves.compile("sgd", "categorical_crossentropy", loss_weights=[0.5, 0.5])
    halves.train_on_batch([x[:4], x[4:]], [y[:4], y[4:]])
    assert_same_weights(model, alone)


def test_the_last_device_moves_the_averages_of_batch_normalisation():
    model = Sequential([BatchNormalization(momentum=0.5, input_shape=(1,))])
    parallel = multi_gpu_model(model, 4)
    parallel.compile(SGD(0.0), "mse")
    x = np.arange(8.0).reshape(8, 1)
    parallel.train_on_batch(x, x)
    mean = model.get_weights()[2]
    np.testing.assert_allclose(mean, 0.5 * x[6:].mean(), rtol=1e-6)
    parallel.train_on_batch(x[:3], x[:3])  # fewer rows than devices: one of them has them all
    np.testing.assert_allclose(model.get_weights()[2], 0.5 * mean + 0.5 * x[:3].mean(), rtol=1e-6)


def two_and_two():
    a, b = Input((4,), name="a"), Input((3,), name="b")
    h = Dense(5, activation="tanh")(concatenate([a, b]))
    model = Model([a, b], [Dense(CLASSES, activation="softmax", name="first")(h), Dense(2, name="second")(h)])
    return model, lambda n: [np.random.rand(n, 4), np.random.rand(n, 3)]


def test_several_inputs_and_outputs_with_weights():
    model, parallel, alone, data = pair(two_and_two)
    assert parallel.output_names == ["first", "second"]
    x, y = data(21), {"first": labels(21), "second": np.random.rand(21, 2)}
    weights = {"first": np.random.rand(21), "second": np.random.randint(0, 3, 21).astype("float32")}
    for m in (parallel, alone):
        m.compile(
            "adam",
            {"first": "categorical_crossentropy", "second": "mse"},
            metrics={"first": "accuracy"},
            weighted_metrics={"second": "mae"},
            loss_weights=[0.3, 2.0],
        )
        m.history_ = m.fit(x, y, sample_weight=weights, epochs=2, batch_size=9, shuffle=False, verbose=0).history
    for name, values in alone.history_.items():
        np.testing.assert_allclose(parallel.history_[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
    assert_same_weights(model, alone)


def test_class_weights_and_temporal_sample_weights():
    def steps():
        model = Sequential([LSTM(4, return_sequences=True, input_shape=(5, 2)), Dense(1)])
        return model, lambda n: np.random.rand(n, 5, 2)

    model, parallel, alone, data = pair(steps, 3)
    x, y = data(11), np.random.rand(11, 5, 1)
    weights = np.random.randint(0, 3, (11, 5)).astype("float32")  # whose zeros are not counted
    for m in (parallel, alone):
        m.compile("sgd", "mse", sample_weight_mode="temporal")
        m.value = m.train_on_batch(x, y, sample_weight=weights)
    np.testing.assert_allclose(parallel.value, alone.value, rtol=1e-6)
    assert_same_weights(model, alone)

    model, parallel, alone, data = pair(mlp, 3)
    x, y = data(11), labels(11)
    for m in (parallel, alone):
        m.compile("sgd", "categorical_crossentropy")
        m.fit(x, y, class_weight={0: 1.0, 1: 0.0, 2: 5.0}, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(model, alone)


def test_a_loss_of_the_whole_batch():
    """A loss that mixes the samples of a batch is that of the whole batch, not of each device's rows."""

    def spread(y_true, y_pred):
        return K.std(y_pred - y_true) * K.ones_like(y_pred[:, 0])

    model, parallel, alone, data = pair(mlp)
    x, y = data(10), labels(10)
    for m in (parallel, alone):
        m.compile("sgd", spread, metrics=[lambda t, p: K.max(p)])
        m.value = m.train_on_batch(x, y)
    np.testing.assert_allclose(parallel.value, alone.value, rtol=1e-5)
    assert_same_weights(model, alone)


@pytest.mark.parametrize("rows", [2, 8])
def test_terms_of_the_loss_are_counted_once(rows):
    """Penalties of weights once, penalties of activities and terms of a layer's own for every row once."""

    class Term(Layer):
        def call(self, x):
            self.add_loss(K.sum(K.square(x)) * 0.01, inputs=x)
            return x

    def make():
        model, data = mlp()
        model.add(Term())
        return model, data

    model, parallel, alone, data = pair(make)
    x, y = data(rows), labels(rows)
    for m in (parallel, alone):
        m.compile("sgd", "mse")
        m.value = m.test_on_batch(x, y)
        m.train_on_batch(x, y)
    np.testing.assert_allclose(parallel.value, alone.value, rtol=1e-5)
    assert_same_weights(model, alone)


def test_dropout_differs_from_device_to_device():
    model = Sequential([Dropout(0.5, input_shape=(50,))])
    parallel = multi_gpu_model(model, 4)
    f = K.function([*parallel.inputs, K.learning_phase()], parallel.outputs)
    parts = f([np.ones((8, 50)), 1])[0].reshape(4, 2, 50)
    for i in range(4):
        assert set(np.unique(parts[i])) == {0.0, 2.0}
        assert all((parts[i] != parts[j]).any() for j in range(i))
    np.testing.assert_array_equal(parallel.predict(np.ones((8, 50))), 1.0)


class Batches(Sequence):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return (len(self.x) + 7) // 8

    def __getitem__(self, i):
        return self.x[8 * i : 8 * i + 8], self.y[8 * i : 8 * i + 8]


def test_generators():
    model, parallel, alone, data = pair(mlp)
    x, y = data(19), labels(19)
    for m in (parallel, alone):
        m.compile("rmsprop", "categorical_crossentropy", metrics=["acc"])
        m.fit_generator(Batches(x, y), epochs=2, shuffle=False, verbose=0, workers=0)
        m.values = m.evaluate_generator(Batches(x, y), workers=0)
        m.outputs_ = m.predict_generator(Batches(x, y), workers=0)
    assert_same_weights(model, alone, atol=1e-5)
    np.testing.assert_allclose(parallel.values, alone.values, rtol=1e-4)
    np.testing.assert_allclose(parallel.outputs_, alone.outputs_, rtol=1e-4, atol=1e-5)


def test_either_model_goes_on_training():
    model, parallel, alone, data = pair(mlp)
    x, y = data(12), labels(12)
    for m in (model, parallel, alone):
        m.compile(SGD(0.1), "categorical_crossentropy")
    for m in (parallel, model, parallel):
        m.train_on_batch(x, y)
        alone.train_on_batch(x, y)
        assert_same_weights(model, alone)
        assert_same_weights(parallel, alone)
    parallel.set_weights([w + 1 for w in alone.get_weights()])
    np.testing.assert_array_equal(model.get_weights()[0], alone.get_weights()[0] + 1)


def test_frozen_layers_stay():
    model, parallel, _, data = pair(mlp)
    model.layers[0].trainable = False
    before = model.get_weights()
    parallel.compile("sgd", "mse")
    parallel.train_on_batch(data(8), labels(8))
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert (model.get_weights()[2] != before[2]).any()


def test_files(tmp_path):
    model, parallel, _, data = pair(cnn)
    x, y = data(10), labels(10)
    parallel.compile(Adam(0.01), "categorical_crossentropy", metrics=["acc"])
    checkpoint = ModelCheckpoint(str(tmp_path / "{epoch}.h5"))
    parallel.fit(x, y, epochs=1, batch_size=5, verbose=0, callbacks=[checkpoint])
    expected = model.predict(x)
    model.save(tmp_path / "template.h5")
    model.save_weights(tmp_path / "weights.h5")
    parallel.save(tmp_path / "parallel.h5")
    for name in ("template", "parallel", "1"):
        loaded = load_model(tmp_path / f"{name}.h5", compile=name != "template")  # which was never compiled
        np.testing.assert_allclose(loaded.predict(x), expected, rtol=1e-6, err_msg=name)
    goes_on = load_model(tmp_path / "parallel.h5")
    for m in (goes_on, parallel):
        m.train_on_batch(x, y)
    assert_same_weights(goes_on, model)
    model.load_weights(tmp_path / "weights.h5")
    np.testing.assert_array_equal(parallel.predict(x), expected)


def test_the_graph_is_to_be_seen(capsys):
    model, parallel, _, data = pair(two_and_two, 2)
    kinds = [type(layer).__name__ for layer in parallel.layers]
    assert kinds.count("Lambda") == 4 and kinds.count("Concatenate") == 2 and model in parallel.layers
    assert parallel.count_params() == model.count_params()
    parallel.summary()
    text = capsys.readouterr().out
    assert "lambda" in text and model.name in text and "first (Concatenate)" in text
    config = json.loads(parallel.to_json())
    rows = [layer["config"] for layer in config["config"]["layers"] if layer["class_name"] == "Lambda"]
    assert {(c["arguments"]["i"], c["arguments"]["parts"]) for c in rows} == {(0, 2), (1, 2)}
    again = model_from_json(parallel.to_json())
    again.set_weights(parallel.get_weights())
    x = data(5)
    for ours, theirs in zip(again.predict(x), parallel.predict(x), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_callbacks_see_a_model_that_can_be_stopped():
    class Stop(Callback):
        def on_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    _, parallel, _, data = pair(mlp)
    parallel.compile("sgd", "mse")
    stop = Stop()
    parallel.fit(data(40), labels(40), batch_size=8, epochs=3, verbose=0, callbacks=[stop])
    assert len(parallel.history.epoch) <= 1


def test_a_stateful_model_is_refused():
    model = Sequential([LSTM(2, stateful=True, batch_input_shape=(4, 3, 2))])
    with pytest.raises(ValueError, match="is stateful, and a state belongs to the samples of a whole batch"):
        multi_gpu_model(model, 2)


def test_branches_put_on_devices_by_hand():
    def make(scope):
        a, b = Input((5, 2)), Input((5, 2))
        shared = LSTM(4)
        with scope("/gpu:0"):
            left = shared(a)
        with scope("/gpu:1"):
            right = shared(b)
        return Model([a, b], Dense(1)(concatenate([left, right])))

    model, alone = make(K.device), make(K.name_scope)
    alone.set_weights(model.get_weights())
    x, y = [np.random.rand(6, 5, 2), np.random.rand(6, 5, 2)], np.random.rand(6, 1)
    for m in (model, alone):
        m.compile("adam", "mse")
        m.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(model, alone)
    assert {lane for plan in plans(model.train_function) for _, lane, _ in plan.program.segments} == {0, 1, 2}
    assert {lane for plan in plans(alone.train_function) for _, lane, _ in plan.program.segments} == {0}


def test_stateful_metrics():
    class Count(Layer):
        """Samples seen since the last reset."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.stateful = True
            self.seen = K.variable(0.0)

        def reset_states(self):
            K.set_value(self.seen, 0.0)

        def __call__(self, y_true, y_pred):
            rows = K.cast(K.shape(y_pred)[0], "float32")
            self.add_update(K.update_add(self.seen, rows), inputs=[y_true, y_pred])
            return self.seen + rows

    _, parallel, _, data = pair(mlp)
    parallel.compile("sgd", "mse", metrics=[Count(name="count")])
    x, y = data(22), labels(22)
    history = parallel.fit(x, y, batch_size=10, epochs=2, verbose=0).history
    assert history["count"] == [22, 22]
    assert parallel.evaluate(x, y, batch_size=10, verbose=0)[1] == 22


@pytest.mark.parametrize("arguments", [{"cpu_merge": False}, {"cpu_relocation": True}])
def test_where_results_and_weights_are(arguments):
    model, data = mlp()
    parallel = multi_gpu_model(model, 3, **arguments)
    x, y = data(10), labels(10)
    np.testing.assert_allclose(parallel.predict(x), model.predict(x), rtol=1e-5)
    parallel.compile("sgd", "categorical_crossentropy")
    before = parallel.get_weights()
    parallel.train_on_batch(x, y)
    assert (parallel.get_weights()[0] != before[0]).any()
    moved = (model.get_weights()[0] != before[0]).any()
    assert moved == ("cpu_merge" in arguments)  # relocated weights are others


def test_outputs_of_one_layer():
    a, b = Input((4,)), Input((4,))
    twin = Dense(2, name="twin")
    model = Model([a, b], [twin(a), twin(b)])
    parallel = multi_gpu_model(model, 2)
    assert parallel.output_names == ["twin_1", "twin_2"]
    x = [np.random.rand(5, 4), np.random.rand(5, 4)]
    for ours, theirs in zip(parallel.predict(x), model.predict(x), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_gradients_of_inputs():
    model, parallel, _, data = pair(mlp)
    x = data(6)
    gradients = [K.function(m.inputs, K.gradients(m.outputs[0][:, 0], m.inputs)) for m in (parallel, model)]
    for rows in (6, 2):
        ours, theirs = (f([x[:rows]])[0] for f in gradients)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("rows", [2, 9])
def test_sizes_that_depend_on_data(rows):
    """A graph that runs op by op leaves devices without rows out, too."""
    import gpukeras.ops as ops

    def make():
        model = Sequential([Dense(3, input_shape=(6,)), Lambda(lambda x: x - K.max(ops.boolean_mask(x, x > -1e9)))])
        return model, lambda n: np.random.rand(n, 6)

    model, parallel, _, data = pair(make)
    x, y = data(rows), np.random.rand(rows, 3)
    parallel.compile("sgd", "mse")
    value = parallel.train_on_batch(x, y)
    assert plans(parallel.train_function) == [None]
    assert np.isfinite(value) and all(np.isfinite(w).all() for w in model.get_weights())
    assert np.isfinite(parallel.predict(x)).all()
