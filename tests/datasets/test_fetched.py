"""Keras' data sets, read from small files in their formats; expected values come from Keras 2.2.4."""

import gzip
import json
import pickle

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.datasets import (
    _files,
    boston_housing,
    cifar,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)

TRAIN = [[1, 2, 3], [4, 5], [6], [7, 8, 9, 10], [11, 1]]
TEST = [[3, 2], [1], [12, 13, 14]]


def ragged(lists):
    out = np.empty(len(lists), dtype=object)
    out[:] = lists
    return out


@pytest.fixture
def imdb_file(tmp_path):
    path = tmp_path / "imdb.npz"
    labels = {"y_train": np.array([0, 1, 0, 1, 1]), "y_test": np.array([1, 0, 1])}
    np.savez(path, x_train=ragged(TRAIN), x_test=ragged(TEST), **labels)
    return str(path)


@pytest.fixture
def reuters_file(tmp_path):
    path = tmp_path / "reuters.npz"
    np.savez(path, x=ragged(TRAIN), y=np.arange(5))
    return str(path)


def as_lists(data):
    return [[[list(row) for row in x], y.tolist()] for x, y in data]


IMDB_CASES = [
    (
        {},
        [[1, 7, 8], [1, 4, 5, 6], [1, 10, 11, 12, 13], [1, 9], [1, 14, 4]],
        [1, 0, 1, 0, 1],
        [[1, 4], [1, 6, 5], [1, 15, 16, 2]],
        [0, 1, 1],
    ),
    (
        {"num_words": 9, "skip_top": 5, "seed": 1},
        [[2, 2], [2, 7, 8], [2, 2, 2], [2, 2, 5, 6], [2, 2, 2, 2, 2]],
        [0, 1, 1, 0, 1],
        [[2, 6, 5], [2, 2, 2, 2], [2, 2]],
        [1, 1, 0],
    ),
    (
        {"oov_char": None, "num_words": 9},
        [[1, 7, 8], [1, 4, 5, 6], [1], [1], [1, 4]],
        [1, 0, 1, 0, 1],
        [[1, 4], [1, 6, 5], [1]],
        [0, 1, 1],
    ),
    (
        {"start_char": None, "index_from": None},
        [[4, 5], [1, 2, 3], [7, 8, 9, 10], [6], [11, 1]],
        [1, 0, 1, 0, 1],
        [[1], [3, 2], [12, 13, 2]],
        [0, 1, 1],
    ),
]


@pytest.mark.parametrize("settings, x_train, y_train, x_test, y_test", IMDB_CASES)
def test_imdb(imdb_file, settings, x_train, y_train, x_test, y_test):
    data = imdb.load_data(imdb_file, **settings)
    assert as_lists(data) == [[x_train, y_train], [x_test, y_test]]


def test_imdb_maxlen_keeps_each_review_in_its_part(imdb_file):
    data = imdb.load_data(imdb_file, maxlen=4)
    assert as_lists(data) == [
        [[[1, 7, 8], [1, 9], [1, 2, 4]], [1, 0, 1]],
        [[[1, 4], [1, 6, 5]], [0, 1]],
    ]


def test_sequences_of_one_length_stay_lists(tmp_path):
    path = tmp_path / "imdb.npz"
    two = np.array([[1, 2], [3, 4]])
    np.savez(path, x_train=two, y_train=np.zeros(2), x_test=two, y_test=np.ones(2))
    (x_train, _), _ = imdb.load_data(str(path))
    assert x_train.dtype == object and x_train.shape == (2,)
    assert sorted(x_train.tolist()) == [[1, 4, 5], [1, 6, 2]]


def test_reuters(reuters_file):
    assert as_lists(reuters.load_data(reuters_file)) == [
        [[[1, 7, 8], [1, 4, 5, 6], [1, 10, 11, 12, 13], [1, 9]], [1, 0, 3, 2]],
        [[[1, 2, 4]], [4]],
    ]
    assert as_lists(reuters.load_data(reuters_file, maxlen=4)) == [
        [[[1, 7, 8], [1, 9]], [1, 2]],
        [[[1, 2, 4]], [4]],
    ]
    assert as_lists(reuters.load_data(reuters_file, seed=2, test_split=0.5)) == [
        [[[1, 9], [1, 2, 4]], [2, 4]],
        [[[1, 7, 8], [1, 10, 11, 12, 13], [1, 4, 5, 6]], [1, 3, 0]],
    ]


def test_old_and_unknown_keywords(imdb_file, reuters_file):
    for module, path in [(imdb, imdb_file), (reuters, reuters_file)]:
        with pytest.warns(UserWarning, match="'nb_words' is now called 'num_words'"):
            old = module.load_data(path, nb_words=9)
        assert as_lists(old) == as_lists(module.load_data(path, num_words=9))
        with pytest.raises(TypeError, match=r"unknown keyword arguments \['words'\]"):
            module.load_data(path, words=9)
        with pytest.raises(ValueError, match="no sequence is shorter than maxlen=1"):
            module.load_data(path, maxlen=1)


@pytest.mark.parametrize("module", [imdb, reuters])
def test_word_index(module, tmp_path):
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"giraffe": 3, "été": 1}), encoding="utf-8")
    assert module.get_word_index(str(path)) == {"giraffe": 3, "été": 1}


