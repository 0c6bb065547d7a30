"""What training does with the user's data before anything runs: forms, shapes, weights, batches."""

import numbers
import warnings

import numpy as np

from .. import backend as K
from .. import losses
from ..utils.generic_utils import to_list

__all__ = [
    "batch_shuffle",
    "check_array_length_consistency",
    "check_loss_and_target_compatibility",
    "check_num_samples",
    "collect_metrics",
    "iter_sequence_infinite",
    "make_batches",
    "standardize_class_weights",
    "standardize_input_data",
    "standardize_sample_or_class_weights",
    "standardize_sample_weights",
    "standardize_single_array",
    "standardize_weights",
    "weighted_masked_objective",
]


def standardize_single_array(x):
    """Gives an array of rank 1 a second axis.

    Arguments:
        x: array, tensor or None.

    Returns:
        The array of shape (N, 1) for one of shape (N,), anything else as it is.

    Raises:
        ValueError: for a symbolic tensor without axes.
    """
    if x is None:
        return None
    if K.is_tensor(x):
        if K.ndim(x) == 0:
            raise ValueError(f"When feeding symbolic tensors, they need a batch axis: {x} is a scalar.")
        return x
    if x.ndim == 1:
        # A column of an HDF5 file is read whole: it is small beside the inputs, and row by row would be slow.
        return (x if isinstance(x, np.ndarray) else np.asarray(x[:]))[:, None]
    return x


def standardize_input_data(data, names, shapes=None, check_batch_axis=True, exception_prefix=""):
    """Brings the data for the inputs (or outputs) of a model into a list of arrays in the model's order.

    Arguments:
        data: array, data frame, symbolic tensor, list of them, or dict from name to one of them.
        names: list of the names of the inputs (or outputs).
        shapes: list of the expected shapes with the batch axis (None: any), or None for no check.
        check_batch_axis: bool, whether the first axis is compared too.
        exception_prefix: string, 'input' or 'target', for messages.

    Returns:
        List of arrays (or tensors), one per name.

    Raises:
        ValueError: when arrays are missing or too many, or of the wrong kind, rank or shape.
    """
    if not names:
        if data is not None and hasattr(data, "__len__") and len(data):
            raise ValueError(
                f"Error when checking model {exception_prefix}: expected no data, but got: {_brief(data)}. "
                f"The model takes no {exception_prefix} data: pass None."
            )
        return []
    if data is None:
        return [None] * len(names)
    arrays = [_as_array(x) for x in _in_order(data, names, exception_prefix)]
    if len(arrays) != len(names):
        raise ValueError(_wrong_count(data, arrays, names, exception_prefix))
    arrays = [standardize_single_array(_checked_kind(x, n, exception_prefix)) for x, n in zip(arrays, names)]
    for x, name, shape in zip(arrays, names, shapes or [None] * len(names)):
        if shape is not None and not K.is_tensor(x):
            _check_shape(x.shape, name, shape, check_batch_axis, exception_prefix)
    return arrays


def _in_order(data, names, prefix):
    """The data as a list, dicts in the order of the names."""
    if isinstance(data, dict):
        try:
            return [data[name] for name in names]
        except KeyError as error:
            raise ValueError(
                f'No data provided for "{error.args[0]}". Need data for each key in: {names}; '
                f"the dict has: {list(data)}"
            ) from None
    if isinstance(data, (list, tuple)):
        if len(data) and len(names) == 1 and isinstance(data[0], (numbers.Number, np.generic)):
            return [np.asarray(data)]
        return list(data)
    return [data]


def _as_array(x):
    if isinstance(x, np.ndarray):
        return x
    if isinstance(x, (list, tuple)):
        return np.asarray(x) if _is_regular(x) else _object_array(x)
    if type(x).__name__ in ("DataFrame", "Series") and hasattr(x, "to_numpy"):
        return x.to_numpy()
    return x


def _is_regular(rows):
    """Whether nested lists make an array: all rows as long as each other."""
    try:
        np.asarray(rows)
    except ValueError:
        return False
    return True


