"""Chapter 6 of the manual: sequences, texts and images. Small images, few batches."""

import os

import numpy as np
import pytest

from tests.manual.samples import sample


def test_pad_sequences():
    from keras.preprocessing.sequence import pad_sequences

    lists = [[1, 2, 3, 4], [5]]
    np.testing.assert_array_equal(pad_sequences(lists), [[1, 2, 3, 4], [0, 0, 0, 5]])
    np.testing.assert_array_equal(pad_sequences(lists, maxlen=2), [[3, 4], [0, 5]])
    post = pad_sequences(lists, maxlen=3, dtype="float32", padding="post", truncating="post", value=9.0)
    np.testing.assert_array_equal(post, [[1, 2, 3], [5, 9, 9]])
    assert post.dtype == np.float32 and pad_sequences(lists).dtype == np.int32


def test_skipgrams():
    from keras.preprocessing.sequence import make_sampling_table, skipgrams

    couples, labels = skipgrams([1, 2, 3], 50, window_size=1, negative_samples=0.0)
    assert sorted(map(tuple, couples)) == [(1, 2), (2, 1), (2, 3), (3, 2)] and labels == [1] * 4
    couples, labels = skipgrams([1, 2, 3], 50, negative_samples=1.0)
    assert len(couples) == len(labels) == 12 and sum(labels) == 6
    _, labels = skipgrams([1, 2, 3], 50, categorical=True)
    assert sorted(map(tuple, labels)) == [(0, 1)] * 6 + [(1, 0)] * 6
    table = make_sampling_table(10)
    assert table.shape == (10,) and (np.diff(table[1:]) > 0).all()
    # "All 1" by the text; for the commonest words the approximation of their frequency leaves a little.
    np.testing.assert_allclose(make_sampling_table(10, sampling_factor=1), np.ones(10), atol=0.004)
    couples, labels = skipgrams([1, 2, 3], 10, sampling_table=np.zeros(10))
    assert couples == [] and labels == []


def test_texts():
    from keras.preprocessing.text import hashing_trick, one_hot, text_to_word_sequence

    assert text_to_word_sequence("The cat, the hat!") == ["the", "cat", "the", "hat"]
    assert text_to_word_sequence("A-b", filters="", lower=False, split="-") == ["A", "b"]
    codes = one_hot("the cat the hat", 20)
    assert len(codes) == 4 and codes[0] == codes[2] and all(1 <= code <= 20 for code in codes)
    # MD5 is the same everywhere.
    assert hashing_trick("the cat", 100, hash_function="md5") == [
        int(__import__("hashlib").md5(word).hexdigest(), 16) % 99 + 1 for word in (b"the", b"cat")
    ]
    assert hashing_trick("the cat", 10, hash_function=len) == [3 % 9 + 1] * 2


def test_tokenizer():
    from keras.preprocessing.text import Tokenizer

    texts = ["the cat sat", "the cat on the mat"]
    tokens = Tokenizer(num_words=4)
    tokens.fit_on_texts(texts)
    assert tokens.word_index == {"the": 1, "cat": 2, "sat": 3, "on": 4, "mat": 5}
    assert dict(tokens.word_counts) == {"the": 3, "cat": 2, "sat": 1, "on": 1, "mat": 1}
    assert dict(tokens.word_docs) == {"the": 2, "cat": 2, "sat": 1, "on": 1, "mat": 1}
    assert tokens.document_count == 2
    sequences = tokens.texts_to_sequences(texts)
    # The words from number 4 on are too rare.
    assert sequences == [[1, 2, 3], [1, 2, 1]]
    assert list(tokens.texts_to_sequences_generator(texts)) == sequences
    for mode, row in {"binary": [0, 1, 1, 0], "count": [0, 2, 1, 0], "freq": [0, 2 / 3, 1 / 3, 0]}.items():
        np.testing.assert_allclose(tokens.texts_to_matrix(texts, mode=mode)[1], row)
        np.testing.assert_allclose(tokens.sequences_to_matrix(sequences, mode=mode)[1], row)
    assert tokens.texts_to_matrix(texts, mode="tfidf").shape == (2, 4)
    np.testing.assert_array_equal(tokens.texts_to_matrix(texts), tokens.texts_to_matrix(texts, mode="binary"))
    other = Tokenizer(num_words=4)
    other.fit_on_sequences(sequences)
    assert other.document_count == 2
    letters = Tokenizer(char_level=True)
    letters.fit_on_texts(["aab"])
    assert letters.word_index == {"a": 1, "b": 2}


