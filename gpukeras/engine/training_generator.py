"""The loops of `fit_generator`, `evaluate_generator` and `predict_generator`."""

import contextlib
import warnings

import numpy as np

from ..utils.data_utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence
from ..utils.generic_utils import to_list, unpack_singleton
from ..utils.logs import Logs
from ..utils.progbar import Progbar
from .training_arrays import _number, _Test, callback_metric_names, start_callbacks, val_logs
from .training_utils import _brief, iter_sequence_infinite

__all__ = ["evaluate_generator", "fit_generator", "predict_generator"]


def fit_generator(
    model,
    generator,
    steps_per_epoch=None,
    epochs=1,
    verbose=1,
    callbacks=None,
    validation_data=None,
    validation_steps=None,
    class_weight=None,
    max_queue_size=10,
    workers=1,
    use_multiprocessing=False,
    shuffle=True,
    initial_epoch=0,
):
    """Trains a model on batches from a generator or a `Sequence`; see `Model.fit_generator`.

    Arguments:
        model: compiled `Model`.
        generator: generator or `Sequence` of `(x, y)` or `(x, y, sample_weight)`.
        steps_per_epoch: int, batches per epoch; may be left out for a `Sequence`.
        epochs: int, number of the last epoch.
        verbose: 0, 1 or 2.
        callbacks: list of callbacks.
        validation_data: tuple of arrays, generator or `Sequence`.
        validation_steps: int, batches of a validation generator.
        class_weight: dict from class to weight.
        max_queue_size: int, batches made ahead at most.
        workers: int, threads or processes that make batches; 0 for the caller's thread.
        use_multiprocessing: bool, whether the workers are processes.
        shuffle: bool, whether every epoch reads the batches of a `Sequence` in a random order.
        initial_epoch: int, number of the first epoch, from 0.

    Returns:
        `History`.
    """
    steps_per_epoch = _steps(generator, steps_per_epoch, "steps_per_epoch")
    _warn_of_copies(generator, use_multiprocessing, workers)
    passes = max(0, epochs - initial_epoch)
    reading = {"max_queue_size": max_queue_size, "workers": workers, "use_multiprocessing": use_multiprocessing}
    do_validation = validation_data is not None and not (
        isinstance(validation_data, (tuple, list)) and not validation_data
    )
    model._make_train_function()
    with contextlib.ExitStack() as stack:
        validate, val_arrays = None, None
        if do_validation:
            model._make_test_function()
            validate, val_arrays = _validation(model, validation_data, validation_steps, passes, reading, stack)
        labels = model.metrics_names
        params = {
            "epochs": epochs,
            "steps": steps_per_epoch,
            "verbose": verbose,
            "do_validation": do_validation,
            "metrics": callback_metric_names(labels, do_validation),
        }
        chain, seen = start_callbacks(model, callbacks, verbose, "steps", params, val_arrays)
        batches = stack.enter_context(_reader(generator, steps_per_epoch * passes, shuffle=shuffle, **reading))
        for epoch in range(initial_epoch, epochs):
            for metric in model.stateful_metric_functions:
                metric.reset_states()
            chain.on_epoch_begin(epoch)
            size, finished = 1, True
            for step in range(steps_per_epoch):
                x, y, weights = _train_batch(_next(batches, "steps_per_epoch", steps_per_epoch, step, epoch))
                size = _batch_size(x)
                logs = Logs(batch=step, size=size)
                chain.on_batch_begin(step, logs)
                outs = model.train_on_batch(x, y, sample_weight=weights, class_weight=class_weight)
                logs.update(zip(labels, to_list(outs)))
                chain.on_batch_end(step, logs)
                if seen.stop_training:
                    finished = False
                    break
            logs = Logs()
            if validate is not None and finished:
                logs.update(val_logs(labels, validate(size)))
            chain.on_epoch_end(epoch, logs)
            if seen.stop_training:
                break
        chain.on_train_end()
    return model.history


