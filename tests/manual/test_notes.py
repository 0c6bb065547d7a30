"""The four shorter texts: about models (two pages), notes on Keras 2.0.9, notes on Sequential and Model.

Samples that are those of the manual's guides again are marks of the guides' tests.
"""

import json
import os

import numpy as np
import pytest

from tests.manual.samples import sample


def perceptron(outputs=3, **options):
    from keras.layers import Activation, Dense
    from keras.models import Sequential

    model = Sequential(
        [Dense(8, input_dim=4), Activation("relu"), Dense(outputs), Activation("softmax", name="my_layer")]
    )
    model.compile(**{"optimizer": "rmsprop", "loss": "categorical_crossentropy", "metrics": ["accuracy"], **options})
    return model


def data(rows=32, inputs=4, outputs=3):
    return np.random.random((rows, inputs)), np.eye(outputs)[np.random.randint(outputs, size=rows)]


@pytest.fixture
def models_on_the_path(monkeypatch):
    """The texts import from `models`, as one can in the folder of the package."""
    import sys

    import keras.models

    monkeypatch.setitem(sys.modules, "models", keras.models)


@sample("first list", 370, 381, 390, text="about")
@sample("first list", 8, 20, 29, text="about-cn")
@sample("about models", 776, 791, 800, text="notes")
@sample("0.4, 0.5", 57, text="notes-models")
def test_models_from_their_descriptions(models_on_the_path):
    from keras.models import Model, Sequential

    sequential = model = perceptron()
    config = model.get_config()
    model = Sequential.from_config(config)
    assert json.dumps(model.get_config()) == json.dumps(config)
    model = functional = Model(sequential.input, sequential.output)
    config = model.get_config()
    model = Model.from_config(config)
    assert json.dumps(model.get_config()) == json.dumps(functional.get_config())

    from models import model_from_json

    model = sequential
    json_string = model.to_json()
    model = model_from_json(json_string)
    assert model.to_json() == json_string

    from models import model_from_yaml

    yaml_string = model.to_yaml()
    model = model_from_yaml(yaml_string)
    assert model.to_yaml() == yaml_string


@sample("Model subclassing", 404, text="about")
def test_subclassed_model():
    import keras

    class SimpleMLP(keras.Model):
        def __init__(self, use_bn=False, use_dp=False, num_classes=10):
            super(SimpleMLP, self).__init__(name="mlp")  # noqa: UP008 (as typed)
            self.use_bn = use_bn
            self.use_dp = use_dp
            self.num_classes = num_classes

            self.dense1 = keras.layers.Dense(32, activation="relu")
            self.dense2 = keras.layers.Dense(num_classes, activation="softmax")
            if self.use_dp:
                self.dp = keras.layers.Dropout(0.5)
            if self.use_bn:
                self.bn = keras.layers.BatchNormalization(axis=-1)

        def call(self, inputs):
            x = self.dense1(inputs)
            if self.use_dp:
                x = self.dp(x)
            if self.use_bn:
                x = self.bn(x)
            return self.dense2(x)

    x, y = data(32, 20, 10)
    for options, count in [({}, 2), ({"use_bn": True, "use_dp": True}, 4)]:
        model = SimpleMLP(**options)
        model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y, epochs=2, verbose=0)
        assert sorted(history.history) == ["acc", "loss"]
        assert len(model.layers) == count and model.predict(x).shape == (32, 10)
    model = SimpleMLP()
    model.compile("rmsprop", "categorical_crossentropy")
    model.fit(x, y)
    # What the text says such a model does not have.
    for what in (model.get_config, model.to_json, model.to_yaml, lambda: model.save("model.h5")):
        with pytest.raises(NotImplementedError):
            what()


@sample("quick start", 38, 45, 56, 66, 73, 79, 85, 91, text="notes")
def test_quick_start():
    from keras.models import Sequential

    model = Sequential()

    from keras.layers import Activation, Dense

    model.add(Dense(units=64, input_dim=100))
    model.add(Activation("relu"))
    model.add(Dense(units=10))
    model.add(Activation("softmax"))

    (x_train, y_train), (x_test, y_test), (x_batch, y_batch) = (data(n, 100, 10) for n in (64, 20, 8))
    model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=5, batch_size=32)
    assert len(history.history["acc"]) == 5
    loss, accuracy = model.train_on_batch(x_batch, y_batch)
    assert loss > 0 and 0 <= accuracy <= 1
    loss_and_metrics = model.evaluate(x_test, y_test, batch_size=128)
    assert len(loss_and_metrics) == 2
    classes = model.predict(x_test, batch_size=128)
    assert classes.shape == (20, 10)

    from keras.optimizers import SGD

    model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.01, momentum=0.9, nesterov=True))
    assert model.metrics_names == ["loss"]


