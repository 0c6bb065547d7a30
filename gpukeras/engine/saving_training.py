"""Training configurations and optimizer states of other Keras versions, in the form of Keras 2.2."""

import inspect
import warnings

import numpy as np

from .. import backend as K
from ..utils.generic_utils import get_custom_objects
from .saving_config import accepted_keywords

_LOSS_FUNCTIONS = {
    "BinaryCrossentropy": "binary_crossentropy",
    "CategoricalCrossentropy": "categorical_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
    "MeanSquaredError": "mean_squared_error",
    "MeanAbsoluteError": "mean_absolute_error",
    "MeanAbsolutePercentageError": "mean_absolute_percentage_error",
    "MeanSquaredLogarithmicError": "mean_squared_logarithmic_error",
    "CosineSimilarity": "cosine_proximity",
    "Hinge": "hinge",
    "SquaredHinge": "squared_hinge",
    "CategoricalHinge": "categorical_hinge",
    "KLDivergence": "kullback_leibler_divergence",
    "KullbackLeiblerDivergence": "kullback_leibler_divergence",
    "LogCosh": "logcosh",
    "Logcosh": "logcosh",
    "Poisson": "poisson",
}
_METRIC_FUNCTIONS = dict(
    _LOSS_FUNCTIONS,
    Accuracy="accuracy",
    BinaryAccuracy="binary_accuracy",
    CategoricalAccuracy="categorical_accuracy",
    SparseCategoricalAccuracy="sparse_categorical_accuracy",
    TopKCategoricalAccuracy="top_k_categorical_accuracy",
    SparseTopKCategoricalAccuracy="sparse_top_k_categorical_accuracy",
)
_RENAMED_FUNCTIONS = {
    "log_cosh": "logcosh",
    "kl_divergence": "kullback_leibler_divergence",
    "cosine_similarity": "cosine_proximity",
}
# Options of later optimizers, with the values that change nothing.
_OPTIMIZER_OPTIONS = {
    "weight_decay": (None, 0, 0.0),
    "use_ema": (False,),
    "momentum": (0, 0.0),
    "centered": (False,),
    "loss_scale_factor": (None,),
    "gradient_accumulation_steps": (None, 1),
}
_IGNORED_OPTIONS = (
    "name",
    "ema_momentum",
    "ema_overwrite_frequency",
    "jit_compile",
    "is_legacy_optimizer",
    "initial_accumulator_value",
)
# What each optimizer keeps per weight, under all the names it goes by, in Keras 2.2's order.
_SLOTS = {
    "SGD": (("m", "momentum", "moment"),),
    "RMSprop": (("rms", "velocity"),),
    "Adagrad": (("accumulator",),),
    "Adadelta": (("accum_grad", "accumulated_grad"), ("accum_var", "accumulated_delta_var")),
    "Adam": (("m", "momentum"), ("v", "velocity"), ("vhat", "velocity_hat")),
    "Adamax": (("m",), ("v", "u")),
    "Nadam": (("m", "momentum"), ("v", "velocity")),
}
#: Names of what a loss scale keeps, in their order; it follows the optimizer's own state.
_LOSS_SCALE = ("loss_scale", "good_steps")


def normalize_training_config(config, output_names, custom_objects=None):
    """Rewrites the training configuration of any Keras version as one of Keras 2.2.

    Arguments:
        config: dict, the `training_config` of a file.
        output_names: list of str, the model's outputs.
        custom_objects: dict of the caller's objects; what they name is left alone.

    Returns:
        dict with `optimizer_config` and the arguments of `compile`.
    """
    custom = dict(get_custom_objects())
    custom.update(custom_objects or {})
    out = {
        "optimizer_config": normalize_optimizer(config["optimizer_config"], custom),
        "loss": _each(config.get("loss"), lambda value: _loss(value, custom)),
        "sample_weight_mode": config.get("sample_weight_mode"),
        "loss_weights": config.get("loss_weights"),
    }
    for key in ("metrics", "weighted_metrics"):
        out[key] = _metrics(config.get(key), output_names, out["loss"], custom)
    return out


