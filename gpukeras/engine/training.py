"""`Model`: a network that can be compiled, trained, evaluated and asked for predictions."""

import warnings

import numpy as np

from .. import backend as K
from .. import mixed_precision, optimizers
from ..legacy import interfaces
from ..utils.generic_utils import slice_arrays, to_list, unpack_singleton
from . import training_arrays, training_generator
from .network import Network
from .training_compile import loss_per_output, loss_weight_per_output
from .training_setup import TrainingSetup

__all__ = ["Model"]


class Model(TrainingSetup, Network):
    """A network with a training.

    Made from tensors, `Model(inputs, outputs)`, or by subclassing; see `Network`.

    Example:
        x = Input(shape=(20,))
        y = Dense(1, activation='sigmoid')(x)
        model = Model(x, y)
        model.compile('rmsprop', 'binary_crossentropy', metrics=['accuracy'])
        model.fit(data, labels, epochs=10)
    """

    # What `compile` fills in; here so that a model that was never compiled can be asked too.
    loss = None
    metrics_names = ("loss",)
    stateful_metric_names = ()
    stateful_metric_functions = ()
    stop_training = False
    history = None
    train_function = None
    test_function = None
    predict_function = None

    # -- compile ----------------------------------------------------------------------------------

    def compile(
        self,
        optimizer,
        loss=None,
        metrics=None,
        loss_weights=None,
        sample_weight_mode=None,
        weighted_metrics=None,
        target_tensors=None,
        **kwargs,
    ):
        """Says how the model is to be trained.

        Arguments:
            optimizer: name or instance of an optimizer.
            loss: name or function `(y_true, y_pred)`; for several outputs also a list in their order or a dict by
                name. None when the loss comes from `add_loss` alone.
            metrics: list of names, functions or stateful metric layers; for several outputs also a dict by name or a
                list of one list per output.
            loss_weights: list or dict of the factors with which the outputs' losses enter the total.
            sample_weight_mode: None, or 'temporal' for weights of shape (N, T); list or dict per output.
            weighted_metrics: like `metrics`, but computed with the sample weights.
            target_tensors: tensor, list or dict of tensors to use as targets in place of data given to `fit`.
            **kwargs: passed to `K.function`.

        Raises:
            ValueError: when an argument does not fit the outputs, or there is no loss.
            TypeError: when an argument has the wrong type.
        """
        self.optimizer = optimizers.get(optimizer)
        self.loss = [] if loss is None else loss
        self.metrics = metrics or []
        self.loss_weights = loss_weights
        self.sample_weight_mode = sample_weight_mode
        self.weighted_metrics = weighted_metrics
        self._compile_arguments = {
            "loss": loss,
            "metrics": metrics,
            "loss_weights": loss_weights,
            "sample_weight_mode": sample_weight_mode,
            "weighted_metrics": weighted_metrics,
            "target_tensors": target_tensors,
            **kwargs,
        }
        self._function_kwargs = kwargs
        self.train_function = self.test_function = self.predict_function = None
        self.metrics_names = ["loss"]
        self.metrics_tensors = []
        self.metrics_updates = []
        self.stateful_metric_names = []
        self.stateful_metric_functions = []
        if not self.built or not self.outputs:
            # The rest waits for the first data, which tells the shapes.
            self._is_compiled = False
            return
        if self.optimizer.loss_scale is None and mixed_precision.wants_loss_scale([self]):
            self.optimizer.loss_scale = mixed_precision.LossScale()
        self.loss_functions = loss_per_output(loss, self.output_names)
        self._weight_factors = loss_weight_per_output(loss_weights, self.output_names)
        masks = to_list(self.compute_mask(self.inputs, None), allow_tuple=True)
        self._output_masks = masks if len(masks) == len(self.outputs) else masks * len(self.outputs)
        self._set_targets(target_tensors)
        self._set_sample_weights(sample_weight_mode)
        self._set_total_loss()
        self._set_metrics(metrics, weighted_metrics)
        self._is_compiled = True
        # What training changes is decided now; a later change of `trainable` needs another compile.
        self._collected_trainable_weights = self.trainable_weights

    # -- arrays -----------------------------------------------------------------------------------

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        **kwargs,
    ):
        """Trains the model on arrays.

        Arguments:
            x: array of N samples; for several inputs a list, or a dict by input name. Also HDF5 matrices, data frames,
                SciPy sparse matrices, symbolic tensors; None when the inputs are tensors with data of their own.
            y: targets, likewise.
            batch_size: int, 32 by default; None with `steps_per_epoch`.
            epochs: int, number of the last epoch.
            verbose: 0 for nothing, 1 for a progress bar, 2 for a line per epoch.
            callbacks: list of `Callback` instances.
            validation_split: float from 0 to 1, share of the samples, taken from the end, kept for validation.
            validation_data: tuple `(x, y)` or `(x, y, sample_weight)`; goes before `validation_split`.
            shuffle: bool, or 'batch' to shuffle whole batches (for HDF5).
            class_weight: dict from class number to the weight of its samples; for several outputs a list or dict of
                such dicts.
            sample_weight: array (N,) of weights, or (N, T) with sample_weight_mode='temporal'; likewise a list or dict.
            initial_epoch: int, number of the first epoch, from 0.
            steps_per_epoch: int, steps of an epoch when each takes all of the (symbolic) data.
            validation_steps: int, steps of a validation, with `steps_per_epoch`.
            **kwargs: `nb_epoch`, the old name of `epochs`.

        Returns:
            `History`, whose `history` holds the values of every epoch.

        Raises:
            RuntimeError: when the model is not compiled.
            ValueError: when the data does not fit the model.
            TypeError: for an unknown keyword.
        """
        if "nb_epoch" in kwargs:
            warnings.warn("The `nb_epoch` argument in `fit` has been renamed `epochs`.", stacklevel=2)
            epochs = kwargs.pop("nb_epoch")
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
        if x is None and y is None and steps_per_epoch is None:
            raise ValueError(
                "If fitting from data tensors, you should specify the `steps_per_epoch` argument: "
                "no arrays were passed."
            )
        batch_size = _batch_size(batch_size, steps_per_epoch, (x, y), "steps_per_epoch")
        x, y, weights = self._training_data(x, y, sample_weight, class_weight, batch_size)
        val_ins = None
        if validation_data is not None and not _is_nothing(validation_data):
            val_ins = self._validation_arrays(validation_data, batch_size)
        elif validation_split:
            (x, y, weights), val_ins = _split(x, y, weights, validation_split)
        elif validation_steps:
            val_ins = []
        self._make_train_function()
        val_f = None
        if val_ins is not None:
            self._make_test_function()
            val_f = self.test_function
            val_ins = val_ins + self._phase_value("test_function", 0.0)
        return training_arrays.fit_loop(
            self,
            self.train_function,
            x + y + weights + self._phase_value("train_function", 1.0),
            out_labels=self.metrics_names,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            val_f=val_f,
            val_ins=val_ins,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
        )

    def _validation_arrays(self, data, batch_size):
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            found = f"{len(data)} items" if hasattr(data, "__len__") else f"a {type(data).__name__}"
            raise ValueError(
                "validation_data should be (x_val, y_val) or (x_val, y_val, val_sample_weights), 2 or 3 items, "
                f"however it contains {found}"
            )
        weights = data[2] if len(data) == 3 else None
        x, y, weights = self._training_data(data[0], data[1], weights, batch_size=batch_size, what="validation")
        return x + y + weights

    def evaluate(self, x=None, y=None, batch_size=None, verbose=1, sample_weight=None, steps=None):
        """Computes the loss and metrics over arrays.

        Arguments:
            x: input data, as for `fit`.
            y: target data, as for `fit`.
            batch_size: int, 32 by default; None with `steps`.
            verbose: 0 or 1.
            sample_weight: weights, as for `fit`.
            steps: int, steps when each takes all of the (symbolic) data.

        Returns:
            The loss, or a list of values named by `metrics_names`.

        Raises:
            RuntimeError: when the model is not compiled.
            ValueError: when the data does not fit the model.
        """
        if x is None and y is None and steps is None:
            raise ValueError(
                "If evaluating from data tensors, you should specify the `steps` argument: no arrays were passed."
            )
        batch_size = _batch_size(batch_size, steps, (x, y), "steps")
        x, y, weights = self._training_data(x, y, sample_weight, batch_size=batch_size, what="evaluation")
        self._make_test_function()
        return training_arrays.test_loop(
            self,
            self.test_function,
            x + y + weights + self._phase_value("test_function", 0.0),
            batch_size=batch_size,
            verbose=verbose,
            steps=steps,
        )

    def predict(self, x, batch_size=None, verbose=0, steps=None):
        """Computes the outputs for arrays.

        Arguments:
            x: input data, as for `fit`.
            batch_size: int, 32 by default; None with `steps`.
            verbose: 0 or 1.
            steps: int, steps when each takes all of the (symbolic) data.

        Returns:
            Array of N rows, or a list of them for several outputs.

        Raises:
            ValueError: when the data does not fit the model.
        """
        if type(x) is np.ndarray and steps is None and not verbose and self.predict_function is not None:
            # The common case by the shortest way: one array that makes one batch.
            shapes = self._feed_input_shapes
            if (
                len(shapes) == 1
                and 0 < len(x) <= (batch_size or 32)
                and x.dtype.kind in "fiub"
                and _fits(x.shape, shapes[0])
            ):
                return unpack_singleton(self.predict_function([x] + self._phase_value("predict_function", 0.0)))
        if x is None and steps is None:
            raise ValueError(
                "If predicting from data tensors, you should specify the `steps` argument: no arrays were passed."
            )
        batch_size = _batch_size(batch_size, steps, (x,), "steps")
        x, _, _ = self._standardize_user_data(x)
        if self.stateful and batch_size and x and not K.is_tensor(x[0]) and x[0].shape[0] > batch_size:
            if x[0].shape[0] % batch_size != 0:
                raise ValueError(
                    f"A stateful network takes whole batches only: {x[0].shape[0]} samples cannot be divided "
                    f"into batches of {batch_size}."
                )
        self._make_predict_function()
        if x and steps is None and x[0].shape[0] == 0:
            return unpack_singleton([_empty_result(output) for output in self.outputs])
        ins = x + self._phase_value("predict_function", 0.0)
        return training_arrays.predict_loop(
            self, self.predict_function, ins, batch_size=batch_size, verbose=verbose, steps=steps
        )

    # -- batches ----------------------------------------------------------------------------------

    def train_on_batch(self, x, y, sample_weight=None, class_weight=None):
        """Makes one training step.

        Arguments:
            x: input data, as for `fit`.
            y: target data, as for `fit`.
            sample_weight: weights, as for `fit`.
            class_weight: weights, as for `fit`.

        Returns:
            The loss, or a list of values named by `metrics_names`.

        Raises:
            RuntimeError: when the model is not compiled.
            ValueError: when the data does not fit the model.
        """
        x, y, weights = self._training_data(_evaluated(x), _evaluated(y), sample_weight, class_weight)
        self._make_train_function()
        ins = x + y + weights + self._phase_value("train_function", 1.0)
        return unpack_singleton(self.train_function(ins))

    def test_on_batch(self, x, y, sample_weight=None):
        """Computes the loss and metrics of one batch.

        Arguments:
            x: input data, as for `fit`.
            y: target data, as for `fit`.
            sample_weight: weights, as for `fit`.

        Returns:
            The loss, or a list of values named by `metrics_names`.

        Raises:
            RuntimeError: when the model is not compiled.
            ValueError: when the data does not fit the model.
        """
        x, y, weights = self._training_data(_evaluated(x), _evaluated(y), sample_weight, what="evaluation")
        self._make_test_function()
        ins = x + y + weights + self._phase_value("test_function", 0.0)
        return unpack_singleton(self.test_function(ins))

    def predict_on_batch(self, x):
        """Computes the outputs for one batch.

        Arguments:
            x: input data, as for `fit`.

        Returns:
            Array, or a list of them for several outputs.

        Raises:
            ValueError: when the data does not fit the model.
        """
        # Nothing is cut into batches here, so an input may have rows of its own, as tables and indices do.
        x, _, _ = self._standardize_user_data(_evaluated(x), check_array_lengths=False)
        self._make_predict_function()
        return unpack_singleton(self.predict_function(x + self._phase_value("predict_function", 0.0)))

    # -- generators -------------------------------------------------------------------------------

    @interfaces.legacy_generator_methods_support
    def fit_generator(
        self,
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
        """Trains the model on batches from a generator or a `Sequence`.

        Arguments:
            generator: generator or `Sequence` of `(x, y)` or `(x, y, sample_weight)`; a generator must go on without
                end. A `Sequence` is safe with several workers, a generator in general is not.
            steps_per_epoch: int, batches per epoch; may be left out for a `Sequence`.
            epochs: int, number of the last epoch.
            verbose: 0 for nothing, 1 for a progress bar, 2 for a line per epoch.
            callbacks: list of `Callback` instances.
            validation_data: tuple `(x, y)` or `(x, y, sample_weight)`, generator or `Sequence`.
            validation_steps: int, batches of a validation generator; may be left out for a `Sequence`.
            class_weight: dict from class number to the weight of its samples.
            max_queue_size: int, batches made ahead at most.
            workers: int, threads or processes that make batches; 0 for the caller's thread.
            use_multiprocessing: bool, whether the workers are processes.
            shuffle: bool, whether every epoch reads the batches of a `Sequence` in a random order.
            initial_epoch: int, number of the first epoch, from 0.

        Returns:
            `History`, whose `history` holds the values of every epoch.

        Raises:
            ValueError: when a batch does not fit the model, or the generator ends early.
        """
        return training_generator.fit_generator(
            self,
            generator,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            validation_steps=validation_steps,
            class_weight=class_weight,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
        )

    @interfaces.legacy_generator_methods_support
    def evaluate_generator(
        self, generator, steps=None, max_queue_size=10, workers=1, use_multiprocessing=False, verbose=0
    ):
        """Computes the loss and metrics over batches from a generator or a `Sequence`.

        Arguments:
            generator: generator or `Sequence` of `(x, y)` or `(x, y, sample_weight)`.
            steps: int, batches to read; may be left out for a `Sequence`.
            max_queue_size: int, batches made ahead at most.
            workers: int, threads or processes that make batches; 0 for the caller's thread.
            use_multiprocessing: bool, whether the workers are processes.
            verbose: 0 or 1.

        Returns:
            The loss, or a list of values named by `metrics_names`.

        Raises:
            ValueError: when a batch does not fit the model, or the generator ends early.
        """
        return training_generator.evaluate_generator(
            self,
            generator,
            steps=steps,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            verbose=verbose,
        )

    @interfaces.legacy_generator_methods_support
    def predict_generator(
        self, generator, steps=None, max_queue_size=10, workers=1, use_multiprocessing=False, verbose=0
    ):
        """Computes the outputs for batches from a generator or a `Sequence`.

        Arguments:
            generator: generator or `Sequence` of `x`, or of tuples that begin with `x`.
            steps: int, batches to read; may be left out for a `Sequence`.
            max_queue_size: int, batches made ahead at most.
            workers: int, threads or processes that make batches; 0 for the caller's thread.
            use_multiprocessing: bool, whether the workers are processes.
            verbose: 0 or 1.

        Returns:
            Array, or a list of them for several outputs.

        Raises:
            ValueError: when a batch does not fit the model, or the generator ends early.
        """
        return training_generator.predict_generator(
            self,
            generator,
            steps=steps,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            verbose=verbose,
        )


def _batch_size(batch_size, steps, data, steps_name):
    """The batch size to use: 32 unless given, None when training by steps."""
    if any(map(_has_tensors, data)):
        if steps is None:
            raise ValueError(
                f"Symbolic tensors give batches without end, so you should specify the `{steps_name}` argument, and "
                "no `batch_size`."
            )
    if steps is not None:
        if steps < 1:
            raise ValueError(f"`{steps_name}` must be at least 1, got {steps}.")
        return batch_size
    if batch_size is None:
        return 32
    if int(batch_size) != batch_size or batch_size < 1:
        raise ValueError(f"`batch_size` must be an integer of at least 1, got {batch_size!r}.")
    return int(batch_size)


def _has_tensors(data):
    if isinstance(data, dict):
        return any(K.is_tensor(x) for x in data.values())
    if isinstance(data, (list, tuple)):
        return any(K.is_tensor(x) for x in data)
    return K.is_tensor(data)


def _evaluated(data):
    """Data with its symbolic tensors replaced by their values, computed together."""
    if type(data) is np.ndarray or not _has_tensors(data):
        return data
    keys = list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, (list, tuple)) else None
    if keys is None:
        return K.function([], [data])([])[0]
    symbolic = [key for key in keys if K.is_tensor(data[key])]
    values = dict(zip(symbolic, K.function([], [data[key] for key in symbolic])([])))
    if isinstance(data, dict):
        return {key: values.get(key, data[key]) for key in keys}
    return [values.get(key, data[key]) for key in keys]