@sample("tensors", 131, text="notes")
def test_sums_along_an_axis(capsys):
    a = np.array([[1, 2], [3, 4]])
    sum0 = np.sum(a, axis=0)
    sum1 = np.sum(a, axis=1)

    print(sum0)
    print(sum1)
    assert capsys.readouterr().out == "[4 6]\n[3 7]\n"


@sample(
    "saving models",
    206,
    217,
    229,
    240,
    246,
    252,
    text="notes",
    instead={"load_model('my_mdoel.h5')": "a slip: the file is called my_model.h5"},
)
@sample(
    "0.6",
    94,
    text="notes-models",
    instead={
        "model.save_weights(filepath)": "the file has a name",
        "model.load_weights(filepath, by_name=False)": "the file has a name",
    },
)
def test_saving():
    x, _ = data()
    model = perceptron()
    expected = model.predict(x)

    from keras.models import load_model

    model.save("my_model.h5")
    # The text has "def model" for del.
    del model
    model = load_model("my_model.h5")
    np.testing.assert_array_equal(model.predict(x), expected)

    json_string = model.to_json()
    yaml_string = model.to_yaml()

    model.save_weights("my_model_weights.h5")

    from keras.models import model_from_json, model_from_yaml

    model = model_from_json(json_string)
    model.load_weights("my_model_weights.h5")
    np.testing.assert_array_equal(model.predict(x), expected)
    model = model_from_yaml(yaml_string)
    model.load_weights("my_model_weights.h5", by_name=True)
    np.testing.assert_array_equal(model.predict(x), expected)
    model = model_from_yaml(yaml_string)
    model.load_weights("my_model_weights.h5", by_name=False)
    np.testing.assert_array_equal(model.predict(x), expected)


@sample("layers between", 280, 293, text="notes")
def test_outputs_of_layers_between():
    from keras.models import Model

    model = perceptron()
    data = X = np.random.random((5, 4))

    layer_name = "my_layer"
    with pytest.warns(UserWarning, match="outputs"):
        intermediate_layer_model = Model(input=model.input, output=model.get_layer(layer_name).output)
    intermediate_output = intermediate_layer_model.predict(data)
    np.testing.assert_allclose(intermediate_output, model.predict(data), rtol=1e-6)

    from keras import backend as K

    get_3rd_layer_output = K.function([model.layers[0].input], [model.layers[3].output])
    layer_output = get_3rd_layer_output([X])[0]
    np.testing.assert_allclose(layer_output, intermediate_output, rtol=1e-6)


@sample("Sequential", 312, 326, 342, 347, text="notes")
def test_shape_of_the_input():
    from keras.layers import Activation, Dense
    from keras.models import Sequential

    # Slips of the text, which Keras refuses alike: units twice; a number for a shape.
    with pytest.raises(TypeError, match="units"):
        Sequential([Dense(32, units=784), Activation("relu"), Dense(10), Activation("softmax")])
    model = Sequential()
    with pytest.raises(TypeError):
        model.add(Dense(32, input_shape=784))

    model = Sequential()
    model.add(Dense(32, input_shape=(784,)))
    model.add(Activation("relu"))
    assert (model.input_shape, model.output_shape) == ((None, 784), (None, 32))

    model = Sequential()
    model.add(Dense(32, input_dim=784))
    assert model.input_shape == (None, 784)


@sample("case 1", 368, 380, text="notes-models")
def test_epochs_in_both_spellings():
    model = perceptron()
    data = np.random.random((64, 4))
    labels = np.eye(3)[np.random.randint(3, size=64)]
    with pytest.warns(UserWarning, match="epochs"):
        history = model.fit(data, labels, nb_epoch=2, batch_size=32)
    assert history.epoch == [0, 1]
    # Keras 1 did not know the newer one; here both are taken, and others are not.
    assert model.fit(data, labels, epochs=2, verbose=0).epoch == [0, 1]
    with pytest.raises(TypeError):
        model.fit(data, labels, epoch=2)


