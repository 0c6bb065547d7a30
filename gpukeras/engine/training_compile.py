"""The parts of `Model.compile`: from the user's arguments to losses, targets, weights and metrics per output."""

import numbers
import warnings

from .. import backend as K
from .. import losses
from .. import metrics as metrics_module
from .training_utils import weighted_masked_objective


def loss_per_output(loss, output_names):
    """The loss function of every output.

    Arguments:
        loss: None, name, function, dict from output name or list in the outputs' order.
        output_names: list of strings.

    Returns:
        List of functions; None for an output without a loss.

    Raises:
        ValueError: for an unknown output or loss, or a list of the wrong length.
    """
    if isinstance(loss, dict) and "class_name" not in loss:
        _check_names(loss, output_names, "loss")
        for name in output_names:
            if name not in loss:
                warnings.warn(
                    f'Output "{name}" missing from loss dictionary. It is taken to be on purpose, and no data is '
                    f'expected to be passed to "{name}" during training.',
                    stacklevel=3,
                )
        return [losses.get(loss.get(name)) for name in output_names]
    if isinstance(loss, list):
        if len(loss) != len(output_names):
            raise ValueError(
                f"A list of losses should have one entry for each of the {len(output_names)} outputs, got loss={loss}"
            )
        return [losses.get(one) for one in loss]
    function = losses.get(loss)
    return [function] * len(output_names)


def loss_weight_per_output(loss_weights, output_names):
    """The factor of every output's loss.

    Arguments:
        loss_weights: None, list of numbers or scalar tensors, or dict from output name.
        output_names: list of strings.

    Returns:
        List of numbers or tensors, 1 by default.

    Raises:
        ValueError: for an unknown output or a list of the wrong length.
        TypeError: for anything but a list or a dict.
    """
    if loss_weights is None:
        return [1.0] * len(output_names)
    if isinstance(loss_weights, dict):
        _check_names(loss_weights, output_names, "loss_weights")
        return [loss_weights.get(name, 1.0) for name in output_names]
    if isinstance(loss_weights, list):
        if len(loss_weights) != len(output_names):
            raise ValueError(
                f"A list of loss_weights should have one number for each of the {len(output_names)} outputs, got "
                f"loss_weights={loss_weights}"
            )
        return loss_weights
    raise TypeError(
        f"Could not interpret loss_weights argument: {loss_weights!r} - expected a list of numbers in the outputs' "
        "order, or a dict from output name to number."
    )


def given_targets(target_tensors, output_names):
    """The target tensors that the user brings, by output.

    Arguments:
        target_tensors: None, tensor, list with one per output, or dict from output name.
        output_names: list of strings.

    Returns:
        List of tensors; None where the target is to be fed.

    Raises:
        ValueError: for an unknown output or the wrong number of tensors.
        TypeError: for anything else.
    """
    if target_tensors is None or (isinstance(target_tensors, list) and not target_tensors):
        return [None] * len(output_names)
    if isinstance(target_tensors, list):
        if len(target_tensors) != len(output_names):
            # programs, and Keras' own tests, match the words of this message and of the next
            raise ValueError(
                "When passing a list as `target_tensors`, it should have one entry per model output. The model has "
                f"{len(output_names)} outputs, but you passed target_tensors={target_tensors}"
            )
        return target_tensors
    if isinstance(target_tensors, dict):
        _check_names(target_tensors, output_names, "target_tensors")
        return [target_tensors.get(name) for name in output_names]
    if K.is_tensor(target_tensors):
        if len(output_names) != 1:
            raise ValueError(
                f"The model has {len(output_names)} outputs, but you passed a single tensor as `target_tensors`. "
                "Expected a list or a dict of tensors."
            )
        return [target_tensors]
    raise TypeError(
        f"Expected `target_tensors` to be a tensor, or a list or a dict of tensors, got: {target_tensors!r}"
    )


def make_target(name, output):
    """The placeholder for the targets of an output.

    Arguments:
        name: string, the output.
        output: tensor.

    Returns:
        Placeholder of the output's rank and dtype.
    """
    shape = K.int_shape(output)
    return K.placeholder(ndim=len(shape), name=name + "_target", sparse=K.is_sparse(output), dtype=K.dtype(output))


