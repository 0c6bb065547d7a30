"""Keras' data sets, from small files in their formats and from a server; expected values come from Keras 2.2.4."""

import gzip
import hashlib
import io
import json
import pickle
import shutil
import tarfile

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
from tests.utils.file_server import FileServer

OFFICIAL = dict(_files.SOURCES)
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


def cifar_batch(start, keys=("labels",)):
    """Two images and the bytes of a batch that holds them."""
    data = (np.arange(2 * 3072) + start).astype(np.uint8).reshape(2, 3072)
    content = {b"data": data, **{key.encode(): [start % 10, (start + 1) % 10] for key in keys}}
    # The published files were pickled by a NumPy that named its internals so.
    return data, pickle.dumps(content, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def npz(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def idx(header, size):
    return gzip.compress(bytes(header) + bytes(i % 251 for i in range(size)))


def small_files():
    """File name at the origin -> bytes: every data set in its format, a few samples long."""
    cifar10_files = {f"cifar-10-batches-py/data_batch_{i}": cifar_batch(i)[1] for i in range(1, 6)}
    cifar10_files["cifar-10-batches-py/test_batch"] = cifar_batch(6)[1]
    both = "fine_labels", "coarse_labels"
    cifar100_files = {f"cifar-100-python/{part}": cifar_batch(i, both)[1] for i, part in enumerate(["train", "test"])}
    images = np.arange(5 * 784, dtype=np.uint8).reshape(5, 28, 28)
    labels = np.arange(5, dtype=np.uint8)
    sequences = {"x_train": ragged(TRAIN), "x_test": ragged(TEST)}
    return {
        "boston_housing.npz": npz(x=np.arange(10.0).reshape(5, 2), y=np.arange(5.0)),
        "cifar-10-python.tar.gz": tar(cifar10_files),
        "cifar-100-python.tar.gz": tar(cifar100_files),
        "imdb.npz": npz(y_train=np.array([0, 1, 0, 1, 1]), y_test=np.array([1, 0, 1]), **sequences),
        "imdb_word_index.json": json.dumps({"giraffe": 3, "été": 1, "word " * 20: 2}).encode(),
        "mnist.npz": npz(x_train=images[:3], y_train=labels[:3], x_test=images[3:], y_test=labels[3:]),
        "reuters.npz": npz(x=ragged(TRAIN), y=np.arange(5)),
        "reuters_word_index.json": json.dumps({"wheat": 1, "word " * 20: 2}).encode(),
        "train-images-idx3-ubyte.gz": idx(16, 3 * 784),
        "train-labels-idx1-ubyte.gz": idx(8, 3),
        "t10k-images-idx3-ubyte.gz": idx(16, 2 * 784),
        "t10k-labels-idx1-ubyte.gz": idx(8, 2),
    }


LOADERS = [
    boston_housing.load_data,
    cifar10.load_data,
    cifar100.load_data,
    fashion_mnist.load_data,
    imdb.load_data,
    imdb.get_word_index,
    mnist.load_data,
    reuters.load_data,
    reuters.get_word_index,
]
loaders = pytest.mark.parametrize("load", LOADERS, ids=lambda f: f"{f.__module__.split('.')[-1]}.{f.__name__}")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A server with small files that all data sets are fetched from; their check sums are the ones expected."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with FileServer(small_files()).running() as server:
        sums = {name: hashlib.md5(content).hexdigest() for name, content in server.files.items()}
        sources = {k: (d, url, sums[url.rsplit("/", 1)[1]]) for k, (d, url, _) in _files.SOURCES.items()}
        with monkeypatch.context() as patched:
            patched.setattr(_files, "SOURCES", sources)
            patched.setenv("GPUKERAS_DATASETS_MIRROR", server.url)
            yield server


def cached(tmp_path):
    """Paths of the files in the cache, relative to it."""
    found = (path for path in (tmp_path / "keras").rglob("*") if path.is_file())
    return sorted(str(path.relative_to(tmp_path / "keras")) for path in found)


def test_official_addresses():
    addresses = {url for _, url, _ in _files.SOURCES.values()}
    assert addresses == {
        "https://s3.amazonaws.com/keras-datasets/boston_housing.npz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "https://s3.amazonaws.com/text-datasets/imdb.npz",
        "https://s3.amazonaws.com/text-datasets/imdb_word_index.json",
        "https://s3.amazonaws.com/img-datasets/mnist.npz",
        "https://s3.amazonaws.com/text-datasets/reuters.npz",
        "https://s3.amazonaws.com/text-datasets/reuters_word_index.json",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-labels-idx1-ubyte.gz",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-images-idx3-ubyte.gz",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
    }
    assert {url.rsplit("/", 1)[1] for url in addresses} == set(small_files())
    assert {len(file_hash) for _, _, file_hash in _files.SOURCES.values()} == {32, 64}


@loaders
def test_without_a_mirror_the_official_address_is_asked(load, monkeypatch):
    asked = []

    def get_file(fname, origin, file_hash, cache_subdir, untar):
        asked.append(origin)
        assert (origin, file_hash) == _files.SOURCES[fname][1:] and cache_subdir.startswith("datasets")
        assert untar == origin.endswith(".tar.gz")
        raise OSError("no net here")

    monkeypatch.setattr("gpukeras.utils.data_utils.get_file", get_file)
    with pytest.raises(OSError, match="no net here") as error:
        load()
    assert len(asked) == 1
    assert "GPUKERAS_DATASETS_MIRROR_" in error.value.__notes__[0]


@loaders
def test_fetched_once(load, mirror, tmp_path):
    first, second = load(), load()
    assert repr(first) == repr(second)
    names = [name for name, _ in mirror.requests]
    assert len(names) == len(set(names)) == (4 if load is fashion_mnist.load_data else 1)
    assert all(name.startswith("datasets/") and not name.endswith((".part", ".lock")) for name in cached(tmp_path))


@loaders
def test_a_cut_connection_is_continued(load, mirror):
    mirror.cuts = [40, 10]
    load()
    ranges = [wanted for _, wanted in mirror.requests]
    assert ranges[:3] == [None, "bytes=40-", "bytes=50-"]


@loaders
def test_half_a_file_is_not_taken_for_good(load, mirror, tmp_path):
    mirror.ranges, mirror.cuts = False, [40]
    with pytest.raises(OSError, match="ended after 40 of"):
        load()
    with pytest.raises(OSError, match="ended after 30 of"):
        mirror.cuts = [30]
        load()
    assert all(name.endswith(".part") for name in cached(tmp_path))
    load()


@loaders
def test_half_a_file_under_its_name_is_fetched_again(load, mirror, tmp_path, capsys):
    """As another program's download leaves it."""
    expected = repr(load())
    names = cached(tmp_path)
    shutil.rmtree(tmp_path / "keras")
    for name in names:
        path = tmp_path / "keras" / name
        if path.name.endswith((".gz", ".npz", ".json")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"half")
    assert repr(load()) == expected
    assert "incomplete or outdated" in capsys.readouterr().out


@loaders
def test_other_content_is_refused(load, mirror, tmp_path, monkeypatch):
    """The mirror's small files are not the published ones."""
    for name in mirror.files:
        mirror.files[name] += b" "
    for _ in range(2):
        with pytest.raises(ValueError, match=r"has the md5 sum [0-9a-f]{32}, expected [0-9a-f]{32}") as error:
            load()
        assert "GPUKERAS_DATASETS_MIRROR" in error.value.__notes__[0]
        assert cached(tmp_path) == []


def test_published_sums_hold_for_mirrors(mirror, monkeypatch):
    monkeypatch.setattr(_files, "SOURCES", OFFICIAL)
    with pytest.raises(ValueError, match="expected 8a61469f7ea1b51cbae51d4f78837e45"):
        mnist.load_data()


@loaders
def test_not_there(load, mirror):
    mirror.files.clear()
    with pytest.raises(OSError, match="URL fetch failure on .*: 404"):
        load()


def test_a_mirror_of_one_data_set(mirror, monkeypatch, tmp_path):
    (tmp_path / "folder with files").mkdir()
    (tmp_path / "folder with files" / "mnist.npz").write_bytes(mirror.files["mnist.npz"])
    monkeypatch.setenv("GPUKERAS_DATASETS_MIRROR_MNIST", str(tmp_path / "folder with files"))
    assert mnist.load_data()[0][0].shape == (3, 28, 28) and mirror.requests == []
    monkeypatch.setenv("GPUKERAS_DATASETS_MIRROR_IMDB", mirror.url + "texts/")
    mirror.files["texts/imdb.npz"] = mirror.files["imdb.npz"]
    imdb.load_data()
    reuters.load_data()
    assert [name for name, _ in mirror.requests] == ["texts/imdb.npz", "reuters.npz"]


def test_own_names_in_the_cache(mirror, tmp_path):
    mnist.load_data("digits.npz")
    imdb.get_word_index("words.json")
    assert cached(tmp_path) == ["datasets/digits.npz", "datasets/words.json"]
    assert [name for name, _ in mirror.requests] == ["mnist.npz", "imdb_word_index.json"]


def test_fashion_mnist(mirror):
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    assert x_train.shape == (3, 28, 28) and x_test.shape == (2, 28, 28)
    assert x_train[0, 0, :3].tolist() == [0, 1, 2] and x_train.dtype == np.uint8
    assert y_train.tolist() == [0, 1, 2] and y_test.tolist() == [0, 1]
    x_train += 1  # the arrays belong to the caller
    y_train += 1


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_cifar(mirror, data_format):
    K.set_image_data_format(data_format)
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    (x_fine, y_fine), (_, y_fine_test) = cifar100.load_data()
    shape = (32, 32, 3) if data_format == "channels_last" else (3, 32, 32)
    assert x_train.shape == (10, *shape) and x_test.shape == (2, *shape) and x_fine.shape == (2, *shape)
    assert y_train.shape == (10, 1) and y_train.dtype == np.uint8
    assert y_train.ravel().tolist() == [1, 2, 2, 3, 3, 4, 4, 5, 5, 6] and y_test.tolist() == [[6], [7]]
    assert y_fine.tolist() == [[0], [1]] and y_fine_test.tolist() == [[1], [2]]
    green = x_train[0, 2, 5, 1] if data_format == "channels_last" else x_train[0, 1, 2, 5]
    assert green == (1 + 1024 + 2 * 32 + 5) % 256


def test_cifar_load_batch(tmp_path):
    data, content = cifar_batch(9, keys=("coarse_labels",))
    (tmp_path / "one").write_bytes(content)
    images, labels = cifar.load_batch(str(tmp_path / "one"), label_key="coarse_labels")
    np.testing.assert_array_equal(images, data.reshape(2, 3, 32, 32))
    assert list(labels) == [9, 0]


def test_cifar_refuses_code_in_a_batch(tmp_path):
    (tmp_path / "evil").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(pickle.UnpicklingError, match="asks for os.system"):
        cifar.load_batch(tmp_path / "evil")


def test_cifar100_label_mode():
    with pytest.raises(ValueError, match="expected label_mode 'fine' or 'coarse', got 'medium'"):
        cifar100.load_data(label_mode="medium")


class Attack:
    """Unpickles to a call."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_file_of_texts_runs_no_code(tmp_path):
    """The sequences are pickled; a pickle can name any function."""
    array = np.empty(2, dtype=object)
    array[:] = [[1, 2], Attack(tmp_path / "attacked")]
    np.savez(tmp_path / "x.npz", x=array, y=np.arange(2), x_train=array, y_train=array, x_test=array, y_test=array)
    for module in (imdb, reuters):
        with pytest.raises(ValueError, match="array '.*' cannot be read: the file asks for _*io.open, which"):
            module.load_data(path=str(tmp_path / "x.npz"))
    assert not (tmp_path / "attacked").exists()


def test_a_file_of_texts_without_an_array_is_named(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.arange(2))
    with pytest.raises(ValueError, match="x.npz: array 'y' cannot be read"):
        reuters.load_data(path=str(tmp_path / "x.npz"))
