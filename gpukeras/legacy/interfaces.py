"""Keras 1 spellings of arguments, accepted with a warning that shows the Keras 2 call.

Each `legacy_*_support` decorates a constructor or a method: it renames old keywords, converts old values and
regroups old positional arguments. The decorated function keeps the plain one as `_original_function`.
"""

import functools
import warnings

import numpy as np

_DIM_ORDERING = {"dim_ordering": {"tf": "channels_last", "th": "channels_first", "default": None}}


def generate_legacy_interface(
    allowed_positional_args=None,
    conversions=None,
    preprocessor=None,
    value_conversions=None,
    object_type="class",
):
    """Makes a decorator that turns a Keras 1 call into the Keras 2 one.

    Arguments:
        allowed_positional_args: list of the names that may be given by position; None for no limit.
        conversions: list of pairs (old keyword, new keyword).
        preprocessor: function `(args, kwargs) -> (args, kwargs, converted)` that runs first.
        value_conversions: dict of old keyword -> dict of old value -> new value.
        object_type: 'class' for a constructor, 'method' for a method; only for the warning.

    Returns:
        The decorator.
    """
    conversions = conversions or []
    value_conversions = value_conversions or {}

    def legacy_support(func):
        """Decorates a constructor or method so that it takes Keras 1 calls too, with a warning."""

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            name = args[0].__class__.__name__ if object_type == "class" else func.__name__
            converted = []
            if preprocessor is not None:
                args, kwargs, converted = preprocessor(args, kwargs)
            if allowed_positional_args is not None:
                _check_positional(name, args, allowed_positional_args)
            for old, values in value_conversions.items():
                # Values that cannot be looked up (lists, arrays) are no old spellings.
                if isinstance(kwargs.get(old), str) and kwargs[old] in values:
                    kwargs[old] = values[kwargs[old]]
            for old, new in conversions:
                if old in kwargs:
                    if new in kwargs:
                        raise TypeError(
                            "%s: got both `%s` (Keras 1) and `%s` (Keras 2), which mean the same; keep the second"
                            % (name, old, new)
                        )
                    kwargs[new] = kwargs.pop(old)
                    converted.append((new, old))
            if converted:
                _warn(name, args, kwargs, converted)
            return func(*args, **kwargs)

        wrapper._original_function = func
        return wrapper

    return legacy_support


def _check_positional(name, args, allowed):
    if len(args) > len(allowed) + 1:
        raise TypeError(
            "%s: takes at most %d positional arguments (%s), got %d: %s; give the others by keyword"
            % (name, len(allowed), ", ".join(allowed), len(args) - 1, ", ".join(_show(a) for a in args[1:]))
        )


def _show(value):
    if isinstance(value, np.ndarray):
        return "array of shape %s" % (value.shape,)
    text = repr(value)
    return text if len(text) <= 60 else "<%s>" % type(value).__name__


def _warn(name, args, kwargs, converted):
    call = [_show(a) for a in args[1:]] + ["%s=%s" % (k, _show(v)) for k, v in kwargs.items()]
    old = ", ".join("`%s`" % o for _, o in converted)
    warnings.warn(
        "%s: %s is Keras 1 spelling. The Keras 2 call is `%s(%s)`" % (name, old, name, ", ".join(call)),
        stacklevel=3,
    )


# ------------------------------------------------------------------------------------------ preprocessors
def embedding_kwargs_preprocessor(args, kwargs):
    """Drops the `dropout` that Embedding had in Keras 1.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.
    """
    if "dropout" in kwargs:
        kwargs.pop("dropout")
        warnings.warn(
            "Embedding: `dropout` is Keras 1 and is ignored; put a SpatialDropout1D layer after it", stacklevel=3
        )
    return args, kwargs, []


def _input_dim_to_shape(kwargs, converted):
    if "input_dim" in kwargs:
        input_dim, input_length = kwargs.pop("input_dim"), kwargs.pop("input_length", None)
        kwargs["input_shape"] = (input_length, input_dim)
        converted.append(("input_shape", "input_dim"))


