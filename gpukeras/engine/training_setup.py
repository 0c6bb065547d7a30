"""What `Model` needs before it can run: targets, losses and metrics as tensors, functions, checked data."""

import warnings

import numpy as np

from .. import backend as K
from ..mixed_precision import in_full
from ..utils.generic_utils import to_list
from .training_compile import (
    Metric,
    given_targets,
    make_sample_weight,
    make_target,
    sample_weight_mode_per_output,
    target_shape_for,
    weighted_sum,
)
from .training_utils import (
    check_array_length_consistency,
    check_label_range,
    check_loss_and_target_compatibility,
    collect_metrics,
    standardize_class_weights,
    standardize_input_data,
    standardize_sample_weights,
    standardize_single_array,
    standardize_weights,
    weighted_masked_objective,
)

_NOT_COMPILED = "You must compile a model before training/testing. Use `model.compile(optimizer, loss)`."


class TrainingSetup:
    """The part of `Model` between `compile` and the loops."""

    # Form (shapes and types) of the last batch of plain arrays that passed all checks, and its weights of one.
    _last_form = None
    _last_weights = None

    # -- the graph of the training -----------------------------------------------------------------

    def _set_targets(self, target_tensors):
        given = given_targets(target_tensors, self.output_names)
        self._last_form = None
        self.targets = []
        self._feed_targets = []
        self._feed_outputs = []
        self._feed_output_names = []
        self._feed_output_shapes = []
        self._feed_loss_fns = []
        self._unfed = set()  # indices of outputs whose targets and weights are not fed
        for i, (name, output, loss_fn) in enumerate(zip(self.output_names, self.outputs, self.loss_functions)):
            if loss_fn is None:
                self.targets.append(None)
                self._unfed.add(i)
                continue
            target = make_target(name, in_full(output)) if given[i] is None else given[i]
            self.targets.append(target)
            if not K.is_placeholder(target):
                self._unfed.add(i)
                continue
            self._feed_targets.append(target)
            self._feed_outputs.append(output)
            self._feed_output_names.append(name)
            self._feed_output_shapes.append(target_shape_for(loss_fn, output))
            self._feed_loss_fns.append(loss_fn)

    def _set_sample_weights(self, sample_weight_mode):
        modes = sample_weight_mode_per_output(sample_weight_mode, self.output_names, self._unfed)
        self.sample_weight_modes = [None if i in self._unfed else mode for i, mode in enumerate(modes)]
        self.sample_weights = [
            None if i in self._unfed else make_sample_weight(name, mode)
            for i, (name, mode) in enumerate(zip(self.output_names, modes))
        ]
        self._feed_sample_weights = [w for w in self.sample_weights if w is not None]
        self._feed_sample_weight_modes = [m for i, m in enumerate(modes) if i not in self._unfed]

    def _set_total_loss(self):
        total = None
        with K.name_scope("loss"):
            for i, loss_fn in enumerate(self.loss_functions):
                if loss_fn is None:
                    continue
                with K.name_scope(self.output_names[i] + "_loss"):
                    value = weighted_masked_objective(loss_fn)(
                        self.targets[i], in_full(self.outputs[i]), self.sample_weights[i], self._output_masks[i]
                    )
                if len(self.outputs) > 1:
                    self.metrics_names.append(self.output_names[i] + "_loss")
                    self.metrics_tensors.append(value)
                total = weighted_sum(total, value, self._weight_factors[i])
            for term in self.losses:
                total = term if total is None else _with_term(total, term)
        if total is None:
            raise ValueError(
                "The model cannot be compiled because it has no loss to optimize: pass `loss` to compile(), or add a "
                "term with `add_loss` or a regularizer."
            )
        self.total_loss = total

    def _set_metrics(self, metrics, weighted_metrics):
        plain = collect_metrics(metrics, self.output_names)
        weighted = collect_metrics(weighted_metrics, self.output_names)
        with K.name_scope("metrics"):
            for i, output in enumerate(self.outputs):
                if self.targets[i] is None:
                    continue
                for metric in plain[i]:
                    self._add_metric(i, Metric(metric, output, self.loss_functions[i], False), None)
                for metric in weighted[i]:
                    resolved = Metric(metric, output, self.loss_functions[i], True)
                    self._add_metric(i, resolved, self.sample_weights[i])

    def _add_metric(self, i, metric, weights):
        base = self.output_names[i] + "_" + metric.name if len(self.outputs) > 1 else metric.name
        name, count = base, 1
        while name in self.metrics_names:
            name = f"{base}_{count}"
            count += 1
        with K.name_scope(metric.name):
            value = metric.objective(self.targets[i], in_full(self.outputs[i]), weights, self._output_masks[i])
        self.metrics_names.append(name)
        self.metrics_tensors.append(value)
        if metric.stateful:
            self.stateful_metric_names.append(name)
            self.stateful_metric_functions.append(metric.function)
            self.metrics_updates += metric.function.updates

    # -- functions --------------------------------------------------------------------------------

    def _check_trainable_weights_consistency(self):
        """Warns when `trainable` was changed after `compile`, which has no effect on training."""
        if not hasattr(self, "_collected_trainable_weights"):
            return
        if len(self.trainable_weights) != len(self._collected_trainable_weights):
            warnings.warn(
                "Discrepancy between what is trainable now and what was at `compile`: training keeps to the latter; "
                "compile again after changing `trainable`.",
                UserWarning,
                stacklevel=3,
            )

    def _phase_inputs(self, tensors=()):
        """The learning phase as an input, for a function that depends on it and when it is not fixed."""
        if isinstance(K.learning_phase(), int):
            return []
        if self.uses_learning_phase or any(getattr(t, "_uses_learning_phase", False) for t in tensors):
            return [K.learning_phase()]
        return []

    def _phase_value(self, name, value):
        """The learning phase as a value, when the function of that name has it as an input."""
        return [value] if self._functions_with_phase.get(name) else []

    @property
    def _functions_with_phase(self):
        return self.__dict__.setdefault("_takes_phase", {})

    def _make_train_function(self):
        """Makes `train_function`, which computes loss and metrics of a batch and updates the weights."""
        if not self._is_compiled:
            raise RuntimeError("You must compile your model before using it: " + _NOT_COMPILED)
        self._check_trainable_weights_consistency()
        if self.train_function is not None:
            return
        outputs = [self.total_loss] + self.metrics_tensors
        phase = self._phase_inputs(outputs)
        inputs = self._feed_inputs + self._feed_targets + self._feed_sample_weights + phase
        with K.name_scope("training"), K.name_scope(type(self.optimizer).__name__):
            steps = self.optimizer.get_updates(params=self._collected_trainable_weights, loss=self.total_loss)
        self.train_function = K.function(
            inputs,
            outputs,
            updates=list(self.updates) + self.optimizer.guarded(steps) + self.metrics_updates,
            name="train_function",
            **self._function_kwargs,
        )
        self._functions_with_phase["train_function"] = bool(phase)

    def _make_test_function(self):
        """Makes `test_function`, which computes loss and metrics of a batch."""
        if not self._is_compiled:
            raise RuntimeError("You must compile your model before using it: " + _NOT_COMPILED)
        if self.test_function is not None:
            return
        outputs = [self.total_loss] + self.metrics_tensors
        phase = self._phase_inputs(outputs)
        self.test_function = K.function(
            self._feed_inputs + self._feed_targets + self._feed_sample_weights + phase,
            outputs,
            updates=list(self.state_updates) + self.metrics_updates,
            name="test_function",
            **self._function_kwargs,
        )
        self._functions_with_phase["test_function"] = bool(phase)

    def _make_predict_function(self):
        """Makes `predict_function`, which computes the outputs for a batch."""
        if self.predict_function is not None:
            return
        phase = self._phase_inputs()
        self.predict_function = K.function(
            self._feed_inputs + phase,
            [in_full(x) for x in self.outputs],
            updates=list(self.state_updates),
            name="predict_function",
            **getattr(self, "_function_kwargs", {}),
        )
        self._functions_with_phase["predict_function"] = bool(phase)

    # -- data -------------------------------------------------------------------------------------

    def _set_inputs(self, inputs, outputs=None, training=None):
        """Gives a model that has none yet its inputs and outputs, from data or tensors.

        Arguments:
            inputs: array, tensor, or a list or dict of them.
            outputs: tensors that `call` gave already, or None to call it.
            training: value for `call`'s argument of that name; the learning phase when None.

        Raises:
            ValueError: when the model has inputs, or a Sequential gets several.
        """
        if self.inputs:
            raise ValueError(f"Model inputs are already set: {self.inputs}")
        single = not isinstance(inputs, (list, tuple, dict))
        values = list(inputs.values()) if isinstance(inputs, dict) else to_list(inputs, allow_tuple=True)
        if hasattr(self, "_stack"):
            if len(values) != 1:
                raise ValueError(f"A Sequential model takes one input, but got {len(values)}: {values}")
            self.build((None,) + tuple(K.int_shape(values[0]))[1:])
            return
        tensors, names, fed = [], [], []
        for i, x in enumerate(values):
            name = f"input_{i + 1}"
            if isinstance(inputs, dict):
                name = list(inputs)[i]
            if not K.is_tensor(x):
                x = K.placeholder(shape=(None,) + tuple(np.shape(x))[1:], name=name)
            elif hasattr(x, "_keras_history"):
                name = x._keras_history[0].name
            tensors.append(x)
            names.append(name)
            if K.is_placeholder(x):
                fed.append((x, name))
        self.inputs, self.input_names = tensors, names
        self._feed_inputs = [x for x, _ in fed]
        self._feed_input_names = [name for _, name in fed]
        self._feed_input_shapes = [K.int_shape(x) for x, _ in fed]
        if outputs is None:
            arguments = {}
            if getattr(self, "_expects_training_arg", False):
                arguments["training"] = K.learning_phase() if training is None else training
            outputs = self.call(tensors[0] if single or len(tensors) == 1 else tensors, **arguments)
        self.outputs = to_list(outputs, allow_tuple=True)
        self.output_names = [f"output_{i + 1}" for i in range(len(self.outputs))]
        self.predict_function = None
        self.built = True

    def _ensure_ready(self, x, needs_compile):
        """Builds and compiles what waits for the first data."""
        if needs_compile and self.optimizer is None:
            raise RuntimeError(_NOT_COMPILED)
        if not self.built or not self.inputs:
            if x is None:
                raise ValueError(f"Model '{self.name}' has no inputs yet: it needs data, or build(input_shape).")
            probe = x
            if isinstance(x, (list, tuple)) and len(x) and not hasattr(x[0], "shape"):
                probe = np.asarray(x)
            elif not isinstance(x, (list, tuple, dict)) and not hasattr(x, "shape"):
                raise ValueError(f"Model '{self.name}' needs arrays, but got a {type(x).__name__}: {x!r}")
            self._set_inputs(_with_batch_axis(probe))
        if needs_compile and not self._is_compiled:
            self.compile(self.optimizer, **self._compile_arguments)

    def _standardize_user_data(
        self, x, y=None, sample_weight=None, class_weight=None, check_array_lengths=True, batch_size=None
    ):
        """Checks the user's data and brings it into the order of the functions' inputs.

        Arguments:
            x: input data, as for `fit`.
            y: target data, or None.
            sample_weight: weights, as for `fit`.
            class_weight: weights, as for `fit`.
            check_array_lengths: bool, whether all must have the same number of samples.
            batch_size: int; a stateful model can only take multiples of it.

        Returns:
            Tuple of three lists of arrays: inputs, targets, sample weights.

        Raises:
            RuntimeError: when there are targets and the model is not compiled.
            ValueError: when the data does not fit the model.
        """
        self._ensure_ready(x, needs_compile=y is not None)
        x = standardize_input_data(
            x, self._feed_input_names, self._feed_input_shapes, check_batch_axis=False, exception_prefix="input"
        )
        _check_none_missing(x, self._feed_input_names, "input")
        targets, weights = [], []
        if y is not None or (self._is_compiled and sample_weight is not None):
            names = self._feed_output_names
            targets = standardize_input_data(
                y, names, self._feed_output_shapes, check_batch_axis=False, exception_prefix="target"
            )
            _check_none_missing(targets, names, "target")
            weights = [
                standardize_weights(target, of_samples, of_classes, mode)
                for target, of_samples, of_classes, mode in zip(
                    targets,
                    standardize_sample_weights(sample_weight, names),
                    standardize_class_weights(class_weight, names),
                    self._feed_sample_weight_modes,
                )
            ]
        if check_array_lengths:
            check_array_length_consistency(x, targets, weights)
        if targets:
            check_loss_and_target_compatibility(targets, self._feed_loss_fns, self._feed_output_shapes)
            check_label_range(targets, self._feed_loss_fns, self._feed_outputs, self._feed_output_names)
        if batch_size and self.stateful and x and not K.is_tensor(x[0]) and x[0].shape[0] % batch_size != 0:
            raise ValueError(
                f"A stateful network takes whole batches only: {x[0].shape[0]} samples cannot be divided "
                f"into batches of {batch_size}"
            )
        return x, targets, weights

    def _training_data(self, x, y, sample_weight=None, class_weight=None, batch_size=None, what="training"):
        """`_standardize_user_data` for a step that needs targets, and samples."""
        plain = sample_weight is None and class_weight is None and not batch_size
        form = _form(x, y) if plain else None
        if form is not None and form == self._last_form:
            return self._like_the_last(x, y)
        self._ensure_ready(x, needs_compile=True)
        if y is None and self._feed_output_names:
            raise ValueError(
                f"No targets for {what}: expected `y` with data for the outputs {self._feed_output_names}, "
                "but got None."
            )
        data = self._standardize_user_data(x, y, sample_weight, class_weight, batch_size=batch_size)
        for name, array in zip(self._feed_input_names + self._feed_output_names, data[0] + data[1]):
            if not K.is_tensor(array) and array.shape[0] == 0:
                raise ValueError(f"Empty data: the array for {name} has shape {tuple(array.shape)}, no samples at all.")
        if form is not None and len(data[2]) == 1:
            self._last_form, self._last_weights = form, data[2]
        return data

    def _like_the_last(self, x, y):
        """The data of a batch that has the form of the last one: only its labels are still to be checked."""
        targets = [standardize_single_array(y)]
        check_label_range(targets, self._feed_loss_fns, self._feed_outputs, self._feed_output_names)
        return [standardize_single_array(x)], targets, self._last_weights


