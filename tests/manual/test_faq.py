"""Chapter 3.3 of the manual: questions and answers. Fewer epochs, less data."""

import json
import os

import numpy as np
import pytest

from tests.manual.samples import sample


def softmax_of_three():
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential([Dense(3, activation="softmax", input_dim=4)])
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    return model


@sample("3.3.4.1", 1593)
def test_data_parallelism(eight_gpus):
    from keras.utils import multi_gpu_model

    model = softmax_of_three()
    x, y = np.random.random((256, 4)), np.eye(3)[np.random.randint(3, size=256)]
    parallel_model = multi_gpu_model(model, gpus=8)
    parallel_model.compile(loss="categorical_crossentropy", optimizer="rmsprop")

    before = model.get_weights()[0].copy()
    history = parallel_model.fit(x, y, epochs=2, batch_size=256)
    assert sorted(history.history) == ["loss"]
    # Eight slices of the batch, one template.
    assert len([layer for layer in parallel_model.layers if type(layer).__name__ == "Lambda"]) == 8
    assert (model.get_weights()[0] != before).any()
    np.testing.assert_allclose(parallel_model.predict(x), model.predict(x), rtol=1e-5)


@sample(
    "3.3.4.2",
    1613,
    1618,
    instead={
        "shared_lstm(tweet_a)": "a slip: its inputs are called input_a and input_b",
        "shared_lstm(tweet_b)": "a slip: its inputs are called input_a and input_b",
    },
)
def test_device_parallelism():
    import keras
    import tensorflow as tf

    input_a = keras.Input(shape=(140, 256))
    input_b = keras.Input(shape=(140, 256))

    shared_lstm = keras.layers.LSTM(64)

    with tf.device_scope("/gpu:0"):
        encoded_a = shared_lstm(input_a)
    with tf.device_scope("/gpu:1"):
        encoded_b = shared_lstm(input_b)

    with tf.device_scope("/cpu:0"):
        merged_vector = keras.layers.concatenate([encoded_a, encoded_b], axis=-1)

    model = keras.Model([input_a, input_b], merged_vector)
    assert model.output_shape == (None, 128)
    a, b = np.random.random((2, 1, 140, 256))
    swapped = np.roll(model.predict([b, a]), 64, axis=1)
    np.testing.assert_allclose(model.predict([a, b]), swapped, rtol=1e-4, atol=1e-6)


@sample("3.3.6.1", 1668)
def test_whole_models():
    model = softmax_of_three()
    x, y = np.random.random((32, 4)), np.eye(3)[np.random.randint(3, size=32)]
    model.fit(x, y, verbose=0)
    before = model.predict(x)

    from keras.models import load_model

    model.save("my_model.h5")
    twin = model
    del model
    model = load_model("my_model.h5")

    assert model is not twin
    np.testing.assert_array_equal(model.predict(x), before)
    # Compiled, and with the optimizer's state: training goes on alike.
    assert model.metrics_names == ["loss", "acc"]
    np.testing.assert_allclose(model.train_on_batch(x, y), twin.train_on_batch(x, y), rtol=1e-6)
    np.testing.assert_allclose(model.predict(x), twin.predict(x), rtol=1e-5)
    # A model that was never compiled is not compiled when it is loaded.
    from keras.models import Sequential

    plain = Sequential.from_config(model.get_config())
    plain.save("plain.h5")
    with pytest.warns(UserWarning, match="compile"), pytest.raises(RuntimeError):
        load_model("plain.h5").evaluate(x, y)


@sample("3.3.6.2", 1683, 1695)
def test_structure_only():
    model = softmax_of_three()
    config = model.get_config()
    json_string = model.to_json()
    yaml_string = model.to_yaml()
    assert json.loads(json_string)["class_name"] == "Sequential"
    assert "class_name: Sequential" in yaml_string

    from keras.models import model_from_json

    model = model_from_json(json_string)
    assert json.dumps(model.get_config()) == json.dumps(config)
    assert getattr(model, "optimizer", None) is None

    from keras.models import model_from_yaml

    model = model_from_yaml(yaml_string)
    assert json.dumps(model.get_config()) == json.dumps(config)


@sample("3.3.6.3", 1711, 1718, 1724)
def test_weights_only():
    model = softmax_of_three()
    weights = model.get_weights()
    model.save_weights("my_model_weights.h5")
    assert os.path.getsize("my_model_weights.h5") > 0

    model.set_weights([w * 0 for w in weights])
    model.load_weights("my_model_weights.h5")
    for ours, saved in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(ours, saved)

    model.set_weights([w * 0 for w in weights])
    model.load_weights("my_model_weights.h5", by_name=True)
    for ours, saved in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(ours, saved)