def _each(value, convert):
    """Converts a value, or every one in a list or in a dict by output name."""
    if isinstance(value, list | tuple):
        return [_each(v, convert) for v in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {k: _each(v, convert) for k, v in value.items()}
    return convert(value)


def _loss(value, custom):
    if isinstance(value, str):
        return value if value in custom else _RENAMED_FUNCTIONS.get(value, value)
    if not isinstance(value, dict) or value["class_name"] in custom:
        return value
    name, config = value["class_name"].rsplit(">", 1)[-1], value.get("config") or {}
    if name == "function" and isinstance(value.get("config"), str):
        return value["config"]
    if name == "LossFunctionWrapper":
        return config.get("fn", config.get("name"))
    if name not in _LOSS_FUNCTIONS:
        return value
    if config.get("from_logits") or config.get("label_smoothing"):
        from . import saving_losses

        return saving_losses.from_options(name, config)
    return _LOSS_FUNCTIONS[name]


def _metric(value, output_name, loss, custom):
    """A metric's function name; None for one that has no counterpart."""
    if isinstance(value, str):
        return value if value in custom else _RENAMED_FUNCTIONS.get(value, value)
    if not isinstance(value, dict) or value["class_name"] in custom:
        return value
    name, config = value["class_name"].rsplit(">", 1)[-1], value.get("config") or {}
    if name == "MeanMetricWrapper":
        fn = config.get("fn", config.get("name"))
        if isinstance(fn, dict):
            fn = fn.get("config")
        short = str(config.get("name", ""))
        if output_name and short.startswith(output_name + "_"):
            short = short[len(output_name) + 1 :]
        # 'accuracy' stands for the function that fits the loss: keep the name that the log had.
        if short in ("acc", "accuracy") and isinstance(loss, str):
            return short
        return _RENAMED_FUNCTIONS.get(fn, fn)
    if name in _METRIC_FUNCTIONS:
        return _METRIC_FUNCTIONS[name]
    warnings.warn(
        "The metric %s (%s) of this file is not known here and is left out; pass it in custom_objects to keep it"
        % (config.get("name", name), name),
        stacklevel=2,
    )
    return None


def _metrics(value, output_names, loss, custom):
    if not value:
        return [] if value is None else value
    if isinstance(value, list | tuple) and all(isinstance(v, list | tuple) for v in value):
        # tf.keras: one list per output.
        value = dict(zip(output_names, value, strict=False))
        if len(output_names) == 1:
            value = value[output_names[0]]
    if isinstance(value, dict) and "class_name" not in value:
        found = {}
        for name, metrics in value.items():
            its_loss = loss.get(name) if isinstance(loss, dict) else loss
            metrics = metrics if isinstance(metrics, list | tuple) else [metrics]
            found[name] = [m for m in (_metric(v, name, its_loss, custom) for v in metrics) if m is not None]
            if len(found[name]) == 1 and not isinstance(value[name], list | tuple):
                found[name] = found[name][0]
        return found
    value = value if isinstance(value, list | tuple) else [value]
    return [m for m in (_metric(v, None, loss, custom) for v in value) if m is not None]


def normalize_optimizer(value, custom):
    """Rewrites an optimizer's config.

    Arguments:
        value: dict `{'class_name', 'config'}`.
        custom: dict of custom objects by name.

    Returns:
        dict `{'class_name', 'config'}`.
    """
    from .. import optimizers

    name = value["class_name"]
    if name in custom or not isinstance(value.get("config"), dict):
        return value
    name = name.rsplit(">", 1)[-1]
    cls = getattr(optimizers, name, None)
    if not inspect.isclass(cls):
        return {"class_name": name, "config": value["config"]}
    taken = accepted_keywords(cls) | {"clipnorm", "clipvalue"}
    config = {}
    for key, setting in value["config"].items():
        if key == "learning_rate":
            key, setting = "lr", _constant_rate(name, setting)
        elif key == "global_clipnorm":
            key = "clipnorm"
        elif key == "clipnorm" and setting is not None and "name" in value["config"]:
            warnings.warn(
                "%s was saved with clipnorm=%r, which later versions apply to each weight alone and this one to all "
                "gradients together" % (name, setting),
                stacklevel=2,
            )
        if key in ("clipnorm", "clipvalue"):
            if setting is not None:
                config[key] = setting
        elif key in taken and key not in ("name", "dtype", "trainable"):
            config[key] = setting
        elif key in _OPTIMIZER_OPTIONS:
            if setting not in _OPTIMIZER_OPTIONS[key]:
                warnings.warn(
                    "%s was saved with %s=%r, which is not known here and is left out" % (name, key, setting),
                    stacklevel=2,
                )
        elif key not in _IGNORED_OPTIONS:
            config[key] = setting
    if name == "Nadam" and "decay" in config:
        config.setdefault("schedule_decay", config.pop("decay"))
    return {"class_name": name, "config": config}


def _constant_rate(name, rate):
    if not isinstance(rate, dict):
        return rate
    inner = rate.get("config") or {}
    start = inner.get("initial_learning_rate", 0.01)
    warnings.warn(
        "%s was saved with a learning rate schedule (%s), which is not known here: the rate is its initial %s; use the "
        "LearningRateScheduler callback" % (name, rate.get("class_name"), start),
        stacklevel=2,
    )
    return start


def _split_name(name):
    """The slot that an optimizer weight's name says: 'iterations', 'm', 'v', ... or None."""
    parts = name.split(":")[0].split("/")
    last = parts[-1]
    if last in ("iteration", "iterations", "iter"):
        return "iterations"
    if last in ("learning_rate", "momentum_cache", "m_schedule"):
        return "other"
    slots = {alias for groups in _SLOTS.values() for group in groups for alias in group}
    # tf.keras before 2.11 and its legacy optimizers put the slot last, the later ones second, Keras 3 as a suffix.
    if last in slots:
        return last
    if len(parts) > 2 and parts[1] in slots:
        return parts[1]
    found = [s for s in slots if last.endswith("_" + s)]
    return max(found, key=len) if found else None


def arrange_optimizer_weights(optimizer, names, values, parameters=None):
    """Puts the saved weights of an optimizer into the order of this one's.

    Arguments:
        optimizer: the optimizer, with its weights made.
        names: list of str, names in the file.
        values: list of arrays.
        parameters: list of str, names of the trained weights, for a file that keeps states in the order of these
            names (Keras before 2.0.6); None for one that has them in the model's order.

    Returns:
        List of arrays, as many and of the shapes that the optimizer has, or None when they do not fit.
    """
    scale = getattr(getattr(optimizer, "loss_scale", None), "weights", [])
    own = dict(zip(_LOSS_SCALE, scale))
    kept = []
    for name, value in zip(names, values, strict=True):
        word = _loss_scale_word(name)
        if word is None:
            kept.append((name, value))
        elif word in own:
            own[word] = np.asarray(value)
    variables = optimizer.weights[: len(optimizer.weights) - len(scale)]
    arranged = _arrange(optimizer, variables, [n for n, _ in kept], [v for _, v in kept], parameters)
    if arranged is None:
        return None
    return arranged + [v if isinstance(v, np.ndarray) else K.get_value(v) for v in own.values()]


def _loss_scale_word(name):
    last = name.split(":")[0].split("/")[-1]
    return next((word for word in _LOSS_SCALE if last.startswith(word)), None)


def _arrange(optimizer, variables, names, values, parameters):
    kind = optimizer.__class__.__name__
    shapes = [tuple(w.shape) for w in variables]
    slots = [_split_name(n) for n in names]
    if kind in _SLOTS:
        # Nadam's schedule, which later versions keep, follows from the step count.
        values = [value for value, slot in zip(values, slots, strict=True) if slot != "other"]
        slots = [slot for slot in slots if slot != "other"]
    if kind not in _SLOTS or None in slots:
        # Named by Keras 2, by us or by a custom optimizer: the order is this one's already, but Keras 2.3 keeps a step
        # count with every optimizer.
        counted = slots[:1] == ["iterations"]
        if parameters:
            values = values[:counted] + _unsorted(values[counted:], parameters)
        for candidate in (values, values[1:] if counted else values):
            candidate = _fill(kind, list(candidate), shapes)
            if [tuple(np.shape(v)) for v in candidate] == shapes:
                return candidate
        return None
    groups = {}
    for value, slot in zip(values, slots, strict=True):
        groups.setdefault(slot, []).append(value)
    order = [next((groups[a] for a in aliases if a in groups), []) for aliases in _SLOTS[kind]]
    found = [v for group in order for v in group]
    if variables and variables[0] is getattr(optimizer, "iterations", None):
        found = [np.asarray(v) for v in groups.get("iterations", [])[:1]] + found
    found = _fill(kind, found, shapes)
    return found if [tuple(np.shape(v)) for v in found] == shapes else None


def _unsorted(values, parameters):
    """States from the order of the weights' names to that of the model, slot by slot."""
    order = sorted(range(len(parameters)), key=parameters.__getitem__)
    if len(values) % len(order):
        return values
    out = []
    for start in range(0, len(values), len(order)):
        slot = [None] * len(order)
        for value, place in zip(values[start : start + len(order)], order, strict=True):
            slot[place] = value
        out += slot
    return out


def parameter_names(model, saved):
    """Names that a model's trained weights had in the program that wrote a file.

    Arguments:
        model: the model, loaded from the file.
        saved: list of lists of str, the names of the weights of each layer in the file, for layers with weights.

    Returns:
        List of str, in the order of `model.trainable_weights`.
    """
    found = {}
    for layer, names in zip([layer for layer in model.layers if layer.weights], saved):
        found.update((id(weight), name) for weight, name in zip(layer.weights, names))
    return [found.get(id(weight), weight.name) for weight in model.trainable_weights]


def _fill(kind, values, wanted):
    """Adds what other versions leave out.

    That is all slots before the first step, the moments of plain SGD, and the placeholders of Adam without amsgrad.
    """
    missing = wanted[len(values) :]
    counters = int(wanted[:1] == [()])
    if kind in _SLOTS and (len(values) == counters or (kind == "Adam" and all(s == (1,) for s in missing))):
        return values + [np.zeros(s, dtype="float32") for s in missing]
    return values