def _forget_bias(name, kwargs, converted):
    if "forget_bias_init" in kwargs:
        value = kwargs.pop("forget_bias_init")
        if value == "one":
            kwargs["unit_forget_bias"] = True
            converted.append(("unit_forget_bias", "forget_bias_init"))
        else:
            warnings.warn(
                "%s: `forget_bias_init=%r` is Keras 1 and is ignored; Keras 2 knows `unit_forget_bias=True` or False"
                % (name, value),
                stacklevel=4,
            )


def recurrent_args_preprocessor(args, kwargs):
    """Converts `forget_bias_init`, `input_dim` and `input_length` of recurrent layers.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.
    """
    converted = []
    _forget_bias(args[0].__class__.__name__, kwargs, converted)
    _input_dim_to_shape(kwargs, converted)
    return args, kwargs, converted


def conv1d_args_preprocessor(args, kwargs):
    """Converts `input_dim` and `input_length` of one-dimensional convolutions.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.
    """
    converted = []
    _input_dim_to_shape(kwargs, converted)
    return args, kwargs, converted


def _group_kernel_size(args, kwargs, names):
    """Collects kernel sizes given one by one, by position or under `names`, into one tuple."""
    name, n = args[0].__class__.__name__, len(names)
    if len(args) > n + 2:
        raise TypeError(
            "%s: takes at most %d positional arguments (filters and the kernel's sides), got %d; give the others "
            "by keyword" % (name, n + 1, len(args) - 1)
        )
    given = args[2:]
    if not all(isinstance(side, int | np.integer) for side in given):
        return args, kwargs, []
    missing = names[len(given) :]
    if not all(k in kwargs for k in missing) or (not missing and len(given) != n):
        return args, kwargs, []
    mixed = [k for k in ("padding", "strides", "data_format") if k in kwargs]
    if given and not missing and mixed:
        raise ValueError(
            "%s: the kernel's sides %s are given one by one (Keras 1) together with %s (Keras 2); "
            "write kernel_size=%s" % (name, given, ", ".join(mixed), tuple(given))
        )
    size = tuple(given) + tuple(kwargs.pop(k) for k in missing)
    if given:
        args = args[:2] + (size,)
    else:
        kwargs["kernel_size"] = size
    return args, kwargs, [("kernel_size", "/".join(names))]


def conv2d_args_preprocessor(args, kwargs):
    """Converts `nb_row` and `nb_col`, by position or keyword, into `kernel_size`.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.

    Raises:
        TypeError: for more than three positional arguments.
        ValueError: when Keras 2 keywords are mixed in.
    """
    return _group_kernel_size(args, kwargs, ("nb_row", "nb_col"))


def separable_conv2d_args_preprocessor(args, kwargs):
    """Converts `init` into the two initializers, then as `conv2d_args_preprocessor`.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.
    """
    converted = []
    if "init" in kwargs:
        init = kwargs.pop("init")
        kwargs["depthwise_initializer"] = init
        kwargs["pointwise_initializer"] = init
        converted += [("depthwise_initializer", "init"), ("pointwise_initializer", "init")]
    args, kwargs, more = conv2d_args_preprocessor(args, kwargs)
    return args, kwargs, converted + more


def deconv2d_args_preprocessor(args, kwargs):
    """Drops `output_shape`, which is inferred now, then as `conv2d_args_preprocessor`.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.
    """
    converted = []
    if len(args) == 5 and isinstance(args[4], tuple):
        args = args[:-1]
        converted.append((None, "output_shape"))
    if "output_shape" in kwargs:
        kwargs.pop("output_shape")
        converted.append((None, "output_shape"))
    args, kwargs, more = conv2d_args_preprocessor(args, kwargs)
    return args, kwargs, converted + more