@sample("3.3.6.3", 1730)
@sample("saving models", 258, text="notes")
def test_weights_by_name():
    from keras.layers import Dense
    from keras.models import Sequential

    fname = "first.h5"
    model = Sequential()
    model.add(Dense(2, input_dim=3, name="dense_1"))
    model.add(Dense(3, name="dense_2"))
    model.save_weights(fname)
    first = model.layers[0].get_weights()

    model = Sequential()
    model.add(Dense(2, input_dim=3, name="dense_1"))
    model.add(Dense(10, name="new_dense"))
    new = model.layers[1].get_weights()
    assert (model.layers[0].get_weights()[0] != first[0]).any()

    model.load_weights(fname, by_name=True)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], first[0])
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], new[0])


@sample("3.3.6.4", 1753, 1761)
def test_custom_layers_in_files():
    import keras
    from keras.layers import Layer
    from keras.models import Sequential

    class AttentionLayer(Layer):
        def call(self, x):
            return x * keras.backend.softmax(x)

    model = Sequential([AttentionLayer(input_shape=(5,))])
    model.compile("sgd", "mse")
    x = np.random.random((2, 5))
    expected = model.predict(x)
    model.save("my_model.h5")

    from keras.models import load_model

    with pytest.raises(ValueError, match="AttentionLayer"):
        load_model("my_model.h5")
    model = load_model("my_model.h5", custom_objects={"AttentionLayer": AttentionLayer})
    np.testing.assert_array_equal(model.predict(x), expected)

    from keras.utils import CustomObjectScope

    with CustomObjectScope({"AttentionLayer": AttentionLayer}):
        model = load_model("my_model.h5")
    np.testing.assert_array_equal(model.predict(x), expected)


@sample("3.3.8", 1770)
def test_output_of_a_layer_between():
    from keras import backend as K
    from keras.layers import Dense, Dropout
    from keras.models import Sequential

    model = Sequential([Dense(8, input_dim=4), Dense(8), Dense(50), Dropout(0.5), Dense(2)])
    x = np.random.random((6, 4))
    # How the function is made is on a page that the text lacks.
    get_3rd_layer_output = K.function([model.layers[0].input, K.learning_phase()], [model.layers[3].output])

    layer_output = get_3rd_layer_output([x, 0])[0]
    assert layer_output.shape == (6, 50) and (layer_output != 0).all()

    layer_output = get_3rd_layer_output([x, 1])[0]
    assert 0.3 < (layer_output == 0).mean() < 0.7


@sample("3.3.10", 1790)
def test_early_stopping():
    model = softmax_of_three()
    x, y = np.random.random((50, 4)), np.eye(3)[np.random.randint(3, size=50)]

    from keras.callbacks import EarlyStopping

    early_stopping = EarlyStopping(monitor="val_loss", patience=2)
    model.fit(x, y, validation_split=0.2, callbacks=[early_stopping])
    # Without learning nothing improves: one epoch, and two of patience.
    model.compile("sgd", "categorical_crossentropy")
    model.optimizer.lr = 0.0
    history = model.fit(x, y, validation_split=0.2, callbacks=[early_stopping], epochs=10, verbose=0)
    assert history.epoch == [0, 1, 2]


@sample("3.3.13", 1814)
def test_history(capsys):
    model = softmax_of_three()
    x, y = np.random.random((50, 4)), np.eye(3)[np.random.randint(3, size=50)]
    hist = model.fit(x, y, validation_split=0.2)
    print(hist.history)
    assert sorted(hist.history) == ["acc", "loss", "val_acc", "val_loss"]
    out = capsys.readouterr().out
    assert "Train on 40 samples, validate on 10 samples" in out and str(hist.history) in out


