"""Chapter 4 of the manual: models, their methods, and what it says of arguments, results and errors."""

import json

import numpy as np
import pytest

from tests.manual.samples import sample


def small(**options):
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential([Dense(3, activation="softmax", input_dim=4)])
    model.compile(**{"loss": "categorical_crossentropy", "optimizer": "sgd", **options})
    return model


def data(rows=20):
    return np.random.random((rows, 4)), np.eye(3)[np.random.randint(3, size=rows)]


@sample("4.1", 2049, 2060, 2064, 2071, 2075)
def test_configurations():
    from keras.layers import Dense, Input
    from keras.models import Model, Sequential

    a = Input((4,))
    model = Model(a, Dense(2)(a))
    expected = json.dumps(model.get_config())
    config = model.get_config()
    model = Model.from_config(config)
    assert json.dumps(model.get_config()) == expected
    model = small()
    config = model.get_config()
    model = Sequential.from_config(config)
    assert json.dumps(model.get_config()) == json.dumps(config)

    from keras.models import model_from_json

    weights = model.get_weights()
    json_string = model.to_json()
    model = model_from_json(json_string)
    assert model.to_json() == json_string
    # The weights are drawn anew.
    assert (model.get_weights()[0] != weights[0]).any()

    from keras.models import model_from_yaml

    yaml_string = model.to_yaml()
    model = model_from_yaml(yaml_string)
    assert model.to_yaml() == yaml_string
    model.set_weights(weights)
    for ours, given in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(ours, given)


@sample("4.2.3.1", 2120)
def test_compiled_sequential():
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(32, input_shape=(500,)))
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    assert model.metrics_names == ["loss", "acc"]
    assert len(model.layers) == 2


@sample(
    "4.2.3.8",
    2318,
    instead={
        "generate_arrays_from_file('/my_file.txt')": "a file of the test's folder",
        "model.fit_generator(generate_arrays_from_file('/my_file.txt'), steps_per_epoch=_, epochs=_)": "the same",
    },
)
def test_generator_of_arrays():
    with open("my_file.txt", "w") as f:
        f.writelines("%g %g %g %g %d\n" % (*row, label) for row, label in zip(np.random.random((6, 4)), range(6)))

    def process_line(line):
        *x, label = line.split()
        return np.array([x], dtype=float), np.eye(3)[[int(label) % 3]]

    def generate_arrays_from_file(path):
        while 1:
            # In a `with`: the test drops the generator within the file.
            with open(path) as f:
                for line in f:
                    x, y = process_line(line)
                    yield (x, y)

    model = small()
    history = model.fit_generator(generate_arrays_from_file("my_file.txt"), steps_per_epoch=10, epochs=2)
    assert history.epoch == [0, 1] and np.isfinite(history.history["loss"]).all()


@sample("4.3.1", 2410)
def test_model_from_tensors():
    from keras.layers import Dense, Input
    from keras.models import Model

    a = Input(shape=(32,))
    b = Dense(32)(a)
    model = Model(inputs=a, outputs=b)
    assert len(model.layers) == 2 and model.inputs == [a] and model.outputs == [b]


@sample("4.3.1", 2423)
def test_model_from_lists():
    from keras.layers import Dense, Input, add
    from keras.models import Model

    a1, a2 = Input((4,)), Input((4,))
    b1, b3 = Dense(2)(a1), Dense(3)(add([a1, a2]))
    # The text names b3 twice.
    model = Model(inputs=[a1, a2], outputs=[b1, b3, b3])
    x = np.random.random((2, 5, 4))
    first, second, third = model.predict(list(x))
    assert first.shape == (5, 2) and second.shape == (5, 3)
    np.testing.assert_array_equal(second, third)


@sample(
    "4.3.3.8",
    2643,
    2654,
    instead={
        "generate_arrays_from_file('/my_file.txt')": "a file of the test's folder",
        "model.fit_generator(generate_arrays_from_file('/my_file.txt'), steps_per_epoch=_, epochs=_)": "the same",
    },
)
def test_generator_of_dicts():
    from keras.layers import Dense, Input, concatenate
    from keras.models import Model

    a, b = Input((2,), name="input_1"), Input((2,), name="input_2")
    model = Model([a, b], Dense(1, name="output")(concatenate([a, b])))
    model.compile("sgd", "mse")
    with open("my_file.txt", "w") as f:
        f.write("1 2 3 4 5\n5 4 3 2 1\n")

    def process_line(line):
        values = np.array([line.split()], dtype=float)
        return values[:, :2], values[:, 2:4], values[:, 4:]

    def generate_arrays_from_file(path):
        while 1:
            # In a `with`: the test drops the generator within the file.
            with open(path) as f:
                for line in f:
                    x1, x2, y = process_line(line)
                    yield ({"input_1": x1, "input_2": x2}, {"output": y})

    history = model.fit_generator(generate_arrays_from_file("my_file.txt"), steps_per_epoch=4, epochs=3)
    assert history.epoch == [0, 1, 2] and np.isfinite(history.history["loss"]).all()


