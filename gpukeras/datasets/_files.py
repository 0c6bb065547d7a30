"""Where a data set's files are: where the caller says, in the cache, at a mirror or their official address."""

import os
from pathlib import Path

_MIRROR = "GPUKERAS_DATASETS_MIRROR"
_TEXTS = "https://s3.amazonaws.com/text-datasets/"
_CLOTHES = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

# Name in the cache: data set, official address, published check sum (MD5 or SHA-256).
SOURCES = {
    "boston_housing.npz": (
        "boston_housing",
        "https://s3.amazonaws.com/keras-datasets/boston_housing.npz",
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    ),
    "cifar-10-batches-py": (
        "cifar10",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
    ),
    "cifar-100-python": (
        "cifar100",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "eb9058c3a382ffc7106e4002c42a8d85",
    ),
    "imdb.npz": ("imdb", _TEXTS + "imdb.npz", "599dadb1135973df5b59232a0e9a887c"),
    "imdb_word_index.json": ("imdb", _TEXTS + "imdb_word_index.json", "bfafd718b763782e994055a2d397834f"),
    "mnist.npz": ("mnist", "https://s3.amazonaws.com/img-datasets/mnist.npz", "8a61469f7ea1b51cbae51d4f78837e45"),
    "reuters.npz": ("reuters", _TEXTS + "reuters.npz", "87aedbeb0cb229e378797a632c1997b6"),
    "reuters_word_index.json": ("reuters", _TEXTS + "reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921"),
    "t10k-images-idx3-ubyte.gz": (
        "fashion_mnist",
        _CLOTHES + "t10k-images-idx3-ubyte.gz",
        "bef4ecab320f06d8554ea6380940ec79",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "fashion_mnist",
        _CLOTHES + "t10k-labels-idx1-ubyte.gz",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    "train-images-idx3-ubyte.gz": (
        "fashion_mnist",
        _CLOTHES + "train-images-idx3-ubyte.gz",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    ),
    "train-labels-idx1-ubyte.gz": (
        "fashion_mnist",
        _CLOTHES + "train-labels-idx1-ubyte.gz",
        "25c81989df183df01b3e8a0aad5dffbe",
    ),
}


def locate(name, path=None, cache_subdir="datasets", untar=False):
    """Finds a data set's file, downloading it to the cache on first use.

    Arguments:
        name: str, key of `SOURCES`.
        path: str or path-like. A file that exists at this absolute path is taken as it is; anything else is the
            file's name in the cache. None for `name`.
        cache_subdir: str, the folder of the cache that holds it.
        untar: bool, whether the file is an archive of a folder called `name`.

    Returns:
        The path of the local file or folder, str.

    Raises:
        OSError: when the file cannot be fetched.
        ValueError: when what is fetched does not have the published check sum.
    """
    from ..utils import data_utils

    path = os.path.expanduser(os.fspath(path or name))
    if os.path.isabs(path) and os.path.isfile(path):
        return path
    dataset, official, file_hash = SOURCES[name]
    origin = _origin(dataset, official)
    try:
        return data_utils.get_file(path, origin, file_hash=file_hash, cache_subdir=cache_subdir, untar=untar)
    except (OSError, ValueError) as error:
        error.add_note(
            f"Another place that has {official.rsplit('/', 1)[1]}, a URL or a folder, can be named by the environment "
            f"variable {_MIRROR}_{dataset.upper()}, or {_MIRROR} for all data sets."
        )
        raise


def _origin(dataset, official):
    """The official address, or the same file at the mirror that the environment names."""
    mirror = os.environ.get(f"{_MIRROR}_{dataset.upper()}") or os.environ.get(_MIRROR)
    if not mirror:
        return official
    if "://" not in mirror:
        mirror = Path(mirror).expanduser().absolute().as_uri()
    return f"{mirror.rstrip('/')}/{official.rsplit('/', 1)[1]}"