@sample("6.3.1", 5351)
def test_fill_modes():
    """The table of the text: what stands beside abcd."""
    from keras.preprocessing.image import apply_affine_transform

    row = np.array([1.0, 2, 3, 4]).reshape(1, 4, 1)
    for mode, left, right in [
        ("constant", "kkkk", "kkkk"),
        ("nearest", "aaaa", "dddd"),
        ("reflect", "dcba", "dcba"),
        # The text has abcd on both sides; in Keras, which leaves it to SciPy, the two ends are one and the same point.
        ("wrap", "cdbc", "bcab"),
    ]:
        values = dict(zip("abcdk", [1, 2, 3, 4, 9]))
        for shift, shown in [(-4, left), (4, right)]:
            moved = apply_affine_transform(row, ty=shift, fill_mode=mode, cval=9)
            np.testing.assert_allclose(moved[0, :, 0], [values[letter] for letter in shown], err_msg=mode)


def picture_classifier(size, outputs, activation, loss):
    from keras.layers import Dense, GlobalAveragePooling2D
    from keras.models import Sequential

    model = Sequential([GlobalAveragePooling2D(input_shape=(*size, 3)), Dense(outputs, activation=activation)])
    model.compile("sgd", loss)
    return model


@sample("6.3.1", 5406, 5412)
def test_flow(monkeypatch):
    from keras.datasets import cifar10
    from keras.preprocessing.image import ImageDataGenerator
    from keras.utils import np_utils

    made_up = [(np.random.randint(256, size=(n, 32, 32, 3)), np.random.randint(10, size=(n, 1))) for n in (70, 10)]
    monkeypatch.setattr(cifar10, "load_data", lambda: made_up)
    num_classes, epochs = 10, 1
    model = picture_classifier((32, 32), 10, "softmax", "categorical_crossentropy")

    (x_train, y_train), (_x_test, y_test) = cifar10.load_data()
    y_train = np_utils.to_categorical(y_train, num_classes)
    y_test = np_utils.to_categorical(y_test, num_classes)
    assert y_train.shape == (70, 10) and y_test.shape == (10, 10)

    datagen = ImageDataGenerator(
        featurewise_center=True,
        featurewise_std_normalization=True,
        rotation_range=20,
        width_shift_range=0.2,
        height_shift_range=0.2,
        horizontal_flip=True,
    )
    datagen.fit(x_train)
    np.testing.assert_allclose(datagen.mean.ravel(), x_train.mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(datagen.std.ravel(), x_train.std(axis=(0, 1, 2)), rtol=1e-3)

    # A fraction of a step, as typed: three steps do for 70 images.
    history = model.fit_generator(
        datagen.flow(x_train, y_train, batch_size=32), steps_per_epoch=len(x_train) / 32, epochs=epochs
    )
    assert np.isfinite(history.history["loss"]).all()

    seen = 0
    for _e in range(epochs):
        batches = 0
        for x_batch, y_batch in datagen.flow(x_train, y_train, batch_size=32):
            model.fit(x_batch, y_batch)
            seen += len(x_batch)
            batches += 1
            if batches >= len(x_train) / 32:
                break
    assert seen == 70


def pictures(folder, count=6, size=(20, 16)):
    from PIL import Image

    os.makedirs(folder)
    for n in range(count):
        pixels = np.random.randint(256, size=(*size, 3)).astype("uint8")
        Image.fromarray(pixels).save(os.path.join(folder, "%d.png" % n))


@sample("6.3.1", 5444, 5457)
def test_flow_from_directory(capsys):
    from keras.preprocessing.image import ImageDataGenerator

    for part in ("train", "validation"):
        pictures(f"data/{part}/cats")
        pictures(f"data/{part}/dogs", 4)
    model = picture_classifier((150, 150), 1, "sigmoid", "binary_crossentropy")

    train_datagen = ImageDataGenerator(rescale=1.0 / 255, shear_range=0.2, zoom_range=0.2, horizontal_flip=True)

    test_datagen = ImageDataGenerator(rescale=1.0 / 255)

    train_generator = train_datagen.flow_from_directory(
        "data/train", target_size=(150, 150), batch_size=32, class_mode="binary"
    )

    validation_generator = test_datagen.flow_from_directory(
        "data/validation", target_size=(150, 150), batch_size=32, class_mode="binary"
    )
    assert capsys.readouterr().out.count("Found 10 images belonging to 2 classes.") == 2
    assert train_generator.class_indices == {"cats": 0, "dogs": 1}

    history = model.fit_generator(
        train_generator,
        steps_per_epoch=2,
        epochs=1,
        validation_data=validation_generator,
        validation_steps=1,
    )
    assert sorted(history.history) == ["loss", "val_loss"]
    x, y = next(train_generator)
    assert x.shape == (10, 150, 150, 3) and y.shape == (10,) and 0 <= x.min() and x.max() <= 1


@pytest.mark.parametrize(
    "class_mode, shape", [("categorical", (6, 2)), ("sparse", (6,)), ("binary", (6,)), ("input", (6, 8, 8, 3))]
)
def test_kinds_of_labels(class_mode, shape):
    from keras.preprocessing.image import ImageDataGenerator

    pictures("data/a", 3)
    pictures("data/b", 3)
    flow = ImageDataGenerator().flow_from_directory("data", target_size=(8, 8), class_mode=class_mode)
    assert next(flow)[1].shape == shape
    grey = ImageDataGenerator().flow_from_directory("data", color_mode="grayscale", class_mode=None)
    assert next(grey).shape == (6, 256, 256, 1)


@sample("6.3.1", 5480, 5505)
def test_images_and_masks_together():
    from keras.layers import Conv2D
    from keras.models import Sequential
    from keras.preprocessing.image import ImageDataGenerator

    images = masks = np.random.random((4, 16, 16, 3))
    model = Sequential([Conv2D(3, 1, input_shape=(256, 256, 3))])
    model.compile("sgd", "mse")
    np.random.seed(5)
    pictures("data/images/all", 3)
    np.random.seed(5)
    pictures("data/masks/all", 3)

    data_gen_args = dict(
        featurewise_center=True,
        featurewise_std_normalization=True,
        rotation_range=90.0,
        width_shift_range=0.1,
        height_shift_range=0.1,
        zoom_range=0.2,
    )
    image_datagen = ImageDataGenerator(**data_gen_args)
    mask_datagen = ImageDataGenerator(**data_gen_args)

    seed = 1
    image_datagen.fit(images, augment=True, seed=seed)
    mask_datagen.fit(masks, augment=True, seed=seed)

    image_generator = image_datagen.flow_from_directory("data/images", class_mode=None, seed=seed)

    mask_generator = mask_datagen.flow_from_directory("data/masks", class_mode=None, seed=seed)

    train_generator = zip(image_generator, mask_generator)

    # The pictures are the same, so must be what was done to them.
    x, y = next(train_generator)
    assert x.shape == (3, 256, 256, 3)
    np.testing.assert_array_equal(x, y)
    history = model.fit_generator(train_generator, steps_per_epoch=1, epochs=1)
    assert np.isfinite(history.history["loss"]).all()


def test_other_arguments_of_image_generators():
    """What the text says of rescale, zoom_range, classes and of the files that are saved."""
    from keras.preprocessing.image import ImageDataGenerator

    x = np.random.randint(1, 256, size=(4, 6, 6, 3)).astype("float32")
    for rescale in (None, 0):
        same = next(ImageDataGenerator(rescale=rescale).flow(x, shuffle=False))
        np.testing.assert_array_equal(same, x)
    doubled = ImageDataGenerator(rescale=0.5, preprocessing_function=lambda image: image * 4)
    np.testing.assert_allclose(next(doubled.flow(x, shuffle=False)), x * 2)
    assert ImageDataGenerator(zoom_range=0.2).zoom_range == [0.8, 1.2]
    assert ImageDataGenerator(zoom_range=[0.5, 2.0]).zoom_range == [0.5, 2.0]
    first = ImageDataGenerator(data_format="channels_first", samplewise_center=True)
    centred = next(first.flow(x.transpose(0, 3, 1, 2), batch_size=2, seed=1))
    np.testing.assert_allclose(centred.mean(axis=(1, 2, 3)), 0, atol=1e-3)
    white = ImageDataGenerator(featurewise_center=True, zca_whitening=True, zca_epsilon=1e-6)
    white.fit(x, augment=True, rounds=2, seed=3)
    assert next(white.flow(x, np.arange(4)))[0].shape == x.shape

    os.mkdir("saved")
    flow = ImageDataGenerator().flow(x, batch_size=4, save_to_dir="saved", save_prefix="one", save_format="jpeg")
    next(flow)
    assert len(os.listdir("saved")) == 4
    assert all(name.startswith("one") and name.endswith("jpeg") for name in os.listdir("saved"))

    pictures("data/cats", 2)
    pictures("data/dogs", 3)
    pictures("elsewhere/more", 1)
    os.symlink(os.path.abspath("elsewhere/more"), "data/dogs/more")
    dogs = ImageDataGenerator().flow_from_directory("data", classes=["dogs"], target_size=(4, 4), follow_links=False)
    assert dogs.samples == 3 and dogs.class_indices == {"dogs": 0}
    assert ImageDataGenerator().flow_from_directory("data", follow_links=True).samples == 6
