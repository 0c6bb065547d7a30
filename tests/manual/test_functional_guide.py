"""Chapter 3.2 of the manual: the guide to the functional API. Fewer epochs, less data."""

import numpy as np
import pytest

from tests.manual.samples import sample


def ten_way_softmax():
    from keras.layers import Dense, Input
    from keras.models import Model

    inputs = Input(shape=(784,))
    x = Dense(64, activation="relu")(inputs)
    x = Dense(64, activation="relu")(x)
    predictions = Dense(10, activation="softmax")(x)
    model = Model(inputs=inputs, outputs=predictions)
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


@sample("3.2.2", 1056, 1061, 1065, 1069, 1073, 1077, 1081, 1085, 1089, 1093, 1099)
@sample("1", 50, text="about-cn")
@sample("functional", 521, text="notes")
@sample("case 1", 594, text="notes-models")
def test_densely_connected():
    model = ten_way_softmax()
    data, labels = np.random.random((64, 784)), np.eye(10)[np.random.randint(10, size=64)]
    history = model.fit(data, labels)
    assert sorted(history.history) == ["acc", "loss"]
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Dense", "Dense", "Dense"]
    assert model.count_params() == 784 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10


@sample("3.2.3", 1107, 1111, 1115, 1121)
@sample("1", 74, 81, text="about-cn")
@sample("functional", 547, 554, text="notes")
@sample("case 2", 616, text="notes-models")
def test_models_are_callable():
    from keras.layers import Input, TimeDistributed
    from keras.models import Model

    model = ten_way_softmax()
    x = Input(shape=(784,))
    y = model(x)
    # The 10-way softmax from above, with the same weights.
    data = np.random.random((3, 784))
    np.testing.assert_allclose(Model(x, y).predict(data), model.predict(data), rtol=1e-6)

    input_sequences = Input(shape=(20, 784))
    processed_sequences = TimeDistributed(model)(input_sequences)
    # A sequence of 20 vectors of size 10.
    video = Model(input_sequences, processed_sequences)
    assert video.output_shape == (None, 20, 10)
    frames = np.random.random((2, 20, 784))
    each = [model.predict(frames[:, t]) for t in range(20)]
    np.testing.assert_allclose(video.predict(frames), np.stack(each, axis=1), rtol=1e-5)


@sample("3.2.4", 1145, 1162, 1168, 1175, 1183, 1189, 1195, 1202, 1209, 1217)
@sample("several inputs and outputs", 579, 598, 604, 619, 625, 632, 639, text="notes")
@sample("case 3", 644, 656, 671, text="notes-models")
def test_two_inputs_and_two_outputs():
    import keras
    from keras.layers import LSTM, Dense, Embedding, Input
    from keras.models import Model

    main_input = Input(shape=(100,), dtype="int32", name="main_input")
    x = Embedding(output_dim=512, input_dim=10000, input_length=100)(main_input)
    assert keras.backend.int_shape(x) == (None, 100, 512)
    lstm_out = LSTM(32)(x)
    assert keras.backend.int_shape(lstm_out) == (None, 32)
    auxiliary_output = Dense(1, activation="sigmoid", name="aux_output")(lstm_out)

    auxiliary_input = Input(shape=(5,), name="aux_input")
    x = keras.layers.concatenate([lstm_out, auxiliary_input])
    assert keras.backend.int_shape(x) == (None, 37)
    x = Dense(64, activation="relu")(x)
    x = Dense(64, activation="relu")(x)
    x = Dense(64, activation="relu")(x)
    main_output = Dense(1, activation="sigmoid", name="main_output")(x)

    model = Model(inputs=[main_input, auxiliary_input], outputs=[main_output, auxiliary_output])

    # 8 headlines.
    headline_data = np.random.randint(1, 10000, size=(8, 100))
    additional_data, labels = np.random.random((8, 5)), np.random.randint(2, size=(8, 1))
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", loss_weights=[1.0, 0.2])
    weights = model.get_weights()
    first = model.fit([headline_data, additional_data], [labels, labels], epochs=1, batch_size=32).history
    total = first["main_output_loss"][0] + 0.2 * first["aux_output_loss"][0]
    np.testing.assert_allclose(first["loss"][0], total, rtol=1e-5)

    model.compile(
        optimizer="rmsprop",
        loss={"main_output": "binary_crossentropy", "aux_output": "binary_crossentropy"},
        loss_weights={"main_output": 1.0, "aux_output": 0.2},
    )
    model.set_weights(weights)
    second = model.fit(
        {"main_input": headline_data, "aux_input": additional_data},
        {"main_output": labels, "aux_output": labels},
        epochs=1,
        batch_size=32,
    ).history
    assert sorted(second) == ["aux_output_loss", "loss", "main_output_loss"]
    np.testing.assert_allclose(second["loss"], first["loss"], rtol=1e-5)


