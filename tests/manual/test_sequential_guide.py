"""Chapters 1 and 3.1 of the manual: thirty seconds of Keras, the guide to Sequential. Fewer epochs, less data."""

import numpy as np
import pytest

from tests.manual.samples import sample


def compiled(model, *outputs):
    """Checks that a model trains on made-up data: inputs of its shape, targets of shape `outputs`."""
    x = np.random.random((4, *model.input_shape[1:]))
    losses = model.fit(x, np.random.random((4, *outputs)), verbose=0).history
    assert np.isfinite(losses["loss"]).all()
    return set(losses)


@sample("1.3", 425, 429, 435, 444, 452, 459, 466, 472, 478)
def test_thirty_seconds():
    import keras
    from keras.models import Sequential

    model = Sequential()

    from keras.layers import Dense

    model.add(Dense(units=64, activation="relu", input_dim=100))
    model.add(Dense(units=10, activation="softmax"))
    assert model.output_shape == (None, 10)

    x_train, y_train = np.random.random((96, 100)), np.eye(10)[np.random.randint(10, size=96)]
    x_batch, y_batch, x_test, y_test = x_train[:32], y_train[:32], x_train[:40], y_train[:40]

    model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    assert model.metrics_names == ["loss", "acc"]
    history = model.fit(x_train, y_train, epochs=5, batch_size=32)
    assert sorted(history.history) == ["acc", "loss"]
    assert len(history.history["loss"]) == 5 and history.history["loss"][-1] < history.history["loss"][0]

    loss, accuracy = model.train_on_batch(x_batch, y_batch)
    assert loss > 0 and 0 <= accuracy <= 1
    loss_and_metrics = model.evaluate(x_test, y_test, batch_size=128)
    assert len(loss_and_metrics) == 2
    classes = model.predict(x_test, batch_size=128)
    assert classes.shape == (40, 10)
    np.testing.assert_allclose(classes.sum(axis=1), 1, rtol=1e-5)

    model.compile(
        loss=keras.losses.categorical_crossentropy,
        optimizer=keras.optimizers.SGD(lr=0.01, momentum=0.9, nesterov=True),
    )
    assert model.metrics_names == ["loss"]
    assert model.train_on_batch(x_batch, y_batch) > 0


@sample("3.1.1", 624, 638)
def test_list_of_layers_and_add():
    from keras.layers import Activation, Dense
    from keras.models import Sequential

    model = Sequential(
        [
            Dense(32, input_shape=(784,)),
            Activation("relu"),
            Dense(10),
            Activation("softmax"),
        ]
    )
    assert (model.input_shape, model.output_shape) == ((None, 784), (None, 10))
    assert len(model.layers) == 4

    model = Sequential()
    model.add(Dense(32, input_dim=784))
    model.add(Activation("relu"))
    assert (model.input_shape, model.output_shape) == ((None, 784), (None, 32))
    assert len(model.layers) == 2


@sample("3.1.2", 654)
def test_shape_of_the_input():
    from keras.layers import LSTM, Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(32, input_shape=(784,)))
    first = model.get_config()

    model = Sequential()
    model.add(Dense(32, input_dim=784))
    # "Equivalent", but for the automatic names.
    for config in (first, model.get_config()):
        assert config["layers"][0]["config"]["batch_input_shape"] == (None, 784)
    assert [w.shape for w in model.get_weights()] == [(784, 32), (32,)]

    # The text: batch_size=32 and input_shape=(6, 8) give batches of (32, 6, 8); None stands for any number.
    assert Sequential([Dense(3, batch_size=32, input_shape=(6, 8))]).input_shape == (32, 6, 8)
    with pytest.warns(UserWarning, match="input_shape"):
        assert Sequential([LSTM(3, input_dim=8, input_length=6)]).input_shape == (None, 6, 8)
    assert Sequential([LSTM(3, input_shape=(None, 8))]).input_shape == (None, None, 8)


@sample("3.1.3", 672, 680, 688, 695)
@sample("compile", 362, text="notes")
def test_compile():
    import keras.backend as K
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential([Dense(10, activation="softmax", input_dim=4)])
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    assert compiled(model, 10) == {"loss", "acc"}

    model = Sequential([Dense(1, activation="sigmoid", input_dim=4)])
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    assert compiled(model, 1) == {"loss", "acc"}

    model.compile(optimizer="rmsprop", loss="mse")
    assert compiled(model, 1) == {"loss"}

    def mean_pred(y_true, y_pred):
        return K.mean(y_pred)

    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy", mean_pred])
    assert compiled(model, 1) == {"loss", "acc", "mean_pred"}
    x = np.random.random((8, 4))
    named = dict(zip(model.metrics_names, model.evaluate(x, np.ones((8, 1)), verbose=0)))
    np.testing.assert_allclose(named["mean_pred"], model.predict(x).mean(), rtol=1e-5)


