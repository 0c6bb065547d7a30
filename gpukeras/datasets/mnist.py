"""MNIST: handwritten digits of 28x28 pixels (Y. LeCun, C. Cortes, C. J. C. Burges)."""

import numpy as np

from ._files import locate


def load_data(path="mnist.npz"):
    """Loads MNIST, 60,000 training and 10,000 test images.

    Arguments:
        path: str, the file's name in `~/.keras/datasets` (downloaded when it is not there) or the absolute
            path of a copy.

    Returns:
        Tuple `(x_train, y_train), (x_test, y_test)`: images uint8 of shape `(n, 28, 28)`, labels uint8 of
        shape `(n,)` with values 0 to 9.
    """
    with np.load(locate("mnist.npz", path)) as archive:
        return (archive["x_train"], archive["y_train"]), (archive["x_test"], archive["y_test"])