@sample("example", 116, 120, 131, 135, text="about-cn")
def test_dense_layers_on_images():
    from keras.layers import Dense, Input
    from keras.models import Model

    a = Input(shape=(None, 28, 28))
    x = Dense(64, activation="relu")(a)
    x = Dense(64, activation="relu")(x)
    y = Dense(10, activation="relu")(x)

    model = Model(inputs=a, outputs=y)
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    assert model.output_shape == (None, None, 28, 10)
    assert model.predict(np.random.random((2, 3, 28, 28))).shape == (2, 3, 28, 10)


@sample("nodes", 711, 722, 735, 743, 750, text="notes")
@sample("case 5", 709, text="notes-models")
def test_nodes():
    import keras
    from keras.layers import LSTM, Conv2D, Input

    a = Input(shape=(140, 256))
    lstm = LSTM(32)
    encoded_a = lstm(a)
    assert lstm.output == encoded_a

    b = Input(shape=(140, 256))
    lstm = LSTM(32)
    encoded_a = lstm(a)
    encoded_b = lstm(b)
    # An AssertionError in that text, an AttributeError in Keras.
    with pytest.raises(AttributeError, match="multiple inbound nodes.*layer output.*get_output_at"):
        assert lstm.output
    assert lstm.get_output_at(0) == encoded_a
    assert lstm.get_output_at(1) == encoded_b

    a = Input(shape=(32, 32, 3))
    b = Input(shape=(64, 64, 3))

    conv = Conv2D(16, (3, 3), padding="same")
    conved_a = conv(a)
    assert conv.input_shape == (None, 32, 32, 3)

    conved_b = conv(b)
    with pytest.raises(AttributeError):
        assert conv.input_shape
    assert conv.get_input_shape_at(0) == (None, 32, 32, 3)
    assert conv.get_input_shape_at(1) == (None, 64, 64, 3)
    assert [conv.get_output_at(0), conv.get_output_at(1)] == [conved_a, conved_b]

    # The later text has channels first.
    keras.backend.set_image_data_format("channels_first")
    a = Input(shape=(3, 32, 32))
    b = Input(shape=(3, 64, 64))

    conv = Conv2D(16, (3, 3), padding="same")
    conved_a = conv(a)
    assert conv.input_shape == (None, 3, 32, 32)

    conved_b = conv(b)
    assert conv.get_input_shape_at(0) == (None, 3, 32, 32)
    assert conv.get_input_shape_at(1) == (None, 3, 64, 64)
    assert [conv.get_output_at(0), conv.get_output_at(1)] == [conved_a, conved_b]


@sample(
    "0.5",
    67,
    text="notes-models",
    instead={
        "model.get_layer()": "which layer is left open",
        "model.set_weights()": "which weights is left open",
    },
)
def test_looking_at_a_model(models_on_the_path, capsys):
    model = perceptron()
    model.summary()
    assert "Total params: 67" in capsys.readouterr().out

    from models import model_from_json, model_from_yaml

    json_string = model.to_json()
    model = model_from_json(json_string)
    yaml_string = model.to_yaml()
    model = model_from_yaml(yaml_string)

    assert model.get_layer(index=0) is model.get_layer(model.layers[0].name) is model.layers[0]
    weights = model.get_weights()
    assert all(isinstance(w, np.ndarray) for w in weights)
    model.set_weights(weights)
    with pytest.raises(ValueError):
        model.set_weights(weights[:2])


@sample("0.7", 111, text="notes-models")
def test_limited_gpu_memory():
    import tensorflow as tf
    from keras.backend.tensorflow_backend import set_session

    config = tf.ConfigProto()
    config.gpu_options.per_process_gpu_memory_fraction = 0.3
    set_session(tf.Session(config=config))

    from keras import backend as K

    try:
        assert K.get_session() is not None
        assert perceptron().predict(np.zeros((2, 4))).shape == (2, 3)
    finally:
        K.clear_session()


@sample("0.8", 123, 132, text="notes-models")
def test_checkpoints(capsys):
    from keras.callbacks import ModelCheckpoint

    model = perceptron()
    x, y = data()
    filepath = "model-ep{epoch:03d}-loss{loss:.3f}-val_loss{val_loss:.3f}.h5"
    checkpoint = ModelCheckpoint(filepath, monitor="val_loss", verbose=1, save_best_only=True, mode="min")
    history = model.fit(x, y, epochs=2, verbose=2, callbacks=[checkpoint], validation_data=(x, y)).history
    name = filepath.format(epoch=1, loss=history["loss"][0], val_loss=history["val_loss"][0])
    assert name in os.listdir()

    # Away from the minimum nothing is saved, and it says so.
    model.compile("sgd", "categorical_crossentropy")
    model.optimizer.lr = -1.0
    model.fit(x, y, epochs=2, verbose=2, callbacks=[checkpoint], validation_data=(x, y))
    assert "Epoch 00002: val_loss did not improve" in capsys.readouterr().out