def _form(x, y):
    """Shapes and types of a batch of two plain arrays of numbers; None for any other data."""
    if type(x) is np.ndarray and type(y) is np.ndarray and x.dtype.kind in "fiub" and y.dtype.kind in "fiub":
        return x.shape, x.dtype, y.shape, y.dtype
    return None


def _with_batch_axis(data):
    """Arrays of rank 1 get a second axis, as they will when they are fed."""
    if isinstance(data, dict):
        return {key: _with_batch_axis(x) for key, x in data.items()}
    if isinstance(data, (list, tuple)):
        return [_with_batch_axis(x) for x in data]
    if not K.is_tensor(data) and len(data.shape) == 1:
        return np.asarray(data)[:, None]
    return data


def _check_none_missing(arrays, names, prefix):
    missing = [name for name, array in zip(names, arrays) if array is None]
    if missing:
        raise ValueError(f"Error when checking {prefix}: expected data for {missing}, but got None.")


def _with_term(total, term):
    """A loss and a term of `add_loss` or a penalty: a scalar tensor as a rule, but any number or shape may be."""
    if all(K.is_tensor(x) and K.int_shape(x) == () for x in (total, term)) and K.dtype(total) == K.dtype(term):
        # A term that a device made of its rows is nothing where it has none.
        return K.total([total, term])
    return total + term
