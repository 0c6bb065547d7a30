"""The loops of `fit`, `evaluate` and `predict` over arrays."""

import numpy as np

from .. import backend as K
from ..callbacks.base import CallbackList
from ..callbacks.loggers import BaseLogger, History, ProgbarLogger
from ..utils.generic_utils import to_list, unpack_singleton
from ..utils.logs import Logs
from ..utils.progbar import Progbar
from .training_batches import Batches, Tally, WholeSteps
from .training_feeds import Feeds
from .training_utils import batch_shuffle, check_num_samples

__all__ = ["fit_loop", "predict_loop", "test_loop"]


def training_feeds(model):
    """The tensors that a model's training and test functions are fed with.

    Arguments:
        model: compiled `Model`.

    Returns:
        List of placeholders, without the learning phase.
    """
    return model._feed_inputs + model._feed_targets + model._feed_sample_weights


def start_callbacks(model, callbacks, verbose, count_mode, params, validation_data):
    """Puts the callbacks of a training together and tells them that it begins.

    Arguments:
        model: `Model`.
        callbacks: list of the user's callbacks, or None.
        verbose: 0, 1 or 2.
        count_mode: 'samples' or 'steps', what the progress bar counts.
        params: dict for `Callback.set_params`.
        validation_data: list of arrays for `Callback.validation_data`, or None.

    Returns:
        Tuple `(CallbackList, the model that callbacks see)`.
    """
    model.history = History()
    chain = [BaseLogger(stateful_metrics=model.stateful_metric_names)]
    if verbose:
        chain.append(ProgbarLogger(count_mode, stateful_metrics=_with_val(model.stateful_metric_names)))
    chain += to_list(callbacks, allow_tuple=True) if callbacks else []
    chain = CallbackList(chain + [model.history])
    # A model that stands in for another (one copy per device) lets callbacks save that one.
    seen = getattr(model, "callback_model", None) or model
    chain.set_model(seen)
    chain.set_params(params)
    seen.stop_training = False
    if validation_data is not None:
        for callback in chain:
            callback.validation_data = validation_data
    chain.on_train_begin()
    return chain, seen


def _with_val(names):
    return list(names) + ["val_" + name for name in names]


def callback_metric_names(labels, do_validation):
    """Names of the values that callbacks find in `logs`.

    Arguments:
        labels: list of the model's metric names.
        do_validation: bool.

    Returns:
        List of names.
    """
    return list(labels) + (["val_" + name for name in labels] if do_validation else [])


def val_logs(labels, values):
    """The values of a validation as callbacks find them.

    Arguments:
        labels: list of the model's metric names.
        values: list of values.

    Returns:
        Dict from 'val_' and the name to the value; floats are Python's, like those of the training.
    """
    return {
        "val_" + name: float(value) if isinstance(value, np.floating) else value for name, value in zip(labels, values)
    }


def fit_loop(
    model,
    f,
    ins,
    out_labels=None,
    batch_size=None,
    epochs=100,
    verbose=1,
    callbacks=None,
    val_f=None,
    val_ins=None,
    shuffle=True,
    callback_metrics=None,
    initial_epoch=0,
    steps_per_epoch=None,
    validation_steps=None,
):
    """Trains a model.

    Arguments:
        model: compiled `Model`.
        f: train function.
        ins: list of arrays for it, in the order of its inputs.
        out_labels: list of the names of its outputs.
        batch_size: int.
        epochs: int, number of the last epoch.
        verbose: 0, 1 or 2.
        callbacks: list of callbacks.
        val_f: test function, or None.
        val_ins: list of arrays for it.
        shuffle: True, False or 'batch' (whole batches keep their samples).
        callback_metrics: list of the names that callbacks find in `logs`.
        initial_epoch: int, number of the first epoch, from 0.
        steps_per_epoch: int, steps that take all of `ins` each; None to go by batches.
        validation_steps: int, steps of the validation.

    Returns:
        `History`.
    """
    do_validation = bool(val_f and (val_ins or validation_steps))
    if validation_steps and steps_per_epoch is None:
        raise ValueError(
            "`validation_steps` goes with `steps_per_epoch`, which is not set; arrays are validated whole."
        )
    samples = check_num_samples(ins, batch_size, steps_per_epoch, "steps_per_epoch")
    if verbose and do_validation and ins and val_ins and hasattr(ins[0], "shape") and hasattr(val_ins[0], "shape"):
        print(f"Train on {ins[0].shape[0]} samples, validate on {val_ins[0].shape[0]} samples")
    labels = model.metrics_names if out_labels is None else out_labels
    known = samples
    if known is None and ins and hasattr(ins[0], "shape") and not K.is_tensor(ins[0]):
        known = ins[0].shape[0]
    params = {
        "batch_size": batch_size,
        "epochs": epochs,
        "steps": steps_per_epoch,
        "samples": known,
        "verbose": verbose,
        "do_validation": do_validation,
        "metrics": callback_metric_names(labels, do_validation) if callback_metrics is None else callback_metrics,
    }
    mode = "samples" if steps_per_epoch is None else "steps"
    chain, seen = start_callbacks(model, callbacks, verbose, mode, params, val_ins or [])
    feeds = Feeds(ins, training_feeds(model))
    validation = _Test(model, val_f, val_ins, batch_size, validation_steps) if do_validation else None
    order = None if samples is None else np.arange(samples)
    for epoch in range(initial_epoch, epochs):
        for metric in model.stateful_metric_functions:
            metric.reset_states()
        chain.on_epoch_begin(epoch)
        if steps_per_epoch is not None:
            batches = WholeSteps(f, feeds, steps_per_epoch)
        else:
            order = _shuffled(order, batch_size, shuffle)
            batches = Batches(f, feeds, order if shuffle else None, samples, batch_size)
        finished = _train_epoch(batches, labels, chain, seen)
        logs = Logs()
        if validation is not None and finished:
            logs.update(val_logs(labels, validation.run()))
        chain.on_epoch_end(epoch, logs)
        if seen.stop_training:
            break
    chain.on_train_end()
    return model.history