@sample("0.9", 140, text="notes-models")
def test_tensorboard_with_generators():
    from keras.callbacks import EarlyStopping, ModelCheckpoint, TensorBoard

    class Generated:
        train_batches, val_batches = 8, 4

        def generate(self, train):
            while True:
                yield data(4)

    model, gen, EPOCHS, model_save_path = perceptron(), Generated(), 2, "saved"
    RUN = RUN + 1 if "RUN" in locals() else 1  # noqa: F821 (as typed)
    assert RUN == 1

    LOG_DIR = model_save_path + "/training_logs/run{}".format(RUN)  # noqa: UP032 (as typed)
    LOG_FILE_PATH = LOG_DIR + "/checkpoint-{epoch:02d}-{val_loss:.4f}.hdf5"

    tensorboard = TensorBoard(log_dir=LOG_DIR, write_images=True)
    checkpoint = ModelCheckpoint(filepath=LOG_FILE_PATH, monitor="val_loss", verbose=1, save_best_only=True)
    early_stopping = EarlyStopping(monitor="val_loss", patience=5, verbose=1)

    history = model.fit_generator(
        generator=gen.generate(True),
        steps_per_epoch=int(gen.train_batches / 4),
        validation_data=gen.generate(False),
        validation_steps=int(gen.val_batches / 4),
        epochs=EPOCHS,
        verbose=1,
        callbacks=[tensorboard, checkpoint, early_stopping],
    )
    assert len(history.history["val_loss"]) == 2
    files = os.listdir("saved/training_logs/run1")
    assert any(name.startswith("events.out") for name in files)
    assert any(name.startswith("checkpoint-01-") for name in files)


@sample("1.1", 193, text="notes-models", instead={"add(self, layer)": "the method's head"})
def test_add():
    from keras.layers import Dense, Dropout
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(32, activation="relu", input_dim=100))
    model.add(Dropout(0.25))
    # A model can be added too, says the text beside it.
    other_model = Sequential([Dense(3, input_dim=32)])
    model.add(other_model)
    assert model.output_shape == (None, 3) and len(model.layers) == 3


@sample(
    "1.7",
    310,
    text="notes-models",
    instead={
        "generate_arrays_from_file('/my_file.txt')": "a file of the test's folder",
        "fit_generator(self, generator, steps_per_epoch, epochs=_, verbose=1, callbacks=None, validation_data=None, "
        "validation_steps=_, class_weight=None, max_q_size=10, workers=1, pickle_safe=False, initial_epoch=0)": (
            "the method's head, which test_signatures has"
        ),
        "model.fit_generator(generate_arrays_from_file('/my_file.txt'), samples_per_epoch=_, epochs=_)": "the file",
    },
)
def test_generators_in_the_old_spelling():
    with open("my_file.txt", "w") as f:
        f.write("1 2 3 4 0\n4 3 2 1 2\n")

    def process_line(line):
        *x, label = line.split()
        return np.array([x], dtype=float), np.eye(3)[[int(label)]]

    def generate_arrays_from_file(path):
        while 1:
            with open(path) as f:
                for line in f:
                    x, y = process_line(line)
                    yield (x, y)

    model = perceptron()
    with pytest.warns(UserWarning, match="steps_per_epoch"):
        history = model.fit_generator(generate_arrays_from_file("my_file.txt"), samples_per_epoch=4, epochs=2)
    assert history.epoch == [0, 1]
    with pytest.warns(UserWarning, match="max_queue_size"):
        loss = model.evaluate_generator(
            generate_arrays_from_file("my_file.txt"), steps=2, max_q_size=10, workers=1, pickle_safe=False
        )
    assert len(loss) == 2
    with pytest.warns(UserWarning, match="max_queue_size"):
        predicted = model.predict_generator(
            generate_arrays_from_file("my_file.txt"), steps=2, max_q_size=10, workers=1, pickle_safe=False, verbose=0
        )
    assert predicted.shape == (2, 3)