@sample("3.2.5", 1235, 1263)
@sample("shared layers", 664, 675, text="notes")
@sample("case 4", 689, text="notes-models")
def test_shared_layer():
    import keras
    from keras.layers import LSTM, Dense, Input
    from keras.models import Model

    tweet_a = Input(shape=(140, 256))
    tweet_b = Input(shape=(140, 256))

    shared_lstm = LSTM(64)
    encoded_a = shared_lstm(tweet_a)
    encoded_b = shared_lstm(tweet_b)
    merged_vector = keras.layers.concatenate([encoded_a, encoded_b], axis=-1)
    assert keras.backend.int_shape(merged_vector) == (None, 128)
    predictions = Dense(1, activation="sigmoid")(merged_vector)
    model = Model(inputs=[tweet_a, tweet_b], outputs=predictions)
    # One layer's weights, not two's.
    assert model.count_params() == 4 * 64 * (256 + 64 + 1) + 129

    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    # Four pairs.
    data_a, data_b = np.random.random((2, 4, 140, 256))
    labels = np.random.randint(2, size=(4, 1))
    history = model.fit([data_a, data_b], labels, epochs=1)
    assert sorted(history.history) == ["acc", "loss"]


@sample("3.2.6", 1278, 1289, 1306)
def test_nodes():
    from keras.layers import LSTM, Input

    a = Input(shape=(140, 256))

    lstm = LSTM(32)
    encoded_a = lstm(a)

    assert lstm.output == encoded_a

    b = Input(shape=(140, 256))

    lstm = LSTM(32)
    encoded_a = lstm(a)
    encoded_b = lstm(b)

    with pytest.raises(AttributeError) as error:
        assert lstm.output
    for part in (lstm.name, "multiple inbound nodes", "layer output", "ill-defined", "get_output_at(node_index)"):
        assert part in str(error.value)

    assert lstm.get_output_at(0) == encoded_a
    assert lstm.get_output_at(1) == encoded_b


@sample("3.2.6", 1316)
def test_shapes_of_nodes():
    from keras.layers import Conv2D, Input

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
    assert conv.get_output_at(0) is conved_a and conv.get_output_at(1) is conved_b


@sample("3.2.7.1", 1340, 1355)
@sample("several inputs and outputs", 96, text="about-cn")
def test_inception_module():
    import keras
    from keras.layers import Conv2D, Input, MaxPooling2D

    input_img = Input(shape=(256, 256, 3))

    tower_1 = Conv2D(64, (1, 1), padding="same", activation="relu")(input_img)
    tower_1 = Conv2D(64, (3, 3), padding="same", activation="relu")(tower_1)

    tower_2 = Conv2D(64, (1, 1), padding="same", activation="relu")(input_img)
    tower_2 = Conv2D(64, (5, 5), padding="same", activation="relu")(tower_2)

    tower_3 = MaxPooling2D((3, 3), strides=(1, 1), padding="same")(input_img)
    tower_3 = Conv2D(64, (1, 1), padding="same", activation="relu")(tower_3)

    output = keras.layers.concatenate([tower_1, tower_2, tower_3], axis=1)
    # The text joins them one above the other.
    model = keras.models.Model(input_img, output)
    assert model.output_shape == (None, 768, 256, 64)
    assert model.predict(np.random.random((1, 256, 256, 3))).shape == (1, 768, 256, 64)


@sample("3.2.7.2", 1363)
def test_residual_connection():
    import keras
    from keras.layers import Conv2D, Input

    x = Input(shape=(256, 256, 3))
    y = Conv2D(3, (3, 3), padding="same")(x)
    z = keras.layers.add([x, y])

    model = keras.models.Model(x, [y, z])
    image = np.random.random((1, 256, 256, 3)).astype("float32")
    convolved, added = model.predict(image)
    np.testing.assert_allclose(added, image + convolved, rtol=1e-5, atol=1e-6)