def sample_weight_mode_per_output(modes, output_names, skipped):
    """What kind of sample weights every output takes.

    Arguments:
        modes: None, 'temporal', list or dict from output name.
        output_names: list of strings.
        skipped: set of the indices of outputs that take no weights.

    Returns:
        List of 'temporal' or None.

    Raises:
        ValueError: for an unknown or missing output, or a list of the wrong length.
    """
    if isinstance(modes, dict):
        _check_names(modes, output_names, "sample_weight_mode")
        for i, name in enumerate(output_names):
            if i not in skipped and name not in modes:
                raise ValueError(
                    f'Output "{name}" missing from sample_weight_modes dictionary; give it None or "temporal".'
                )
        modes = [modes.get(name) for name in output_names]
    elif isinstance(modes, list):
        if len(modes) != len(output_names):
            raise ValueError(
                f"A list as sample_weight_mode should have one entry for each of the {len(output_names)} outputs, got "
                f"sample_weight_mode={modes}"
            )
    else:
        modes = [modes] * len(output_names)
    return ["temporal" if mode == "temporal" else None for mode in modes]


def make_sample_weight(name, mode):
    """The placeholder for the sample weights of an output.

    Arguments:
        name: string, the output.
        mode: None or 'temporal'.

    Returns:
        Placeholder of rank 1, or 2 for 'temporal'.
    """
    return K.placeholder(ndim=2 if mode == "temporal" else 1, name=name + "_sample_weights")


def _check_names(by_name, output_names, what):
    for name in by_name:
        if name not in output_names:
            raise ValueError(
                f'Unknown entry in {what} dictionary: "{name}". Only expected the following keys: {output_names}'
            )


def target_shape_for(loss_fn, output):
    """The shape that targets must have for a loss, where that is known.

    Arguments:
        loss_fn: loss function.
        output: tensor the loss looks at.

    Returns:
        Tuple, or None when any shape may be right (functions of the user's own).
    """
    shape = K.int_shape(output)
    if loss_fn is losses.sparse_categorical_crossentropy:
        # One class number in place of the scores of all classes.
        if K.image_data_format() == "channels_first" and len(shape) in (4, 5):
            return (shape[0], 1) + shape[2:]
        return shape[:-1] + (1,)
    name = getattr(loss_fn, "__name__", None)
    return shape if name is not None and getattr(losses, name, None) is loss_fn else None


class Metric:
    """A metric of one output, resolved.

    Arguments:
        metric: name, function or stateful metric layer.
        output: tensor of predictions.
        loss_fn: loss function of the output; decides what 'accuracy' and 'crossentropy' mean.
        weighted: bool, whether the sample weights count.

    Attributes:
        function: the function or layer.
        objective: function of `(y_true, y_pred, weights, mask)` that returns a scalar tensor.
        name: string, before the output's name and a number are added.
    """

    def __init__(self, metric, output, loss_fn, weighted):
        if metric in ("accuracy", "acc"):
            self.function, name = _by_kind(output, loss_fn, "accuracy"), "acc"
        elif metric in ("crossentropy", "ce"):
            self.function, name = _by_kind(output, loss_fn, "crossentropy"), "ce"
        else:
            self.function = metrics_module.get(metric)
            name = getattr(self.function, "name", None) or getattr(self.function, "__name__", None)
            if name is None:
                # functools.partial and callable objects
                inner = getattr(self.function, "func", None)
                name = getattr(inner, "__name__", type(self.function).__name__)
        self.name = ("weighted_" if weighted else "") + name
        self.objective = weighted_masked_objective(self.function)

    @property
    def stateful(self):
        """Whether the metric keeps its value over the batches of an epoch."""
        return bool(getattr(self.function, "stateful", False)) and hasattr(self.function, "reset_states")


def _by_kind(output, loss_fn, suffix):
    """The binary, sparse or categorical variant of a metric, by the output and its loss."""
    if K.int_shape(output)[-1] == 1 or loss_fn is losses.binary_crossentropy:
        return getattr(metrics_module, "binary_" + suffix)
    if loss_fn is losses.sparse_categorical_crossentropy:
        return getattr(metrics_module, "sparse_categorical_" + suffix)
    return getattr(metrics_module, "categorical_" + suffix)


def weighted_sum(total, value, weight):
    """Adds a loss times its weight to a total.

    Arguments:
        total: tensor or None.
        value: tensor.
        weight: number or tensor.

    Returns:
        Tensor.
    """
    if not (isinstance(weight, numbers.Number) and weight == 1):
        value = weight * value
    return value if total is None else total + value
