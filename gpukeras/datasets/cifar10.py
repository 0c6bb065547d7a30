"""CIFAR-10: colour images of 32x32 pixels in 10 classes (A. Krizhevsky, 2009)."""

import os

import numpy as np

from ._cifar_layout import finish
from ._files import locate
from .cifar import load_batch


def load_data():
    """Loads CIFAR-10, 50,000 training and 10,000 test images.

    Returns:
        Tuple `(x_train, y_train), (x_test, y_test)`: images uint8 of shape `(n, 32, 32, 3)`, or
        `(n, 3, 32, 32)` with channels first; labels uint8 of shape `(n, 1)` with values 0 to 9.
    """
    folder = locate("cifar-10-batches-py", untar=True)
    batches = [load_batch(os.path.join(folder, f"data_batch_{i}")) for i in range(1, 6)]
    train = finish(np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches]))
    return train, finish(*load_batch(os.path.join(folder, "test_batch")))