def test_boston_housing(tmp_path):
    path = tmp_path / "boston.npz"
    np.savez(path, x=np.arange(10.0).reshape(5, 2), y=np.arange(5.0))
    assert as_lists(boston_housing.load_data(str(path))) == [
        [[[2, 3], [0, 1], [6, 7], [4, 5]], [1, 0, 3, 2]],
        [[[8, 9]], [4]],
    ]
    with pytest.raises(ValueError, match="expected 0 <= test_split < 1, got 1"):
        boston_housing.load_data(str(path), test_split=1)


def test_mnist_layout(tmp_path):
    path = tmp_path / "mnist.npz"
    arrays = {
        "x_train": np.arange(3 * 784, dtype=np.uint8).reshape(3, 28, 28),
        "y_train": np.array([5, 0, 4], np.uint8),
        "x_test": np.ones((2, 28, 28), np.uint8),
        "y_test": np.array([7, 2], np.uint8),
    }
    np.savez(path, **arrays)
    (x_train, y_train), (x_test, y_test) = mnist.load_data(str(path))
    for loaded, name in [(x_train, "x_train"), (y_train, "y_train"), (x_test, "x_test"), (y_test, "y_test")]:
        np.testing.assert_array_equal(loaded, arrays[name])


def test_a_name_is_looked_up_in_the_cache(monkeypatch):
    asked = []

    def get_file(name, **options):
        asked.append((name, options))
        return "somewhere"

    monkeypatch.setattr("gpukeras.utils.data_utils.get_file", get_file)
    assert _files.locate("mnist.npz", origin="there", file_hash="abc") == "somewhere"
    assert asked == [
        ("mnist.npz", {"origin": "there", "file_hash": "abc", "cache_subdir": "datasets"}),
    ]


def test_fashion_mnist(tmp_path, monkeypatch):
    def locate(name, origin, cache_subdir):
        assert origin.endswith(name) and cache_subdir.endswith("fashion-mnist")
        count = 3 if name.startswith("train") else 2
        images = "images" in name
        header, size = (16, count * 784) if images else (8, count)
        path = tmp_path / name
        with gzip.open(path, "wb") as stream:
            stream.write(bytes(header) + bytes(i % 251 for i in range(size)))
        return str(path)

    monkeypatch.setattr(fashion_mnist, "locate", locate)
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert x_train.shape == (3, 28, 28) and x_test.shape == (2, 28, 28)
    assert x_train[0, 0, :3].tolist() == [0, 1, 2] and x_train.dtype == np.uint8
    assert y_train.tolist() == [0, 1, 2] and y_test.tolist() == [0, 1]


def write_batch(path, start, keys=("labels",)):
    data = (np.arange(2 * 3072) + start).astype(np.uint8).reshape(2, 3072)
    content = {b"data": data, **{key.encode(): [start % 10, (start + 1) % 10] for key in keys}}
    # The published files were pickled by a NumPy that named its internals so.
    raw = pickle.dumps(content, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    path.write_bytes(raw)
    return data


@pytest.fixture
def cifar_folder(tmp_path, monkeypatch):
    for i in range(1, 6):
        write_batch(tmp_path / f"data_batch_{i}", i)
    write_batch(tmp_path / "test_batch", 6)
    for i, part in enumerate(["train", "test"]):
        write_batch(tmp_path / part, i, keys=("fine_labels", "coarse_labels"))
    for module in (cifar10, cifar100):
        monkeypatch.setattr(module, "get_file", lambda name, origin, untar: str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_cifar(cifar_folder, data_format):
    before = K.image_data_format()
    K.set_image_data_format(data_format)
    try:
        (x_train, y_train), (x_test, y_test) = cifar10.load_data()
        (x_fine, y_fine), (_, y_fine_test) = cifar100.load_data()
    finally:
        K.set_image_data_format(before)
    shape = (32, 32, 3) if data_format == "channels_last" else (3, 32, 32)
    assert x_train.shape == (10, *shape) and x_test.shape == (2, *shape) and x_fine.shape == (2, *shape)
    assert y_train.shape == (10, 1) and y_train.dtype == np.uint8
    assert y_train.ravel().tolist() == [1, 2, 2, 3, 3, 4, 4, 5, 5, 6] and y_test.tolist() == [[6], [7]]
    assert y_fine.tolist() == [[0], [1]] and y_fine_test.tolist() == [[1], [2]]
    green = x_train[0, 2, 5, 1] if data_format == "channels_last" else x_train[0, 1, 2, 5]
    assert green == (1 + 1024 + 2 * 32 + 5) % 256


def test_cifar_load_batch(cifar_folder):
    data = write_batch(cifar_folder / "one", 9, keys=("coarse_labels",))
    images, labels = cifar.load_batch(str(cifar_folder / "one"), label_key="coarse_labels")
    np.testing.assert_array_equal(images, data.reshape(2, 3, 32, 32))
    assert list(labels) == [9, 0]


def test_cifar_refuses_code_in_a_batch(tmp_path):
    (tmp_path / "evil").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(pickle.UnpicklingError, match="asks for os.system"):
        cifar.load_batch(tmp_path / "evil")


def test_cifar100_label_mode():
    with pytest.raises(ValueError, match="expected label_mode 'fine' or 'coarse', got 'medium'"):
        cifar100.load_data(label_mode="medium")