def conv3d_args_preprocessor(args, kwargs):
    """Converts `kernel_dim1` to `kernel_dim3`, by position or keyword, into `kernel_size`.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.

    Raises:
        TypeError: for more than four positional arguments.
        ValueError: when Keras 2 keywords are mixed in.
    """
    return _group_kernel_size(args, kwargs, ("kernel_dim1", "kernel_dim2", "kernel_dim3"))


def convlstm2d_args_preprocessor(args, kwargs):
    """Converts `forget_bias_init`, then as `conv2d_args_preprocessor`.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.
    """
    converted = []
    _forget_bias(args[0].__class__.__name__, kwargs, converted)
    args, kwargs, more = conv2d_args_preprocessor(args, kwargs)
    return args, kwargs, converted + more


def batchnorm_args_preprocessor(args, kwargs):
    """Drops `mode=0` of BatchNormalization and refuses the other modes.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.

    Raises:
        TypeError: for positional arguments, whose order changed, and for a mode that is gone.
    """
    if len(args) > 1:
        raise TypeError(
            "BatchNormalization: takes keyword arguments only (their order changed since Keras 1), got %d by position"
            % (len(args) - 1)
        )
    converted = []
    if "mode" in kwargs:
        mode = kwargs.pop("mode")
        if mode != 0:
            raise TypeError("BatchNormalization: `mode=%r` is gone since Keras 2; only mode 0 is left" % (mode,))
        converted.append((None, "mode"))
    return args, kwargs, converted


def zeropadding2d_args_preprocessor(args, kwargs):
    """Converts a `padding` dict of four sides into pairs.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.

    Raises:
        ValueError: for an unknown side.
    """
    sides = kwargs.get("padding")
    if not isinstance(sides, dict):
        return args, kwargs, []
    unknown = set(sides) - {"top_pad", "bottom_pad", "left_pad", "right_pad"}
    if unknown:
        raise ValueError(
            "ZeroPadding2D: unknown sides %s in the padding dict; expected top_pad, bottom_pad, left_pad, right_pad"
            % sorted(unknown)
        )
    kwargs["padding"] = (
        (sides.get("top_pad", 0), sides.get("bottom_pad", 0)),
        (sides.get("left_pad", 0), sides.get("right_pad", 0)),
    )
    return args, kwargs, [("padding", "padding as a dict")]


def generator_methods_args_preprocessor(args, kwargs):
    """Converts `samples_per_epoch`, counted in samples, into `steps_per_epoch`, counted in batches.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.
    """
    if "samples_per_epoch" not in kwargs:
        return args, kwargs, []
    generator = args[1] if len(args) > 1 else kwargs.get("generator")
    samples = kwargs.pop("samples_per_epoch")
    if hasattr(generator, "batch_size"):
        kwargs["steps_per_epoch"] = samples // generator.batch_size
    else:
        kwargs["steps_per_epoch"] = samples
        warnings.warn(
            "`samples_per_epoch` counted samples, `steps_per_epoch` counts batches: %s is taken as the number of "
            "batches, because the generator has no `batch_size`" % (samples,),
            stacklevel=3,
        )
    return args, kwargs, [("steps_per_epoch", "samples_per_epoch")]


def add_weight_args_preprocessing(args, kwargs):
    """Converts `add_weight(shape, name)` by position into keywords.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.
    """
    if len(args) > 1 and isinstance(args[1], tuple | list):
        kwargs["shape"] = args[1]
        args = (args[0],) + args[2:]
        if len(args) > 1 and isinstance(args[1], str):
            kwargs["name"] = args[1]
            args = (args[0],) + args[2:]
    return args, kwargs, []


def get_updates_arg_preprocessing(args, kwargs):
    """Converts `get_updates(params, constraints, loss)` into `get_updates(loss=, params=)`.

    Arguments:
        args: tuple of positional arguments, self first.
        kwargs: dict of keyword arguments.

    Returns:
        Tuple `(args, kwargs, converted)`.

    Raises:
        TypeError: for more arguments than either spelling has.
    """
    if len(args) > 4:
        raise TypeError("get_updates: takes `loss` and `params`, got %d positional arguments" % (len(args) - 1))
    given = args[1:]
    if given and isinstance(given[0], list | tuple):
        # Keras 1: the constraints, which variables carry themselves now, come in the middle.
        kwargs["params"] = given[0]
        kwargs.pop("constraints", None)
        if len(given) == 3:
            kwargs["loss"] = given[2]
        return args[:1], kwargs, [("loss, params", "params, constraints")]
    return args, kwargs, []