@sample("3.2.7.3", 1378, 1402)
def test_shared_vision_model():
    import keras
    from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
    from keras.models import Model

    digit_input = Input(shape=(28, 28, 1))
    x = Conv2D(64, (3, 3))(digit_input)
    x = Conv2D(64, (3, 3))(x)
    x = MaxPooling2D((2, 2))(x)
    out = Flatten()(x)

    vision_model = Model(digit_input, out)
    assert vision_model.output_shape == (None, 12 * 12 * 64)

    digit_a = Input(shape=(28, 28, 1))
    digit_b = Input(shape=(28, 28, 1))

    out_a = vision_model(digit_a)
    out_b = vision_model(digit_b)

    concatenated = keras.layers.concatenate([out_a, out_b])
    out = Dense(1, activation="sigmoid")(concatenated)

    classification_model = Model([digit_a, digit_b], out)
    assert classification_model.count_params() == vision_model.count_params() + 2 * 12 * 12 * 64 + 1
    classification_model.compile("sgd", "binary_crossentropy")
    a, b = np.random.random((2, 2, 28, 28, 1))
    before = vision_model.get_weights()[0].copy()
    assert classification_model.train_on_batch([a, b], np.array([[0], [1]])) > 0
    assert (vision_model.get_weights()[0] != before).any()


@sample("3.2.7.4", 1414, 1449, 1455, 1461)
@sample("3.2.7.5", 1471, 1475, 1481, 1485, 1491, 1497, 1501, 1507, 1511, 1515)
def test_questions_about_images_and_videos():
    import keras
    from keras.layers import LSTM, Conv2D, Dense, Embedding, Flatten, Input, MaxPooling2D
    from keras.models import Model, Sequential

    vision_model = Sequential()
    vision_model.add(Conv2D(64, (3, 3), activation="relu", padding="same", input_shape=(224, 224, 3)))
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

    image_input = Input(shape=(224, 224, 3))
    encoded_image = vision_model(image_input)
    flat = 25 * 25 * 256
    assert keras.backend.int_shape(encoded_image) == (None, flat)

    question_input = Input(shape=(100,), dtype="int32")
    embedded_question = Embedding(input_dim=10000, output_dim=256, input_length=100)(question_input)
    encoded_question = LSTM(256)(embedded_question)

    merged = keras.layers.concatenate([encoded_question, encoded_image])
    output = Dense(1000, activation="softmax")(merged)
    vqa_model = Model(inputs=[image_input, question_input], outputs=output)
    assert vqa_model.output_shape == (None, 1000)
    assert vqa_model.layers[-1].count_params() == (flat + 256 + 1) * 1000
    # Weights are drawn when they are needed: the 160 million of the last layer are not.
    encoders = Model([image_input, question_input], [encoded_image, encoded_question])
    image, question = encoders.predict([np.random.random((1, 224, 224, 3)), np.ones((1, 100))])
    assert image.shape == (1, flat) and question.shape == (1, 256)

    from keras.layers import TimeDistributed

    video_input = Input(shape=(100, 224, 224, 3))
    encoded_frame_sequence = TimeDistributed(vision_model)(video_input)
    # A sequence of vectors, then one vector.
    assert keras.backend.int_shape(encoded_frame_sequence) == (None, 100, flat)
    encoded_video = LSTM(256)(encoded_frame_sequence)
    assert keras.backend.int_shape(encoded_video) == (None, 256)

    question_encoder = Model(inputs=question_input, outputs=encoded_question)
    video_question_input = Input(shape=(100,), dtype="int32")
    encoded_video_question = question_encoder(video_question_input)

    merged = keras.layers.concatenate([encoded_video, encoded_video_question])
    output = Dense(1000, activation="softmax")(merged)
    video_qa_model = Model(inputs=[video_input, video_question_input], outputs=output)
    assert video_qa_model.output_shape == (None, 1000)
    shared = vision_model.count_params() + question_encoder.count_params()
    assert video_qa_model.count_params() == shared + 4 * 256 * (flat + 256 + 1) + 513 * 1000