def _object_array(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def _checked_kind(x, name, prefix):
    """Refuses what is not an array of numbers, and turns object arrays of numbers into ordinary ones."""
    if K.is_tensor(x):
        return x
    if x is None or not hasattr(x, "shape") or not hasattr(x, "ndim") and not hasattr(x, "dtype"):
        what = "None" if x is None else f"a {type(x).__name__}: {_brief(x)}"
        raise ValueError(
            f"Error when checking {prefix}: expected an array for {name}, but got {what}. Pass NumPy arrays (or a list "
            "or a dict of them); for generators and Sequences use the *_generator methods."
        )
    kind = getattr(getattr(x, "dtype", None), "kind", "f")
    if kind in "fiub":
        return x
    if kind == "O":
        try:
            if not any(v is None for v in np.asarray(x).flat):
                return np.asarray(x).astype(K.floatx())
        except (TypeError, ValueError):
            pass
        hint = "rows of different lengths can be brought to one length with `pad_sequences`"
    else:
        hint = "turn text into numbers first, for example with a `Tokenizer`, `one_hot` or `to_categorical`"
    raise ValueError(
        f"Error when checking {prefix}: expected {name} to hold numbers, but got an array of dtype {x.dtype} with "
        f"shape {tuple(x.shape)}; {hint}."
    )


def _check_shape(got, name, expected, check_batch_axis, prefix):
    got, expected = tuple(got), tuple(expected)
    if len(got) != len(expected):
        raise ValueError(
            f"Error when checking {prefix}: expected {name} to have {len(expected)} dimensions, but got array with "
            f"shape {got}; the model's shape for it is {expected}, where None is any size."
        )
    if not check_batch_axis:
        got, expected = got[1:], expected[1:]
    for size, wanted in zip(got, expected):
        if wanted is not None and size != wanted:
            raise ValueError(
                f"Error when checking {prefix}: expected {name} to have shape {expected} but got array with shape "
                f"{got}; change the data or the {'input_shape' if prefix == 'input' else 'last layer'} of the model."
            )


def _wrong_count(data, arrays, names, prefix):
    head = f"Error when checking model {prefix}: the list of Numpy arrays that you are passing to your model is not "
    text = (
        head + f"the size the model expected. Expected to see {len(names)} array(s) for {names}, but instead got "
        f"{len(arrays)}: {_brief(arrays)}."
    )
    if len(names) == 1 and isinstance(data, (list, tuple)):
        text += " A list stands for several arrays: pass one array, such as np.array(data)."
    return text


def _brief(data):
    """A short description of data for messages."""
    if isinstance(data, (list, tuple)):
        return "[" + ", ".join(map(_brief, data[:4])) + (", ...]" if len(data) > 4 else "]")
    if isinstance(data, dict):
        return "{" + ", ".join(f"{k!r}: {_brief(v)}" for k, v in list(data.items())[:4]) + "}"
    if hasattr(data, "shape"):
        return f"array of shape {tuple(data.shape)}"
    text = repr(data)
    return text if len(text) <= 80 else text[:77] + "..."


def standardize_sample_or_class_weights(x_weight, output_names, weight_type):
    """Brings weights into a list, one entry per output.

    Arguments:
        x_weight: None, the weights of a single output, a list with one entry per output, or a dict by name.
        output_names: list of the outputs' names.
        weight_type: string, name of the argument for messages.

    Returns:
        List with an entry (or None) per output.

    Raises:
        ValueError: when a list has the wrong length.
        TypeError: when a model of several outputs gets neither a list nor a dict, or any a tuple.
    """
    if x_weight is None or (hasattr(x_weight, "__len__") and len(x_weight) == 0):
        return [None] * len(output_names)
    if isinstance(x_weight, tuple):
        raise TypeError(f"`{weight_type}` must be an array, a list or a dict, but got a tuple: {_brief(x_weight)}")
    if len(output_names) == 1:
        if isinstance(x_weight, list) and len(x_weight) == 1 and np.ndim(x_weight[0]) != 0:
            return x_weight
        if isinstance(x_weight, list) and len(x_weight) == 1 and isinstance(x_weight[0], (dict, type(None))):
            return x_weight
        if isinstance(x_weight, dict) and output_names[0] in x_weight:
            return [x_weight[output_names[0]]]
        return [x_weight]
    if isinstance(x_weight, list):
        if len(x_weight) != len(output_names):
            raise ValueError(
                f"Provided `{weight_type}` was a list of {len(x_weight)} elements, but the model has "
                f"{len(output_names)} outputs. You should provide one `{weight_type}` array per model output."
            )
        return x_weight
    if isinstance(x_weight, dict):
        return [x_weight.get(name) for name in output_names]
    raise TypeError(
        f"The model has multiple outputs, so `{weight_type}` should be either a list or a dict (by {output_names}), "
        f"but got a {type(x_weight).__name__}: {_brief(x_weight)}"
    )


def standardize_class_weights(class_weight, output_names):
    """Brings class weights into a list, see `standardize_sample_or_class_weights`.

    Arguments:
        class_weight: None, dict, list or dict of dicts.
        output_names: list of the outputs' names.

    Returns:
        List with a dict (or None) per output.
    """
    return standardize_sample_or_class_weights(class_weight, output_names, "class_weight")


def standardize_sample_weights(sample_weight, output_names):
    """Brings sample weights into a list, see `standardize_sample_or_class_weights`.

    Arguments:
        sample_weight: None, array, list or dict of arrays.
        output_names: list of the outputs' names.

    Returns:
        List with an array (or None) per output.
    """
    return standardize_sample_or_class_weights(sample_weight, output_names, "sample_weight")


def standardize_weights(y, sample_weight=None, class_weight=None, sample_weight_mode=None):
    """Makes the weights that are fed for the targets of one output.

    Arguments:
        y: array of targets, shape (N, ...).
        sample_weight: array of shape (N,), or (N, T) in mode 'temporal'; None for ones.
        class_weight: dict from class number to its weight, multiplied with `sample_weight`; None for ones.
        sample_weight_mode: None or 'temporal'.

    Returns:
        Array of floatx, shape (N,) or (N, T).

    Raises:
        ValueError: when a shape or the mode does not fit, or a class has no weight.
    """
    temporal = _is_temporal(sample_weight_mode, sample_weight, y)
    if K.is_tensor(y):
        return _weights_of_tensor(y, sample_weight, class_weight, temporal)
    weights = None
    if sample_weight is not None:
        weights = _checked_sample_weight(y, sample_weight, temporal)
    if class_weight is not None:
        by_class = _class_weights(y, class_weight)
        if by_class is not None:
            weights = by_class if weights is None else weights * by_class
    if weights is None:
        weights = np.ones(y.shape[: 2 if temporal else 1], dtype=K.floatx())
    return weights


def _is_temporal(mode, sample_weight, y):
    if mode is None:
        return False
    if mode != "temporal":
        raise ValueError(f'"sample_weight_mode" should be None or "temporal". Found: {mode}')
    if len(y.shape) < 3:
        raise ValueError(
            f"Found targets of shape {tuple(y.shape)}, but weights per time step "
            '(sample_weight_mode="temporal") need outputs with a time axis: at least 3D.'
        )
    if sample_weight is not None and np.ndim(sample_weight) != 2:
        raise ValueError(
            f"Found a sample_weight array with shape {np.shape(sample_weight)}, but weights per time step are "
            "a 2D sample_weight array (samples, steps)."
        )
    return True


def _checked_sample_weight(y, sample_weight, temporal):
    weights = np.asarray(sample_weight)
    if weights.dtype.kind not in "fiub":
        raise ValueError(f"sample_weight must hold numbers, but got an array of dtype {weights.dtype}.")
    if not temporal and weights.ndim != 1:
        raise ValueError(
            f"Found a sample_weight array with shape {weights.shape}. One weight per sample is a 1D array; for "
            'weights per time step, compile with sample_weight_mode="temporal".'
        )
    if tuple(y.shape[: weights.ndim]) != weights.shape:
        raise ValueError(
            f"Found a sample_weight array with shape {weights.shape} for an input with shape {tuple(y.shape)}. "
            "sample_weight cannot be broadcast: it needs one weight per sample (and step)."
        )
    return weights


def _class_weights(y, class_weight):
    """The weight of every sample's class."""
    if not isinstance(class_weight, dict):
        warnings.warn(
            f"`class_weight` is not a dict from class to weight and is ignored: {_brief(class_weight)}", stacklevel=2
        )
        return None
    if len(y.shape) > 2:
        raise ValueError(
            f"`class_weight` not supported for 3+ dimensional targets: they have shape {tuple(y.shape)}. Pass "
            '`sample_weight` with sample_weight_mode="temporal" instead.'
        )
    y = np.asarray(y)
    if y.ndim == 2:
        y = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0]
    classes, which = np.unique(y, return_inverse=True)
    missing = {int(c) if float(c).is_integer() else c for c in classes if c not in class_weight}
    if missing:
        raise ValueError(
            "`class_weight` must contain all classes in the data. The classes "
            f"{missing} exist in the data but not in `class_weight`."
        )
    return np.array([class_weight[c] for c in classes], dtype=K.floatx())[which.reshape(-1)]


