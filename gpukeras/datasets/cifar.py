"""What CIFAR-10 and CIFAR-100 share: the reader of their pickled batches."""

import numpy as np

from ._pickles import PlainUnpickler


def load_batch(fpath, label_key="labels"):
    """Reads one pickled batch of a CIFAR data set.

    Arguments:
        fpath: str or path-like, the batch file.
        label_key: str, the key of the labels: `'labels'`, `'fine_labels'` or `'coarse_labels'`.

    Returns:
        Tuple `(data, labels)`: images uint8 of shape `(n, 3, 32, 32)` and the list of labels.
    """
    with open(fpath, "rb") as stream:
        batch = PlainUnpickler(stream, encoding="bytes").load()
    batch = {key.decode("utf-8") if isinstance(key, bytes) else key: value for key, value in batch.items()}
    data = np.asarray(batch["data"])
    return data.reshape(data.shape[0], 3, 32, 32), batch[label_key]