# --------------------------------------------------------------------------------------------- decorators
_KERNEL_BIAS = [
    ("W_regularizer", "kernel_regularizer"),
    ("b_regularizer", "bias_regularizer"),
    ("W_constraint", "kernel_constraint"),
    ("b_constraint", "bias_constraint"),
    ("bias", "use_bias"),
]
_CONV_ND = [
    ("nb_filter", "filters"),
    ("subsample", "strides"),
    ("border_mode", "padding"),
    ("dim_ordering", "data_format"),
    ("init", "kernel_initializer"),
] + _KERNEL_BIAS
_DROPOUTS = [("dropout_W", "dropout"), ("dropout_U", "recurrent_dropout")]

legacy_dense_support = generate_legacy_interface(
    ["units"], [("output_dim", "units"), ("init", "kernel_initializer")] + _KERNEL_BIAS
)
legacy_dropout_support = generate_legacy_interface(["rate", "noise_shape", "seed"], [("p", "rate")])
legacy_embedding_support = generate_legacy_interface(
    ["input_dim", "output_dim"],
    [
        ("init", "embeddings_initializer"),
        ("W_regularizer", "embeddings_regularizer"),
        ("W_constraint", "embeddings_constraint"),
    ],
    embedding_kwargs_preprocessor,
)
legacy_pooling1d_support = generate_legacy_interface(
    ["pool_size", "strides", "padding"],
    [("pool_length", "pool_size"), ("stride", "strides"), ("border_mode", "padding")],
)
legacy_prelu_support = generate_legacy_interface(["alpha_initializer"], [("init", "alpha_initializer")])
legacy_gaussiannoise_support = generate_legacy_interface(["stddev"], [("sigma", "stddev")])
legacy_recurrent_support = generate_legacy_interface(
    ["units"],
    [
        ("output_dim", "units"),
        ("init", "kernel_initializer"),
        ("inner_init", "recurrent_initializer"),
        ("inner_activation", "recurrent_activation"),
        ("W_regularizer", "kernel_regularizer"),
        ("b_regularizer", "bias_regularizer"),
        ("U_regularizer", "recurrent_regularizer"),
        *_DROPOUTS,
        ("consume_less", "implementation"),
    ],
    recurrent_args_preprocessor,
    {"consume_less": {"cpu": 0, "mem": 1, "gpu": 2}},
)
legacy_gaussiandropout_support = generate_legacy_interface(["rate"], [("p", "rate")])
legacy_pooling2d_support = generate_legacy_interface(
    ["pool_size", "strides", "padding"],
    [("border_mode", "padding"), ("dim_ordering", "data_format")],
    value_conversions=_DIM_ORDERING,
)
legacy_pooling3d_support = legacy_pooling2d_support
legacy_global_pooling_support = generate_legacy_interface(
    conversions=[("dim_ordering", "data_format")], value_conversions=_DIM_ORDERING
)
legacy_upsampling1d_support = generate_legacy_interface(["size"], [("length", "size")])
legacy_upsampling2d_support = generate_legacy_interface(
    ["size"], [("dim_ordering", "data_format")], value_conversions=_DIM_ORDERING
)
legacy_upsampling3d_support = legacy_upsampling2d_support
legacy_conv1d_support = generate_legacy_interface(
    ["filters", "kernel_size"],
    [
        ("nb_filter", "filters"),
        ("filter_length", "kernel_size"),
        ("subsample_length", "strides"),
        ("border_mode", "padding"),
        ("init", "kernel_initializer"),
    ]
    + _KERNEL_BIAS,
    conv1d_args_preprocessor,
)
legacy_conv2d_support = generate_legacy_interface(
    ["filters", "kernel_size"], _CONV_ND, conv2d_args_preprocessor, _DIM_ORDERING
)
legacy_separable_conv2d_support = generate_legacy_interface(
    ["filters", "kernel_size"],
    [
        ("nb_filter", "filters"),
        ("subsample", "strides"),
        ("border_mode", "padding"),
        ("dim_ordering", "data_format"),
        ("b_regularizer", "bias_regularizer"),
        ("b_constraint", "bias_constraint"),
        ("bias", "use_bias"),
    ],
    separable_conv2d_args_preprocessor,
    _DIM_ORDERING,
)
legacy_deconv2d_support = generate_legacy_interface(
    ["filters", "kernel_size"], _CONV_ND, deconv2d_args_preprocessor, _DIM_ORDERING
)
legacy_conv3d_support = generate_legacy_interface(
    ["filters", "kernel_size"], _CONV_ND, conv3d_args_preprocessor, _DIM_ORDERING
)
legacy_convlstm2d_support = generate_legacy_interface(
    ["filters", "kernel_size"],
    [
        ("nb_filter", "filters"),
        ("subsample", "strides"),
        ("border_mode", "padding"),
        ("dim_ordering", "data_format"),
        ("init", "kernel_initializer"),
        ("inner_init", "recurrent_initializer"),
        ("W_regularizer", "kernel_regularizer"),
        ("U_regularizer", "recurrent_regularizer"),
        ("b_regularizer", "bias_regularizer"),
        ("inner_activation", "recurrent_activation"),
        *_DROPOUTS,
        ("bias", "use_bias"),
    ],
    convlstm2d_args_preprocessor,
    _DIM_ORDERING,
)
legacy_batchnorm_support = generate_legacy_interface(
    [], [("beta_init", "beta_initializer"), ("gamma_init", "gamma_initializer")], batchnorm_args_preprocessor
)
legacy_zeropadding2d_support = generate_legacy_interface(
    ["padding"], [("dim_ordering", "data_format")], zeropadding2d_args_preprocessor, _DIM_ORDERING
)
legacy_zeropadding3d_support = generate_legacy_interface(
    ["padding"], [("dim_ordering", "data_format")], value_conversions=_DIM_ORDERING
)
legacy_cropping2d_support = generate_legacy_interface(
    ["cropping"], [("dim_ordering", "data_format")], value_conversions=_DIM_ORDERING
)
legacy_cropping3d_support = legacy_cropping2d_support
legacy_spatialdropout1d_support = generate_legacy_interface(["rate"], [("p", "rate")])
legacy_spatialdropoutNd_support = generate_legacy_interface(
    ["rate"], [("p", "rate"), ("dim_ordering", "data_format")], value_conversions=_DIM_ORDERING
)
legacy_lambda_support = generate_legacy_interface(["function", "output_shape"])
legacy_generator_methods_support = generate_legacy_interface(
    ["generator", "steps_per_epoch", "epochs"],
    [
        ("samples_per_epoch", "steps_per_epoch"),
        ("val_samples", "steps"),
        ("nb_epoch", "epochs"),
        ("nb_val_samples", "validation_steps"),
        ("nb_worker", "workers"),
        ("pickle_safe", "use_multiprocessing"),
        ("max_q_size", "max_queue_size"),
    ],
    generator_methods_args_preprocessor,
    object_type="method",
)
legacy_model_constructor_support = generate_legacy_interface(conversions=[("input", "inputs"), ("output", "outputs")])
legacy_input_support = generate_legacy_interface(conversions=[("input_dtype", "dtype")])
legacy_add_weight_support = generate_legacy_interface(
    ["name", "shape"], preprocessor=add_weight_args_preprocessing, object_type="method"
)
legacy_get_updates_support = generate_legacy_interface(preprocessor=get_updates_arg_preprocessing, object_type="method")