def _steps(generator, steps, name):
    """The number of batches to read, which a `Sequence` knows itself."""
    if steps is not None:
        if steps <= 0:
            raise ValueError(f"`{name}` must be at least 1, got {steps}.")
        return int(steps)
    if not isinstance(generator, Sequence):
        raise ValueError(
            f"`{name}=None` needs data that know their length, a `keras.utils.Sequence`; a generator does not, so "
            f"specify `{name}`."
        )
    return len(generator)


def _warn_of_copies(generator, use_multiprocessing, workers):
    if use_multiprocessing and workers > 1 and not isinstance(generator, Sequence):
        warnings.warn(
            "Each worker process runs the generator from its start, which may duplicate your data; a "
            "`keras.utils.Sequence` is shared out without repetition.",
            stacklevel=4,
        )


@contextlib.contextmanager
def _reader(generator, total, max_queue_size, workers, use_multiprocessing, shuffle=False):
    """An iterator over the batches of a generator or `Sequence`, with workers or without, stopped at the end."""
    is_sequence = isinstance(generator, Sequence)
    if workers <= 0:
        yield iter_sequence_infinite(generator) if is_sequence else _iterator(generator)
        return
    if is_sequence:
        enqueuer = OrderedEnqueuer(generator, use_multiprocessing=use_multiprocessing, shuffle=shuffle)
    else:
        enqueuer = GeneratorEnqueuer(_iterator(generator), use_multiprocessing=use_multiprocessing)
    # No batch is made that the loop will not ask for.
    enqueuer.limit = total
    enqueuer.start(workers=workers, max_queue_size=max_queue_size)
    try:
        yield enqueuer.get()
    finally:
        enqueuer.stop()


def _iterator(generator):
    if not hasattr(generator, "__next__"):
        raise TypeError(
            f"Expected a generator, an iterator or a `keras.utils.Sequence`, but got {_brief(generator)} "
            f"of type {type(generator).__name__}; use fit/evaluate/predict for arrays."
        )
    return generator


def _next(batches, name, steps, step, epoch=None):
    """The next batch, or an error that says where the generator ended."""
    try:
        return next(batches)
    except StopIteration:
        where = f"{step} of {steps} batches" if epoch is None else f"{step} of {steps} batches of epoch {epoch + 1}"
        raise ValueError(
            f"The generator ended early: it gave {where}. Make it loop without end, or make `{name}` (and `epochs`) "
            "smaller."
        ) from None


def _train_batch(batch):
    """A batch as `(x, y, sample_weight)`."""
    if not hasattr(batch, "__len__") or isinstance(batch, (np.ndarray, dict)) or len(batch) not in (2, 3):
        raise ValueError(
            "Output of generator should be a tuple `(x, y)` or `(x, y, sample_weight)`. Found: " + _shown(batch)
        )
    x, y = batch[0], batch[1]
    return x, y, batch[2] if len(batch) == 3 else None


def _shown(value):
    """What a generator gave, arrays by their shapes."""
    return f"{_brief(value)} ({type(value).__name__})"


def _batch_size(x):
    """The number of samples in a batch; 1 for a model whose data comes from symbolic tensors."""
    if isinstance(x, dict):
        x = next(iter(x.values()), None)
    elif isinstance(x, (list, tuple)):
        x = x[0] if len(x) else None
    if x is None:
        return 1
    if hasattr(x, "shape"):
        size = x.shape[0] if len(x.shape) else None
        return int(size) if isinstance(size, (int, np.integer)) else 1
    return len(x) if hasattr(x, "__len__") else 1


def _validation(model, data, steps, passes, reading, stack):
    """A function of the last batch's size that validates, and the arrays that callbacks may look at."""
    if isinstance(data, Sequence) or hasattr(data, "__next__"):
        steps = _steps(data, steps, "validation_steps")
        batches = stack.enter_context(_reader(data, steps * passes, **reading))

        def validate(_):
            return _evaluate(model, batches, steps, "validation_steps")

        return validate, None
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise ValueError(
            f"`validation_data` should be a tuple `(x, y)` or `(x, y, sample_weight)`. Found: {_shown(data)}"
        )
    x, y, weights = model._standardize_user_data(data[0], data[1], data[2] if len(data) == 3 else None)
    arrays = x + y + weights + model._phase_value("test_function", 0.0)
    tests = {}

    def validate_arrays(size):
        if size not in tests:
            tests.clear()
            tests[size] = _Test(model, model.test_function, arrays, size, None)
        return tests[size].run()

    return validate_arrays, arrays