def _weights_of_tensor(y, sample_weight, class_weight, temporal):
    """Weights for symbolic targets: the user's array, or ones computed along with the targets."""
    if class_weight is not None:
        raise ValueError("`class_weight` cannot be used with symbolic targets: pass `sample_weight`.")
    if sample_weight is not None:
        return sample_weight
    inner = list(range(2 if temporal else 1, K.ndim(y)))
    return K.ones_like(K.sum(y, axis=inner) if inner else y, dtype=K.floatx())


def check_array_length_consistency(inputs, targets, weights=None):
    """Checks that all arrays have the same number of samples.

    Arguments:
        inputs: list of arrays.
        targets: list of arrays.
        weights: list of arrays.

    Raises:
        ValueError: when they differ.
    """
    lengths = [_lengths(group) for group in (inputs, targets, weights)]
    for name, group, found in zip(("input", "target", "sample_weight"), (inputs, targets, weights), lengths):
        if len(found) > 1:
            letter = {"input": "x", "target": "y", "sample_weight": "w"}[name]
            shapes = [None if x is None else tuple(x.shape) for x in group]
            raise ValueError(
                f"All {name} arrays ({letter}) should have the same number of samples. Got array shapes: {shapes}"
            )
    of_inputs, of_targets, of_weights = (next(iter(found)) if found else None for found in lengths)
    if of_inputs is not None and of_targets is not None and of_inputs != of_targets:
        raise ValueError(
            "Input arrays should have the same number of samples as target arrays. "
            f"Found {of_inputs} input samples and {of_targets} target samples."
        )
    if of_targets is not None and of_weights is not None and of_targets != of_weights:
        raise ValueError(
            "Sample_weight arrays should have the same number of samples as target arrays. "
            f"Found {of_weights} weights and {of_targets} target samples."
        )


