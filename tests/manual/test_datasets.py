"""Chapter 12 of the manual: data sets, from small files in the published formats."""

import gzip
import hashlib
import io
import json
import pickle
import tarfile

import numpy as np
import pytest

from tests.manual.samples import sample


def packed(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def arrays(**named):
    out = io.BytesIO()
    np.savez(out, **named)
    return out.getvalue()


def cifar(*keys, rows=4):
    data = np.random.randint(256, size=(rows, 3072)).astype("uint8")
    return pickle.dumps({b"data": data} | {key.encode(): list(range(rows)) for key in keys})


def ragged(*rows):
    out = np.empty(len(rows), dtype=object)
    out[:] = [list(row) for row in rows]
    return out


def published():
    digits = np.random.randint(256, size=(5, 28, 28)).astype("uint8")
    reviews = ragged([1, 2, 3], [4, 5], [6], [7, 8, 9, 10], [11, 1])
    batches = [*("data_batch_%d" % n for n in range(1, 6)), "test_batch"]
    two = "fine_labels", "coarse_labels"
    return {
        "cifar-10-python.tar.gz": packed({f"cifar-10-batches-py/{name}": cifar("labels") for name in batches}),
        "cifar-100-python.tar.gz": packed({f"cifar-100-python/{name}": cifar(*two) for name in ("train", "test")}),
        "mnist.npz": arrays(x_train=digits, y_train=np.arange(5, dtype="uint8"), x_test=digits[:2], y_test=[7, 2]),
        "train-images-idx3-ubyte.gz": gzip.compress(bytes(16) + digits.tobytes()),
        "train-labels-idx1-ubyte.gz": gzip.compress(bytes(8) + bytes(range(5))),
        "t10k-images-idx3-ubyte.gz": gzip.compress(bytes(16) + digits[:2].tobytes()),
        "t10k-labels-idx1-ubyte.gz": gzip.compress(bytes(8) + bytes(range(2))),
        "imdb.npz": arrays(x_train=reviews, y_train=[0, 1, 0, 1, 1], x_test=reviews[:2], y_test=[1, 0]),
        "imdb_word_index.json": json.dumps({"giraffe": 1234}).encode(),
        "reuters.npz": arrays(x=reviews, y=np.arange(5)),
        "reuters_word_index.json": json.dumps({"giraffe": 1234}).encode(),
        "boston_housing.npz": arrays(x=np.random.random((10, 13)), y=np.arange(10.0)),
    }


@pytest.fixture(autouse=True)
def mirror(tmp_path, monkeypatch):
    """A folder with the files, and their check sums in place of the published ones."""
    from gpukeras.datasets import _files

    folder = tmp_path / "mirror"
    folder.mkdir()
    sums = {}
    for name, content in published().items():
        (folder / name).write_bytes(content)
        sums[name] = hashlib.md5(content).hexdigest()
    sources = {key: (d, url, sums[url.rsplit("/", 1)[1]]) for key, (d, url, _) in _files.SOURCES.items()}
    monkeypatch.setattr(_files, "SOURCES", sources)
    monkeypatch.setenv("GPUKERAS_DATASETS_MIRROR", str(folder))


@sample("12.1", 6396, 6400)
def test_cifar10():
    from keras import backend as K
    from keras.datasets import cifar10

    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert (x_train.shape, x_test.shape) == ((20, 32, 32, 3), (4, 32, 32, 3))
    # A column of labels, where the text has one axis.
    assert (y_train.shape, y_test.shape) == ((20, 1), (4, 1))
    assert x_train.dtype == x_test.dtype == np.uint8
    # The shape that the text states is that of channels first.
    K.set_image_data_format("channels_first")
    (first, _), _ = cifar10.load_data()
    assert first.shape == (20, 3, 32, 32)
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), x_train)


@sample("12.2", 6415, 6419)
def test_cifar100():
    from keras.datasets import cifar100

    (x_train, y_train), (x_test, y_test) = cifar100.load_data(label_mode="fine")
    assert (x_train.shape, x_test.shape) == ((4, 32, 32, 3), (4, 32, 32, 3))
    assert (y_train.shape, y_test.shape) == ((4, 1), (4, 1))
    assert cifar100.load_data(label_mode="coarse")[0][1].shape == (4, 1)
    with pytest.raises(ValueError, match="label_mode"):
        cifar100.load_data(label_mode="no")


def test_imdb():
    """12.3; its sample is on a page that the text lacks."""
    from keras.datasets import imdb

    (x_train, y_train), (x_test, y_test) = imdb.load_data(
        path="imdb.npz",
        num_words=None,
        skip_top=0,
        maxlen=None,
        seed=113,
        start_char=1,
        oov_char=2,
        index_from=3,
    )
    assert len(x_train) == len(y_train) == 5 and len(x_test) == len(y_test) == 2
    assert all(review[0] == 1 for review in x_train) and set(y_train) == {0, 1}
    # Words outside those asked for become 2.
    (few, _), _ = imdb.load_data(num_words=8, skip_top=5)
    assert {word for review in few for word in review} <= {2, 5, 6, 7}
    assert imdb.get_word_index() == {"giraffe": 1234}


@sample("12.4", 6439, 6454)
def test_reuters():
    from keras.datasets import reuters

    (x_train, y_train), (x_test, y_test) = reuters.load_data(
        path="reuters.npz",
        num_words=None,
        skip_top=0,
        maxlen=None,
        test_split=0.2,
        seed=113,
        start_char=1,
        oov_char=2,
        index_from=3,
    )
    assert len(x_train) == len(y_train) == 4 and len(x_test) == len(y_test) == 1

    word_index = reuters.get_word_index(path="reuters_word_index.json")
    assert word_index["giraffe"] == 1234


@sample("12.5", 6468, 6472)
def test_mnist():
    from keras.datasets import mnist

    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert (x_train.shape, x_test.shape) == ((5, 28, 28), (2, 28, 28)) and x_train.dtype == np.uint8
    assert (y_train.shape, y_test.shape) == ((5,), (2,))


@sample("12.6", 6501, 6505)
def test_fashion_mnist():
    from keras.datasets import fashion_mnist

    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert (x_train.shape, x_test.shape) == ((5, 28, 28), (2, 28, 28)) and x_train.dtype == np.uint8
    assert y_train.tolist() == [0, 1, 2, 3, 4] and y_test.tolist() == [0, 1] and y_train.dtype == np.uint8


@sample("12.7", 6522, 6526)
def test_boston_housing():
    from keras.datasets import boston_housing

    (x_train, y_train), (x_test, y_test) = boston_housing.load_data()
    assert (x_train.shape, y_train.shape) == ((8, 13), (8,))
    assert (x_test.shape, y_test.shape) == ((2, 13), (2,))
    _, (other, _) = boston_housing.load_data(path="boston_housing.npz", test_split=0.5, seed=1)
    assert other.shape == (5, 13)