def _is_nothing(data):
    return isinstance(data, (tuple, list)) and not data


def _split(x, y, weights, share):
    """The first part of the samples for training, the rest for validation."""
    if not 0.0 < share < 1.0:
        raise ValueError(f"`validation_split` must be a number from 0 to 1 (1 excluded), got {share}.")
    if any(map(K.is_tensor, x + y)):
        raise ValueError(
            "With symbolic tensors as data you cannot use `validation_split`; pass `validation_data` and "
            "`validation_steps`."
        )
    arrays = x + y
    samples = int(arrays[0].shape[0]) if arrays else 0
    split_at = int(samples * (1.0 - share))
    if not 0 < split_at < samples:
        raise ValueError(
            f"`validation_split`={share} of {samples} samples leaves {split_at} for training and "
            f"{samples - split_at} for validation; both need at least one."
        )
    groups = [x, y, weights]
    return (
        tuple(slice_arrays(group, 0, split_at) for group in groups),
        [array for group in groups for array in slice_arrays(group, split_at, samples)],
    )


def _fits(shape, expected):
    """Whether an array of this shape can be fed as it is; the first axis is free."""
    if expected is None or len(shape) != len(expected):
        return False
    for size, wanted in zip(shape[1:], expected[1:]):
        if wanted is not None and size != wanted:
            return False
    return True


def _empty_result(output):
    shape = K.int_shape(output)
    if None in shape[1:]:
        raise ValueError(f"Empty data: cannot tell the shape of the result, as the output's shape is {shape}.")
    return np.empty((0,) + tuple(shape[1:]), dtype=str(K.dtype(output)))