def evaluate_generator(
    model, generator, steps=None, max_queue_size=10, workers=1, use_multiprocessing=False, verbose=0
):
    """Evaluates a model on batches from a generator or a `Sequence`; see `Model.evaluate_generator`.

    Arguments:
        model: compiled `Model`.
        generator: generator or `Sequence` of `(x, y)` or `(x, y, sample_weight)`.
        steps: int, batches to read; may be left out for a `Sequence`.
        max_queue_size: int, batches made ahead at most.
        workers: int, threads or processes that make batches; 0 for the caller's thread.
        use_multiprocessing: bool, whether the workers are processes.
        verbose: 0 or 1.

    Returns:
        The loss, or a list of the loss and metrics.
    """
    model._make_test_function()
    steps = _steps(generator, steps, "steps")
    _warn_of_copies(generator, use_multiprocessing, workers)
    with _reader(generator, steps, max_queue_size, workers, use_multiprocessing) as batches:
        return unpack_singleton(_evaluate(model, batches, steps, "steps", verbose))


def _evaluate(model, batches, steps, name, verbose=0):
    for metric in model.stateful_metric_functions:
        metric.reset_states()
    last_counts = [label in model.stateful_metric_names for label in model.metrics_names]
    bar = Progbar(target=steps) if verbose == 1 else None
    sums, samples = [], 0
    for step in range(steps):
        x, y, weights = _train_batch(_next(batches, name, steps, step))
        outs = to_list(model.test_on_batch(x, y, sample_weight=weights))
        size = _batch_size(x)
        if size == 0:
            raise ValueError("Received an empty batch. Batches should at least contain one item.")
        if not sums:
            sums = [0.0] * len(outs)
        for i, out in enumerate(outs):
            sums[i] = out if last_counts[i] else sums[i] + _number(out) * size
        samples += size
        if bar is not None:
            bar.update(step + 1)
    return [value if last else value / samples for value, last in zip(sums, last_counts)]


def predict_generator(model, generator, steps=None, max_queue_size=10, workers=1, use_multiprocessing=False, verbose=0):
    """Computes a model's outputs for batches from a generator or a `Sequence`; see `Model.predict_generator`.

    Arguments:
        model: `Model`.
        generator: generator or `Sequence` of `x`, or of tuples that begin with `x`.
        steps: int, batches to read; may be left out for a `Sequence`.
        max_queue_size: int, batches made ahead at most.
        workers: int, threads or processes that make batches; 0 for the caller's thread.
        use_multiprocessing: bool, whether the workers are processes.
        verbose: 0 or 1.

    Returns:
        Array, or list of arrays for several outputs.
    """
    model._make_predict_function()
    steps = _steps(generator, steps, "steps")
    _warn_of_copies(generator, use_multiprocessing, workers)
    bar = Progbar(target=steps) if verbose == 1 else None
    collected = []
    with _reader(generator, steps, max_queue_size, workers, use_multiprocessing) as batches:
        for step in range(steps):
            batch = _next(batches, "steps", steps, step)
            if isinstance(batch, tuple):
                if len(batch) not in (2, 3):
                    raise ValueError(
                        "Output of generator should be a tuple `(x, y, sample_weight)` or `(x, y)`, or x alone. Found: "
                        + _shown(batch)
                    )
                batch = batch[0]
            collected.append(to_list(model.predict_on_batch(batch)))
            if bar is not None:
                bar.update(step + 1)
    if steps == 1:
        return unpack_singleton(collected[0])
    return unpack_singleton([np.concatenate(parts, axis=0) for parts in zip(*collected)])
