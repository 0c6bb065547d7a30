"""CIFAR-100: colour images of 32x32 pixels in 100 classes of 20 groups (A. Krizhevsky, 2009)."""

import os

from ._cifar_layout import finish
from ._files import locate
from .cifar import load_batch


def load_data(label_mode="fine"):
    """Loads CIFAR-100, 50,000 training and 10,000 test images.

    Arguments:
        label_mode: str, `'fine'` for the 100 classes or `'coarse'` for the 20 groups.

    Returns:
        Tuple `(x_train, y_train), (x_test, y_test)`: images uint8 of shape `(n, 32, 32, 3)`, or
        `(n, 3, 32, 32)` with channels first; labels uint8 of shape `(n, 1)`.

    Raises:
        ValueError: if `label_mode` is neither of the two.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"cifar100.load_data: expected label_mode 'fine' or 'coarse', got {label_mode!r}")
    folder = locate("cifar-100-python", untar=True)
    key = label_mode + "_labels"
    train, test = (load_batch(os.path.join(folder, part), label_key=key) for part in ("train", "test"))
    return finish(*train), finish(*test)
