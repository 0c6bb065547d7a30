"""The UCI handwritten digits: 1,797 images of 8x8 pixels that ship with the package.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
1998, https://doi.org/10.24432/C50P49, licensed CC BY 4.0.
"""

from pathlib import Path

import numpy as np

_FILE = Path(__file__).parent / "data" / "digits.npz"


def load_data(test_split=0.2, seed=113):
    """Loads the handwritten digits; nothing is downloaded.

    The images are shuffled before the split, so both parts hold digits of each of the 13 writers.

    Arguments:
        test_split: float in (0, 1), the fraction of the images in the test part.
        seed: int, decides the shuffle; the same seed gives the same split everywhere.

    Returns:
        Tuple `(x_train, y_train), (x_test, y_test)`: images uint8 of shape `(n, 8, 8)` with values 0 to 16,
        labels uint8 of shape `(n,)` with values 0 to 9.

    Raises:
        ValueError: if `test_split` is not between 0 and 1.
    """
    if not 0 < test_split < 1:
        raise ValueError(f"digits.load_data: expected test_split between 0 and 1, got {test_split!r}")
    with np.load(_FILE) as archive:
        x, y = archive["x"], archive["y"]
    order = np.random.RandomState(seed).permutation(len(x))
    x, y = x[order], y[order]
    split = len(x) - round(len(x) * test_split)
    return (x[:split], y[:split]), (x[split:], y[split:])
