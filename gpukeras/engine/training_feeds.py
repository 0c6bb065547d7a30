"""Where the batches of a training loop come from: rows of arrays, files, sparse matrices or symbolic tensors."""

import numbers

import numpy as np

from .. import backend as K
from ..runtime.feed import Rows

# Arrays of another dtype than their placeholder are converted once before the loop, up to this size afterwards
# (bytes); larger ones batch by batch.
_CONVERT_UP_TO = 1 << 28


class Feeds:
    """The inputs of a function for a loop over batches.

    Arguments:
        values: list of arrays, HDF5 matrices, sparse matrices, symbolic tensors and numbers (the learning phase).
        placeholders: list of the tensors that the first values are fed to.
    """

    def __init__(self, values, placeholders):
        placeholders = list(placeholders) + [None] * (len(values) - len(placeholders))
        self._values = [_prepared(x, tensor) for x, tensor in zip(values, placeholders)]
        self._placeholders = placeholders
        self._number = [isinstance(x, (numbers.Number, np.generic)) for x in self._values]
        self._arrays = [x for x, number in zip(self._values, self._number) if not number]
        self._tail = [x for x, number in zip(self._values, self._number) if number]
        # The learning phase comes last, so that a batch is the arrays' rows and a constant end.
        in_order = self._number == sorted(self._number)
        self._only_arrays = in_order and all(type(x) is np.ndarray for x in self._arrays)
        symbolic = [x for x in self._values if K.is_tensor(x)]
        self._steps = None
        self._evaluate = K.function([], symbolic) if symbolic else None

    def rows(self, ids):
        """The inputs for a batch.

        Arguments:
            ids: slice or array of the samples' indices.

        Returns:
            List for the function's call.
        """
        if self._only_arrays:
            return [Rows(x, ids) for x in self._arrays] + self._tail
        return [x if number else self._read(x, ids, p) for x, number, p in self._all()]

    def steps(self, f):
        """What makes steps of a function over rows of these inputs without coming back after each.

        Arguments:
            f: function.

        Returns:
            `gpukeras.compiler.steps.Steps`, or None where batches are to be fed one by one.
        """
        if not self._only_arrays or not hasattr(f, "steps"):
            return None
        if self._steps is None or self._steps[0] is not f:
            self._steps = f, f.steps(self._arrays + self._tail)
        return self._steps[1]

    def whole(self):
        """The inputs for a step that takes everything, with symbolic tensors computed anew.

        Returns:
            List for the function's call.
        """
        computed = iter(self._evaluate([])) if self._evaluate is not None else None
        inputs = []
        for x, number, placeholder in self._all():
            if K.is_tensor(x):
                inputs.append(next(computed))
            elif number or isinstance(x, np.ndarray):
                inputs.append(x)
            else:
                inputs.append(self._read(x, slice(0, x.shape[0]), placeholder))
        return inputs

    def _all(self):
        return zip(self._values, self._number, self._placeholders)

    def _read(self, x, ids, placeholder):
        if type(x) is np.ndarray:
            return Rows(x, ids)
        if hasattr(x, "tocsr"):
            rows = x[ids]
            return rows if placeholder is not None and K.is_sparse(placeholder) else rows.toarray()
        if K.is_tensor(x):
            raise ValueError("Symbolic tensors cannot be cut into batches: train by steps, not by `batch_size`.")
        return _from_file(x, ids)


def _prepared(x, tensor):
    """The value in the form in which batches are quickest to take."""
    if hasattr(x, "tocsr") and not K.is_tensor(x):
        return x.tocsr()  # the form that can be indexed by rows
    if not isinstance(x, np.ndarray):
        return x
    if type(x) is not np.ndarray:
        x = x.view(np.ndarray)  # np.memmap and the like: the same memory
    if tensor is not None:
        wanted = np.dtype(str(K.dtype(tensor)))
        if x.dtype != wanted and x.size * wanted.itemsize <= _CONVERT_UP_TO:
            return x.astype(wanted)
    return x


def _from_file(x, ids):
    """Rows of an HDF5 matrix or the like, which wants slices or ascending indices."""
    if isinstance(ids, slice):
        return np.asarray(x[ids])
    if len(ids) and ids[-1] - ids[0] + 1 == len(ids) and np.all(np.diff(ids) == 1):
        return np.asarray(x[int(ids[0]) : int(ids[-1]) + 1])
    order = np.argsort(ids)
    rows = np.asarray(x[ids[order].tolist()])
    result = np.empty_like(rows)
    result[order] = rows
    return result