def _lengths(arrays):
    """The set of the arrays' lengths; what is missing counts as empty."""
    if arrays is None:
        return {0}
    return {0 if x is None else x.shape[0] for x in arrays if not K.is_tensor(x)}


def check_loss_and_target_compatibility(targets, loss_fns, output_shapes):
    """Checks that targets have the shape that the usual losses expect, where a mistake would only show as bad results.

    Arguments:
        targets: list of arrays (or None).
        loss_fns: list of loss functions (or None).
        output_shapes: list of the outputs' shapes (or None).

    Raises:
        ValueError: when the shape of a target array cannot be right for its loss.
    """
    same_shape = (losses.mean_squared_error, losses.binary_crossentropy, losses.categorical_crossentropy)
    for y, loss, shape in zip(targets, loss_fns, output_shapes):
        if y is None or loss is None or K.is_tensor(y):
            continue
        got = tuple(y.shape)
        if loss is losses.categorical_crossentropy and got[-1] == 1:
            raise ValueError(
                f"You are passing a target array of shape {got} while using as loss `categorical_crossentropy`, which "
                "expects one column of 0 and 1 per class, shape (samples, classes). If the targets are class numbers, "
                "use the loss `sparse_categorical_crossentropy`, or convert them with "
                "`keras.utils.to_categorical(class_numbers)`."
            )
        if loss in same_shape and shape is not None:
            for size, wanted in zip(got[1:], shape[1:]):
                if wanted is not None and size != wanted:
                    raise ValueError(
                        f"A target array with shape {got} was passed for an output of shape {tuple(shape)} while using "
                        f"as loss `{loss.__name__}`. This loss expects targets to have the same shape as the output."
                    )


def check_label_range(targets, loss_fns, outputs, names):
    """Checks that class numbers lie within the classes that the output has.

    Arguments:
        targets: list of arrays (or None).
        loss_fns: list of loss functions; only `sparse_categorical_crossentropy` is looked at.
        outputs: list of the output tensors.
        names: list of the outputs' names.

    Raises:
        ValueError: naming the first label that is out of range.
    """
    for y, loss, output, name in zip(targets, loss_fns, outputs, names):
        if loss is not losses.sparse_categorical_crossentropy or not isinstance(y, np.ndarray) or not y.size:
            continue
        shape = K.int_shape(output)
        classes = shape[-1] if shape else None
        if classes is None:
            continue
        low, high = y.min(), y.max()
        if low < 0 or high >= classes:
            bad = low if low < 0 else high
            raise ValueError(
                f"Error when checking target: {name} has {classes} classes, so its labels must be integers from 0 to "
                f"{classes - 1}, but the targets contain {bad}; shift the labels or give the last layer more units."
            )


