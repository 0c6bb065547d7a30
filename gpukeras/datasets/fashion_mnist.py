"""Fashion-MNIST: articles of clothing, 28x28 pixels (H. Xiao, K. Rasul, R. Vollgraf, 2017)."""

import gzip
import os

import numpy as np

from ._files import locate


def load_data():
    """Loads Fashion-MNIST, 60,000 training and 10,000 test images.

    Returns:
        Tuple `(x_train, y_train), (x_test, y_test)`: images uint8 of shape `(n, 28, 28)`, labels uint8 of
        shape `(n,)` with values 0 to 9.
    """
    return (_images("train"), _labels("train")), (_images("t10k"), _labels("t10k"))


def _images(part):
    return _read(f"{part}-images-idx3-ubyte.gz", header=16).reshape(-1, 28, 28)


def _labels(part):
    return _read(f"{part}-labels-idx1-ubyte.gz", header=8)


def _read(name, header):
    """Reads the bytes after an IDX file's header."""
    file = locate(name, cache_subdir=os.path.join("datasets", "fashion-mnist"))
    with gzip.open(file, "rb") as stream:
        return np.frombuffer(bytearray(stream.read()), np.uint8, offset=header)
