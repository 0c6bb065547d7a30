"""NumPy helpers for preparing data."""

import numpy as np


def to_categorical(y, num_classes=None, dtype="float32"):
    """Turns integer labels into one-hot rows.

    Arguments:
        y: array of ints, any shape; a last axis of length 1 is dropped first.
        num_classes: int, width of the rows; the largest label plus one by default.
        dtype: str, type of the result.

    Returns:
        Array of the shape of `y` with an axis of `num_classes` added.

    Raises:
        ValueError: for a label outside `[0, num_classes)`.
    """
    y = np.array(y, dtype="int")
    shape = y.shape
    if len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    y = y.ravel()
    if not num_classes:
        num_classes = int(y.max()) + 1 if y.size else 0
    if y.size and (y.max() >= num_classes or y.min() < -num_classes):
        bad = y.max() if y.max() >= num_classes else y.min()
        raise ValueError(
            "to_categorical: label %d is out of range for num_classes=%d; labels run from 0 to num_classes - 1"
            % (bad, num_classes)
        )
    one_hot = np.zeros((y.shape[0], num_classes), dtype=dtype)
    one_hot[np.arange(y.shape[0]), y] = 1
    return one_hot.reshape(shape + (num_classes,))


def normalize(x, axis=-1, order=2):
    """Divides an array by its norm along an axis; all-zero vectors stay zero.

    Arguments:
        x: array.
        axis: int, the axis of the vectors.
        order: int, order of the norm (2 is the Euclidean one).

    Returns:
        Array of the shape of `x`.
    """
    length = np.atleast_1d(np.linalg.norm(x, order, axis))
    length[length == 0] = 1
    return x / np.expand_dims(length, axis)