def test_scalars_and_lists():
    """One number without metrics, a list with some, named by metrics_names."""
    x, y = data()
    model = small()
    for result in (
        model.evaluate(x, y, verbose=0),
        model.train_on_batch(x, y),
        model.test_on_batch(x, y),
        model.evaluate_generator(iter([(x, y)] * 20), steps=1),
    ):
        assert np.ndim(result) == 0
    model = small(metrics=["accuracy", "mae"])
    assert model.metrics_names == ["loss", "acc", "mean_absolute_error"]
    for result in (
        model.evaluate(x, y, verbose=0),
        model.train_on_batch(x, y),
        model.test_on_batch(x, y),
        model.evaluate_generator(iter([(x, y)] * 20), steps=1),
    ):
        assert isinstance(result, list) and len(result) == 3
    np.testing.assert_allclose(model.predict_on_batch(x), model.predict(x), rtol=1e-6)
    generated = model.predict_generator(iter([x[:10], x[10:]] * 10), steps=2)
    np.testing.assert_allclose(generated, model.predict(x), rtol=1e-6)


def test_epochs_is_the_last_epoch():
    x, y = data()
    assert small().fit(x, y, epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]


def test_validation_data_wins_over_validation_split(capsys):
    x, y = data()
    small().fit(x, y, validation_split=0.5, validation_data=(x[:7], y[:7], np.ones(7)))
    assert "Train on 20 samples, validate on 7 samples" in capsys.readouterr().out


@pytest.mark.parametrize("verbose, lines", [(0, 0), (2, 2)])
def test_verbosity(capsys, verbose, lines):
    x, y = data()
    small().fit(x, y, verbose=verbose, epochs=1)
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_progress_bar(capsys):
    x, y = data()
    small().fit(x, y, verbose=1, batch_size=10)
    assert "20/20 [==============================]" in capsys.readouterr().out


def test_class_weight_and_sample_weight():
    """Both scale the loss: a class of weight 3 counts as its samples with weight 3."""
    x, y = data()
    model = small()
    weights = np.where(y[:, 1] == 1, 3.0, 1.0)
    by_class = model.test_on_batch(x, y, sample_weight=weights)
    np.testing.assert_allclose(model.train_on_batch(x, y, class_weight={0: 1.0, 1: 3.0, 2: 1.0}), by_class, rtol=1e-6)


def test_weights_of_time_steps():
    from keras.layers import Dense, TimeDistributed
    from keras.models import Sequential

    model = Sequential([TimeDistributed(Dense(1), input_shape=(5, 2))])
    x, y = np.random.random((6, 5, 2)), np.random.random((6, 5, 1))
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    mask = np.zeros((6, 5))
    mask[:, :2] = 1
    error = (model.predict(x) - y)[:, :2] ** 2
    np.testing.assert_allclose(model.test_on_batch(x, y, sample_weight=mask), error.mean(), rtol=1e-5)


def test_shuffling_within_batches_of_hdf5():
    import h5py

    x, y = data()
    with h5py.File("data.h5", "w") as f:
        f["x"], f["y"] = x, y
        history = small().fit(f["x"], f["y"], shuffle="batch", batch_size=5, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


def test_target_tensors():
    """The targets come from a tensor: none are handed over."""
    import keras.backend as K

    x, y = data()
    model = small(target_tensors=K.constant(y))
    np.testing.assert_allclose(model.train_on_batch(x, None), small_loss(model, x, y), rtol=0.2)


def small_loss(model, x, y):
    return -np.log((model.predict(x) * y).sum(axis=1)).mean()


@pytest.mark.parametrize("what", ["fit", "evaluate", "train_on_batch", "test_on_batch", "fit_generator"])
def test_not_compiled(what):
    from keras.layers import Dense
    from keras.models import Sequential

    x, y = data()
    model = Sequential([Dense(3, input_dim=4)])
    arguments = (iter([(x, y)]), 1) if what == "fit_generator" else (x, y)
    with pytest.raises(RuntimeError, match="compile"):
        getattr(model, what)(*arguments)


def test_wrong_arguments_and_data():
    from keras.layers import LSTM
    from keras.models import Sequential

    for options in ({"optimizer": "no"}, {"loss": "no"}, {"metrics": ["no"]}, {"sample_weight_mode": {"no": "x"}}):
        with pytest.raises(ValueError):
            small(**options)
    x, y = data()
    model = small()
    for wrong in ((x[:, :3], y), (x, y[:5]), ([x, x], y), (x, y[:, :2])):
        with pytest.raises(ValueError):
            model.fit(*wrong)
    with pytest.raises(ValueError):
        model.fit_generator(iter([x] * 20), steps_per_epoch=1)
    stateful = Sequential([LSTM(2, stateful=True, batch_input_shape=(4, 3, 2))])
    with pytest.raises(ValueError, match="batch size|divided"):
        stateful.predict(np.zeros((6, 3, 2)), batch_size=4)


def test_layers_by_name_and_index():
    model = small()
    (layer,) = model.layers
    assert model.get_layer(layer.name) is layer and model.get_layer(index=0) is layer
    for options in ({"name": "no"}, {"index": 9}, {}):
        with pytest.raises(ValueError):
            model.get_layer(**options)