def test_validation_split_takes_the_last_samples_as_they_come():
    """3.3.11 and 3.3.12: the last x %, before any shuffling; what is trained on is shuffled, the rest is not."""
    import keras
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential([Dense(1, input_dim=1)])
    model.compile("sgd", "mse")
    x = np.arange(20.0)[:, None]
    validated = []

    class Note(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            validated.append(self.validation_data[0])

    for share, count in [(0.1, 2), (0.25, 5)]:
        model.fit(x, x, validation_split=share, verbose=0, callbacks=[Note()])
        np.testing.assert_array_equal(validated.pop(), x[20 - count :])


@sample("3.3.14", 1825, 1831)
def test_frozen_layers():
    from keras.layers import Dense, Input
    from keras.models import Model

    frozen_layer = Dense(32, trainable=False)
    assert frozen_layer.trainable is False

    data, labels = np.random.random((16, 32)), np.random.random((16, 32))
    x = Input(shape=(32,))
    layer = Dense(32)
    layer.trainable = False
    y = layer(x)

    frozen_model = Model(x, y)
    frozen_model.compile(optimizer="rmsprop", loss="mse")

    layer.trainable = True
    trainable_model = Model(x, y)
    trainable_model.compile(optimizer="rmsprop", loss="mse")

    before = layer.get_weights()[0].copy()
    with pytest.warns(UserWarning, match="trainable"):
        frozen_model.fit(data, labels)
    np.testing.assert_array_equal(layer.get_weights()[0], before)
    trainable_model.fit(data, labels)
    assert (layer.get_weights()[0] != before).any()


@sample("3.3.15", 1873)
def test_stateful_networks():
    from keras import backend as K
    from keras.layers import LSTM, Dense
    from keras.models import Sequential

    x = np.random.random((32, 21, 16))

    model = Sequential()
    model.add(LSTM(32, input_shape=(10, 16), batch_size=32, stateful=True))
    model.add(Dense(16, activation="softmax"))
    assert model.input_shape == (32, 10, 16)

    model.compile(optimizer="rmsprop", loss="categorical_crossentropy")

    states = model.layers[0].states
    assert all((K.get_value(s) == 0).all() for s in states)
    model.train_on_batch(x[:, :10, :], np.reshape(x[:, 10, :], (32, 16)))
    first = K.get_value(states[0])
    assert (first != 0).any()

    model.train_on_batch(x[:, 10:20, :], np.reshape(x[:, 20, :], (32, 16)))
    assert (K.get_value(states[0]) != first).any()

    model.reset_states()
    assert all((K.get_value(s) == 0).all() for s in states)

    # predict, and predict_classes, move the states as well.
    for move in (model.predict, model.predict_classes):
        move(x[:, :10, :], batch_size=32)
        assert (K.get_value(states[0]) != 0).any()
        model.layers[0].reset_states()
        assert all((K.get_value(s) == 0).all() for s in states)


@sample("3.3.16", 1902)
def test_taking_a_layer_away(capsys):
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(32, activation="relu", input_dim=784))
    model.add(Dense(32, activation="relu"))

    print(len(model.layers))

    model.pop()
    print(len(model.layers))
    assert capsys.readouterr().out == "2\n1\n"


@sample("3.3.17", 1927)
def test_pretrained_models(monkeypatch):
    from keras.applications.inception_resnet_v2 import InceptionResNetV2
    from keras.applications.inception_v3 import InceptionV3
    from keras.applications.mobilenet import MobileNet
    from keras.applications.resnet50 import ResNet50
    from keras.applications.vgg16 import VGG16
    from keras.applications.vgg19 import VGG19
    from keras.applications.xception import Xception

    functions = [Xception, VGG16, VGG19, ResNet50, InceptionV3, InceptionResNetV2, MobileNet]
    assert all(callable(f) for f in functions)

    # Weights of half a gigabyte are not fetched: which file is asked for is what counts.
    import keras

    asked = []
    monkeypatch.setattr(keras.utils, "get_file", lambda fname, origin, **options: asked.append(fname) or fname)
    monkeypatch.setattr(keras.engine.network.Network, "load_weights", lambda self, path: asked.append(path))
    model = VGG16(weights="imagenet", include_top=True)
    assert model.output_shape == (None, 1000)
    assert asked == ["vgg16_weights_tf_dim_ordering_tf_kernels.h5"] * 2


@sample("3.3.18", 1955)
def test_hdf5_as_input():
    import h5py

    data = np.random.random((6, 4)).astype("float32")
    os.mkdir("input")
    with h5py.File("input/file.hdf5", "w") as f:
        f["x_data"] = data
    model = softmax_of_three()

    with h5py.File("input/file.hdf5", "r") as f:
        x_data = f["x_data"]
        predictions = model.predict(x_data)
    np.testing.assert_allclose(predictions, model.predict(data), rtol=1e-6)


@sample("3.3.20", 1994, 2000, 2007)
def test_same_results_again():
    import random as rn

    import tensorflow as tf

    results = []
    for _ in range(2):
        import os

        os.environ["PYTHONHASHSEED"] = "0"
        np.random.seed(42)
        rn.seed(12345)
        session_conf = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)

        from keras import backend as K

        tf.set_random_seed(1234)
        sess = tf.Session(graph=tf.get_default_graph(), config=session_conf)
        K.set_session(sess)
        assert K.get_session() is sess

        model = softmax_of_three()
        x, y = np.random.random((64, 4)), np.eye(3)[np.random.randint(3, size=64)]
        model.fit(x, y, epochs=2, verbose=0)
        results.append(model.predict(x))
        K.clear_session()
    np.testing.assert_array_equal(*results)
