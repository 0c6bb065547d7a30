"""What CIFAR-10 and CIFAR-100 share: the reader of their pickled batches."""

import pickle

import numpy as np


class _PlainUnpickler(pickle.Unpickler):
    """Reads dicts, lists, strings and NumPy arrays, and refuses the rest: the files come from the net."""

    allowed = {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("_codecs", "encode"),
    }

    def find_class(self, module, name):
        """Returns a permitted class; anything else in the file is an error."""
        module = module.replace("numpy.core.", "numpy._core.")  # where NumPy 2 keeps what old files name
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(
                f"cifar.load_batch: the file asks for {module}.{name}, which no CIFAR batch holds"
            )
        return super().find_class(module, name)


def load_batch(fpath, label_key="labels"):
    """Reads one pickled batch of a CIFAR data set.

    Arguments:
        fpath: str or path-like, the batch file.
        label_key: str, the key of the labels: `'labels'`, `'fine_labels'` or `'coarse_labels'`.

    Returns:
        Tuple `(data, labels)`: images uint8 of shape `(n, 3, 32, 32)` and the list of labels.
    """
    with open(fpath, "rb") as stream:
        batch = _PlainUnpickler(stream, encoding="bytes").load()
    batch = {key.decode("utf-8") if isinstance(key, bytes) else key: value for key, value in batch.items()}
    data = np.asarray(batch["data"])
    return data.reshape(data.shape[0], 3, 32, 32), batch[label_key]