@sample("3.1.4", 712, 723, 731)
@sample("training", 392, text="notes")
@sample("case 1", 343, 348, text="notes-models")
def test_training_two_classes():
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(32, activation="relu", input_dim=100))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])

    data = np.random.random((1000, 100))
    labels = np.random.randint(2, size=(1000, 1))
    history = model.fit(data, labels, epochs=10, batch_size=32)
    assert history.epoch == list(range(10))
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert history.history["acc"][-1] > 0.5


@sample("3.1.4", 737, 748, 756, 762)
@sample("training", 411, text="notes")
def test_training_ten_classes():
    import keras
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(32, activation="relu", input_dim=100))
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])

    data = np.random.random((1000, 100))
    labels = np.random.randint(10, size=(1000, 1))
    one_hot_labels = keras.utils.to_categorical(labels, num_classes=10)
    assert one_hot_labels.shape == (1000, 10)
    np.testing.assert_array_equal(one_hot_labels.argmax(axis=1), labels[:, 0])
    history = model.fit(data, one_hot_labels, epochs=10, batch_size=32)
    assert history.history["loss"][-1] < history.history["loss"][0]


@sample("3.1.5.1", 783)
@sample("examples", 439, text="notes")
def test_perceptron_ten_classes():
    import keras
    from keras.layers import Dense, Dropout
    from keras.models import Sequential
    from keras.optimizers import SGD

    x_train = np.random.random((1000, 20))
    y_train = keras.utils.to_categorical(np.random.randint(10, size=(1000, 1)), num_classes=10)
    x_test = np.random.random((100, 20))
    y_test = keras.utils.to_categorical(np.random.randint(10, size=(100, 1)), num_classes=10)

    model = Sequential()
    model.add(Dense(64, activation="relu", input_dim=20))
    model.add(Dropout(0.5))
    model.add(Dense(64, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))

    sgd = SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True)
    model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])

    history = model.fit(x_train, y_train, epochs=20, batch_size=128)
    score = model.evaluate(x_test, y_test, batch_size=128)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert isinstance(score, list) and len(score) == 2 and abs(score[0] - np.log(10)) < 0.5


@sample("3.1.5.2", 819)
@sample("examples", 474, text="notes")
def test_perceptron_two_classes():
    from keras.layers import Dense, Dropout
    from keras.models import Sequential

    x_train = np.random.random((1000, 20))
    y_train = np.random.randint(2, size=(1000, 1))
    x_test = np.random.random((100, 20))
    y_test = np.random.randint(2, size=(100, 1))

    model = Sequential()
    model.add(Dense(64, input_dim=20, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(64, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(1, activation="sigmoid"))

    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])

    history = model.fit(x_train, y_train, epochs=20, batch_size=128)
    score = model.evaluate(x_test, y_test, batch_size=128)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert len(score) == 2 and abs(score[0] - np.log(2)) < 0.3


@sample("3.1.5.3", 849, 863)
@sample("case 2", 391, 438, text="notes-models")
def test_network_like_vgg():
    import keras
    from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
    from keras.models import Sequential
    from keras.optimizers import SGD
    from keras.utils import np_utils

    # The later text imports the module.
    assert np_utils.to_categorical is keras.utils.to_categorical
    # 4 and 2 images in place of 100 and 20.
    x_train = np.random.random((4, 100, 100, 3))
    y_train = keras.utils.to_categorical(np.random.randint(10, size=(4, 1)), num_classes=10)
    x_test = np.random.random((2, 100, 100, 3))
    y_test = keras.utils.to_categorical(np.random.randint(10, size=(2, 1)), num_classes=10)

    model = Sequential()
    model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(100, 100, 3)))
    model.add(Conv2D(32, (3, 3), activation="relu"))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Dropout(0.25))

    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Dropout(0.25))

    model.add(Flatten())
    model.add(Dense(256, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    assert model.layers[8].output_shape == (None, 22 * 22 * 64)

    sgd = SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True)
    model.compile(loss="categorical_crossentropy", optimizer=sgd)

    before = [w.copy() for w in model.get_weights()]
    history = model.fit(x_train, y_train, batch_size=32, epochs=1)
    score = model.evaluate(x_test, y_test, batch_size=32)
    assert np.isfinite(history.history["loss"]).all() and np.isscalar(score)
    assert all((a != b).any() for a, b in zip(before, model.get_weights()))


@sample("3.1.5.4", 893, 910, 915)
@sample(
    "case 3",
    446,
    text="notes-models",
    instead={
        "Embedding(max_, output_dim=256)": "max_features in the manual",
        "model.add(Embedding(max_, output_dim=256))": "max_features in the manual",
    },
)
def test_sequences_with_lstm():
    from keras.layers import LSTM, Dense, Dropout, Embedding
    from keras.models import Sequential

    max_features = 50
    x_train, x_test = np.random.randint(max_features, size=(32, 6)), np.random.randint(max_features, size=(16, 6))
    y_train, y_test = np.random.randint(2, size=(32, 1)), np.random.randint(2, size=(16, 1))

    model = Sequential()
    model.add(Embedding(max_features, output_dim=256))
    model.add(LSTM(128))
    model.add(Dropout(0.5))
    model.add(Dense(1, activation="sigmoid"))
    assert model.layers[0].output_shape == (None, None, 256)
    assert model.output_shape == (None, 1)

    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])

    history = model.fit(x_train, y_train, batch_size=16, epochs=2)
    score = model.evaluate(x_test, y_test, batch_size=16)
    assert np.isfinite(history.history["loss"]).all()
    assert len(score) == 2