def test_classes_and_probabilities():
    """1.5"""
    model = perceptron()
    x, _ = data()
    np.testing.assert_array_equal(model.predict_classes(x, batch_size=32, verbose=1), model.predict(x).argmax(1))
    np.testing.assert_array_equal(model.predict_proba(x, batch_size=32, verbose=1), model.predict(x))


@sample("Model 1", 494, text="notes-models")
def test_parts_of_a_model():
    from keras.layers import Dense, Input
    from keras.models import Model

    a = Input((3,))
    b = Dense(2)(a)
    model = Model(a, b)
    assert model.inputs == [a] and model.outputs == [b]
    assert model.layers == [a._keras_history[0], b._keras_history[0]]


def weights_by_name():
    from keras.layers import Dense
    from keras.models import Sequential

    fname = "weights.h5"
    model = Sequential()
    model.add(Dense(2, input_dim=3, name="dense_1"))
    model.add(Dense(3, name="dense_2"))
    model.save_weights(fname)
    kernel = model.get_weights()[0]
    model = Sequential()
    model.add(Dense(2, input_dim=3, name="dense_1"))
    model.add(Dense(10, name="new_dense"))
    model.load_weights(fname, by_name=True)
    np.testing.assert_array_equal(model.get_weights()[0], kernel)


def weights_of_classes_and_samples():
    batch_size, epochs, cbks = 8, 1, []
    cw = {0: 1, 1: 50}
    # Two classes.
    model = perceptron(outputs=2)
    (x_train, y_train), (x_test, y_test) = data(outputs=2), data(outputs=2)
    history = model.fit(
        x_train,
        y_train,
        batch_size=batch_size,
        epochs=epochs,
        verbose=1,
        callbacks=cbks,
        validation_data=(x_test, y_test),
        shuffle=True,
        class_weight=cw,
    )
    assert history.history["loss"][0] > 0

    class_weight = pytest.importorskip("sklearn.utils").class_weight
    callbacks_list = []
    X_t, y = data(outputs=2)
    sample_weights = class_weight.compute_sample_weight("balanced", y)
    history = model.fit(
        X_t,
        y,
        batch_size=batch_size,
        epochs=epochs,
        validation_split=0.1,
        sample_weight=sample_weights,
        callbacks=callbacks_list,
    )
    assert sorted(history.history) == ["acc", "loss", "val_acc", "val_loss"]


@sample("case 6, supplements 1 and 2", 733, text="notes-models")
def test_questions_about_images_with_channels_first():
    import keras
    from keras import backend as K
    from keras.layers import LSTM, Conv2D, Dense, Embedding, Flatten, Input, MaxPooling2D
    from keras.models import Model, Sequential

    # Images of 3 x 224 x 224 are those of channels first.
    K.set_image_data_format("channels_first")
    vision_model = Sequential()
    vision_model.add(Conv2D(64, (3, 3), activation="relu", padding="same", input_shape=(3, 224, 224)))
    vision_model.add(Conv2D(64, (3, 3), activation="relu"))
    vision_model.add(MaxPooling2D((2, 2)))
    vision_model.add(Conv2D(128, (3, 3), activation="relu", padding="same"))
    vision_model.add(Conv2D(128, (3, 3), activation="relu"))
    vision_model.add(MaxPooling2D((2, 2)))
    vision_model.add(Conv2D(256, (3, 3), activation="relu", padding="same"))
    vision_model.add(Conv2D(256, (3, 3), activation="relu"))
    vision_model.add(Conv2D(256, (3, 3), activation="relu"))
    vision_model.add(MaxPooling2D((2, 2)))
    vision_model.add(Flatten())

    image_input = Input(shape=(3, 224, 224))
    encoded_image = vision_model(image_input)

    question_input = Input(shape=(100,), dtype="int32")
    embedded_question = Embedding(input_dim=10000, output_dim=256, input_length=100)(question_input)
    encoded_question = LSTM(256)(embedded_question)

    merged = keras.layers.concatenate([encoded_question, encoded_image])
    output = Dense(1000, activation="softmax")(merged)
    vqa_model = Model(inputs=[image_input, question_input], outputs=output)
    assert vqa_model.output_shape == (None, 1000)
    assert K.int_shape(encoded_image) == (None, 25 * 25 * 256)

    # Its two supplements.
    weights_by_name()
    weights_of_classes_and_samples()
