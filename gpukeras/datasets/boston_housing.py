"""Boston housing prices, 13 attributes of 506 districts (StatLib, Carnegie Mellon University)."""

import numpy as np

from ._files import locate


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """Loads the Boston housing data set.

    Arguments:
        path: str, the file's name in `~/.keras/datasets` or the absolute path of a copy.
        test_split: float in [0, 1), the fraction of the samples in the test part.
        seed: int, decides the shuffle before the split.

    Returns:
        Tuple `(x_train, y_train), (x_test, y_test)`: attributes float64 of shape `(n, 13)`, prices in
        thousands of dollars, float64 of shape `(n,)`.

    Raises:
        ValueError: if `test_split` is not at least 0 and below 1.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"boston_housing.load_data: expected 0 <= test_split < 1, got {test_split!r}")
    with np.load(locate("boston_housing.npz", path)) as archive:
        x, y = archive["x"], archive["y"]
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    split = int(len(x) * (1 - test_split))
    return (x[:split], y[:split]), (x[split:], y[split:])