@sample("3.1.5.5", 922)
def test_sequences_with_convolutions():
    from keras.layers import Conv1D, Dense, Dropout, GlobalAveragePooling1D, MaxPooling1D
    from keras.models import Sequential

    seq_length = 32
    x_train, y_train = np.random.random((32, seq_length, 100)), np.random.randint(2, size=(32, 1))
    x_test, y_test = x_train[:16], y_train[:16]

    model = Sequential()
    model.add(Conv1D(64, 3, activation="relu", input_shape=(seq_length, 100)))
    model.add(Conv1D(64, 3, activation="relu"))
    model.add(MaxPooling1D(3))
    model.add(Conv1D(128, 3, activation="relu"))
    model.add(Conv1D(128, 3, activation="relu"))
    model.add(GlobalAveragePooling1D())
    model.add(Dropout(0.5))
    model.add(Dense(1, activation="sigmoid"))
    shapes = [layer.output_shape for layer in model.layers[:6]]
    assert shapes == [(None, 30, 64), (None, 28, 64), (None, 9, 64), (None, 7, 128), (None, 5, 128), (None, 128)]

    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])

    history = model.fit(x_train, y_train, batch_size=16, epochs=2)
    score = model.evaluate(x_test, y_test, batch_size=16)
    assert np.isfinite(history.history["loss"]).all()
    assert len(score) == 2


@sample("3.1.5.6", 952, 961)
def test_stacked_lstm():
    from keras.layers import LSTM, Dense
    from keras.models import Sequential

    data_dim = 16
    timesteps = 8
    num_classes = 10

    model = Sequential()
    model.add(LSTM(32, return_sequences=True, input_shape=(timesteps, data_dim)))
    model.add(LSTM(32, return_sequences=True))
    model.add(LSTM(32))
    model.add(Dense(10, activation="softmax"))
    # Two sequences of vectors of 32, then one vector of 32.
    shapes = [layer.output_shape for layer in model.layers]
    assert shapes == [(None, 8, 32), (None, 8, 32), (None, 32), (None, 10)]

    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])

    x_train = np.random.random((128, timesteps, data_dim))
    y_train = np.random.random((128, num_classes))
    x_val = np.random.random((64, timesteps, data_dim))
    y_val = np.random.random((64, num_classes))

    history = model.fit(x_train, y_train, batch_size=64, epochs=2, validation_data=(x_val, y_val))
    assert sorted(history.history) == ["acc", "loss", "val_acc", "val_loss"]


@sample("3.1.5.7", 997, 1010)
def test_stacked_stateful_lstm():
    from keras.layers import LSTM, Dense
    from keras.models import Sequential

    data_dim = 16
    timesteps = 8
    num_classes = 10
    batch_size = 32

    model = Sequential()
    model.add(
        LSTM(32, return_sequences=True, stateful=True, batch_input_shape=(batch_size, timesteps, data_dim)),
    )
    model.add(LSTM(32, return_sequences=True, stateful=True))
    model.add(LSTM(32, stateful=True))
    model.add(Dense(10, activation="softmax"))
    assert model.output_shape == (32, 10) and model.stateful

    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])

    x_train = np.random.random((batch_size * 3, timesteps, data_dim))
    y_train = np.random.random((batch_size * 3, num_classes))
    x_val = np.random.random((batch_size * 2, timesteps, data_dim))
    y_val = np.random.random((batch_size * 2, num_classes))

    history = model.fit(
        x_train, y_train, batch_size=batch_size, epochs=2, shuffle=False, validation_data=(x_val, y_val)
    )
    assert sorted(history.history) == ["acc", "loss", "val_acc", "val_loss"]
    # The last state of a batch is the first of the next: the same batch again gives other predictions.
    first = model.predict(x_val[:32], batch_size=32)
    assert abs(model.predict(x_val[:32], batch_size=32) - first).max() > 0