def collect_metrics(metrics, output_names):
    """Sorts the metrics by output.

    Arguments:
        metrics: None, list (for every output), list of one list per output, or dict from output name to a metric or
            a list of metrics.
        output_names: list of the outputs' names.

    Returns:
        List with a list of metrics per output.

    Raises:
        TypeError: for anything else.
        ValueError: when there is not one list per output.
    """
    if not metrics:
        return [[] for _ in output_names]
    if isinstance(metrics, list):
        if not any(isinstance(m, (list, tuple)) for m in metrics):
            return [list(metrics) for _ in output_names]
        if len(metrics) != len(output_names):
            raise ValueError(
                "When `metrics` is a list of lists, it should have one entry per model output. "
                f"The model has {len(output_names)} outputs, but you passed metrics={metrics}"
            )
        return [list(m) if isinstance(m, (list, tuple)) else to_list(m) for m in metrics]
    if isinstance(metrics, dict):
        return [list(to_list(metrics.get(name, []))) for name in output_names]
    raise TypeError(f"Type of `metrics` argument not understood. Expected a list or dictionary, found: {metrics}")


def batch_shuffle(index_array, batch_size):
    """Shuffles whole batches, which keeps reading from a file in runs; the short last batch stays last.

    Arguments:
        index_array: array of indices.
        batch_size: int.

    Returns:
        Array of the same indices in another order.
    """
    whole = len(index_array) // batch_size * batch_size
    batches = index_array[:whole].reshape(-1, batch_size)
    np.random.shuffle(batches)
    return np.append(batches.reshape(-1), index_array[whole:])


def make_batches(size, batch_size):
    """Cuts a number of samples into batches.

    Arguments:
        size: int, samples.
        batch_size: int; the last batch may be smaller.

    Returns:
        List of tuples `(start, end)`.
    """
    return [(start, min(size, start + batch_size)) for start in range(0, size, batch_size)]


def weighted_masked_objective(fn):
    """Makes a function of one loss or metric that takes weights and a mask into account.

    Arguments:
        fn: function of `(y_true, y_pred)` that returns a value per sample (and step), or None.

    Returns:
        Function of `(y_true, y_pred, weights, mask=None)` that returns a scalar tensor, or None. Masked values count
        nothing and the mean is over what is not masked; with weights the mean is over the weights that are not 0.
    """
    if fn is None:
        return None

    def weighted(y_true, y_pred, weights, mask=None):
        score = fn(y_true, y_pred)
        if mask is not None:
            mask = K.cast(mask, K.floatx())
            score = score * mask
            score = score / K.mean(mask)
        if weights is not None:
            inner = list(range(K.ndim(weights), K.ndim(score)))
            if inner:
                score = K.mean(score, axis=inner)
            score = score * weights
            score = score / K.mean(K.cast(K.not_equal(weights, 0), K.floatx()))
        return K.mean(score)

    return weighted


def check_num_samples(ins, batch_size=None, steps=None, steps_name="steps"):
    """Finds out how many samples there are.

    Arguments:
        ins: list of arrays.
        batch_size: int or None.
        steps: int or None; when given, the number of samples does not matter.
        steps_name: string, name of the argument for messages.

    Returns:
        int, or None when `steps` is given.

    Raises:
        ValueError: when both or neither can be used.
    """
    if steps is not None:
        if batch_size is not None:
            raise ValueError(f"If {steps_name} is set, the `batch_size` must be None, but it is {batch_size}.")
        return None
    for x in ins:
        if hasattr(x, "shape") and not K.is_tensor(x) and len(x.shape):
            return int(x.shape[0])
    raise ValueError(
        f"The input data should have a defined number of samples, or `{steps_name}` should be specified: "
        "no array was passed."
    )


def iter_sequence_infinite(seq):
    """Reads a `Sequence` pass after pass in the caller's own thread.

    Arguments:
        seq: `Sequence`; its `on_epoch_end` is called between two passes.

    Returns:
        Generator of batches without end.
    """
    while True:
        yield from seq
        on_epoch_end = getattr(seq, "on_epoch_end", None)
        if on_epoch_end is not None:
            on_epoch_end()