def _shuffled(order, batch_size, shuffle):
    """The epoch's order of samples."""
    if shuffle == "batch":
        return batch_shuffle(order, batch_size)
    if shuffle:
        np.random.shuffle(order)
    return order


def _train_epoch(batches, labels, chain, seen):
    """Runs the batches of an epoch; False when a callback stopped it."""
    tally = Tally(chain, labels)
    number, last = 0, len(batches) - 1
    while number <= last:
        # The first and the last one are shown to the loggers as any batch is: they begin and complete the bar.
        if tally.is_enough and 0 < number < last:
            after = tally.run(batches, number, last)
            tally.is_enough = after > number
            number = after
        else:
            logs = Logs(batch=number, size=batches.size(number))
            chain.on_batch_begin(number, logs)
            logs.update(zip(labels, batches.run(number)))
            chain.on_batch_end(number, logs)
            number += 1
        if seen.stop_training:
            return False
    return True


class _Test:
    """An evaluation that can be repeated, its data prepared once.

    Arguments:
        model: compiled `Model`.
        f: test function.
        ins: list of arrays for it.
        batch_size: int.
        steps: int, steps that take all of `ins` each; None to go by batches.
        verbose: 0 or 1.
    """

    def __init__(self, model, f, ins, batch_size, steps, verbose=0):
        self.model, self.f, self.steps, self.verbose = model, f, steps, verbose
        self.samples = check_num_samples(ins or [], batch_size, steps, "steps")
        self.batch_size = batch_size
        self.feeds = Feeds(ins or [], training_feeds(model))

    def run(self):
        """Evaluates.

        Returns:
            List of the loss and metrics.
        """
        for metric in self.model.stateful_metric_functions:
            metric.reset_states()
        last_counts = [name in self.model.stateful_metric_names for name in self.model.metrics_names]
        if self.steps is None:
            total = self.samples
            batches = Batches(self.f, self.feeds, None, self.samples, self.batch_size)
        else:
            total = self.steps
            batches = WholeSteps(self.f, self.feeds, self.steps)
        bar = Progbar(target=total) if self.verbose == 1 else None
        sums, totals = [], np.zeros(len(last_counts))
        number = done = 0
        while number < len(batches):
            after, size = number, batches.size(number)
            if number > 0 and size == batches.size(0):
                totals[:] = [0.0 if last else value for value, last in zip(sums, last_counts)]
                after = batches.add_up(number, len(batches) - (batches.size(len(batches) - 1) != size), totals)
            if after > number:
                sums = [out if last else total for out, last, total in zip(batches.values(), last_counts, totals)]
            else:
                outs = batches.run(number)
                sums = sums or [0.0] * len(outs)
                for i, out in enumerate(outs):
                    sums[i] = out if last_counts[i] else sums[i] + _number(out) * size
                after = number + 1
            done += size * (after - number)
            number = after
            if bar is not None:
                bar.update(done)
        return [value if last else value / total for value, last in zip(sums, last_counts)]


def _number(value):
    """A scalar in double precision, so that sums over many batches keep their digits."""
    return np.float64(value) if np.ndim(value) == 0 else np.asarray(value, dtype="float64")


def test_loop(model, f, ins, batch_size=None, verbose=0, steps=None):
    """Evaluates a model.

    Arguments:
        model: compiled `Model`.
        f: test function.
        ins: list of arrays for it, in the order of its inputs.
        batch_size: int.
        verbose: 0 or 1.
        steps: int, steps that take all of `ins` each; None to go by batches.

    Returns:
        The loss, or a list of the loss and metrics.
    """
    return unpack_singleton(_Test(model, f, ins, batch_size, steps, verbose).run())


# pytest collects functions called test_*, also where they are only imported.
test_loop.__test__ = False


def predict_loop(model, f, ins, batch_size=32, verbose=0, steps=None):
    """Computes a model's outputs.

    Arguments:
        model: `Model`.
        f: predict function.
        ins: list of arrays for it, in the order of its inputs.
        batch_size: int.
        verbose: 0 or 1.
        steps: int, steps that take all of `ins` each; None to go by batches.

    Returns:
        Array, or list of arrays for several outputs.
    """
    feeds = Feeds(ins, model._feed_inputs)
    if steps is not None:
        bar = Progbar(target=steps) if verbose == 1 else None
        collected = []
        for step in range(steps):
            collected.append(f(feeds.whole()))
            if bar is not None:
                bar.update(step + 1)
        return unpack_singleton([np.concatenate(parts, axis=0) for parts in zip(*collected)])
    samples = check_num_samples(ins, batch_size, None, "steps")
    bar = Progbar(target=samples) if verbose == 1 else None
    batches = Batches(f, feeds, None, samples, batch_size)
    outputs, number, count = None, 0, len(batches)
    collects = count > 1
    while number < count:
        after = batches.collect(number) if collects else number
        if after > number:
            outputs = batches.results()
        else:
            collects = False
            outs = batches.run(number)
            start, end = number * batch_size, number * batch_size + batches.size(number)
            if end - start == samples:
                outputs = outs
            else:
                if outputs is None:
                    outputs = [np.empty((samples,) + out.shape[1:], dtype=out.dtype) for out in outs]
                for whole, out in zip(outputs, outs):
                    whole[start:end] = out
            after = number + 1
        number = after
        if bar is not None:
            bar.update(min(number * batch_size, samples))
    return unpack_singleton(list(outputs))
