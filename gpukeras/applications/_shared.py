"""What all application models have in common: checks of the arguments, their input, their head, their weights."""

import os
import warnings
from collections import namedtuple

Modules = namedtuple("Modules", "backend layers models utils")
Modules.__doc__ = "The four modules a model is built with; callers may hand in others of the same interface."


def modules(kwargs):
    """The modules named in the extra arguments of an application; the package's own where none is named.

    Arguments:
        kwargs: dict, the extra keyword arguments: any of `backend`, `layers`, `models`, `utils`.

    Returns:
        `Modules`.

    Raises:
        TypeError: for any other keyword.
    """
    from .. import backend, layers, models, utils

    unknown = sorted(set(kwargs) - set(Modules._fields))
    if unknown:
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}; extra ones can be {', '.join(Modules._fields)}")
    given = {name: module for name, module in kwargs.items() if module is not None}
    return Modules(**{"backend": backend, "layers": layers, "models": models, "utils": utils, **given})


def check_arguments(name, weights, include_top, pooling, classes):
    """Checks the arguments that mean the same for every model.

    Arguments:
        name: string, the model's, for messages.
        weights: None, 'imagenet' or the path of a file.
        include_top: bool.
        pooling: None, 'avg' or 'max'.
        classes: int.

    Raises:
        ValueError: when one of them, or their combination, is not possible.
    """
    if weights not in (None, "imagenet") and not os.path.exists(weights):
        raise ValueError(
            f"{name}: `weights` must be None (random), 'imagenet' or the path of a file of weights; "
            f"there is no file {weights!r}"
        )
    if weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(
            f"{name}: the ImageNet weights with include_top=True tell 1000 classes apart, got classes={classes!r}; "
            "use include_top=False and put your own head on it, or weights=None"
        )
    if not include_top and pooling not in (None, "avg", "max"):
        raise ValueError(f"{name}: `pooling` must be None, 'avg' or 'max', got {pooling!r}")


def resolve_input_shape(name, input_shape, default_size, min_size, data_format, fixed, weights=None):
    """The shape of one image, checked.

    Arguments:
        name: string, the model's, for messages.
        input_shape: tuple of 3 or None, what the caller asked for.
        default_size: int, the height and width the model was designed for.
        min_size: int, the smallest height and width that leave something after all strides.
        data_format: 'channels_last' or 'channels_first'.
        fixed: bool, whether the head needs the size to be known.
        weights: as for the model; the ImageNet weights need 3 channels and, with `fixed`, the default size.

    Returns:
        tuple of 3, entries int or None.

    Raises:
        ValueError: when `input_shape` cannot be used.
    """
    first = data_format == "channels_first"
    if input_shape is None:
        size = default_size if fixed else None
        return (3, size, size) if first else (size, size, 3)
    input_shape = tuple(input_shape)
    if len(input_shape) != 3:
        order = "(channels, height, width)" if first else "(height, width, channels)"
        raise ValueError(f"{name}: `input_shape` must be {order} without the batch axis, got {input_shape}")
    channels = input_shape[0] if first else input_shape[-1]
    rows, cols = input_shape[1:] if first else input_shape[:-1]
    if weights == "imagenet":
        default = (3, default_size, default_size) if first else (default_size, default_size, 3)
        if fixed and input_shape != default:
            raise ValueError(
                f"{name}: with include_top=True the ImageNet weights need input_shape={default}, got {input_shape}; "
                "use include_top=False for other sizes"
            )
        if channels != 3:
            raise ValueError(
                f"{name}: the ImageNet weights need 3 channels, got input_shape={input_shape} with "
                f"data_format='{data_format}'; use weights=None"
            )
    elif channels not in (1, 3):
        warnings.warn(
            f"{name}: input_shape={input_shape} says images of {channels} channels in data_format='{data_format}'; "
            "images usually have 1 or 3",
            stacklevel=5,
        )
    if any(side is not None and side < min_size for side in (rows, cols)):
        raise ValueError(
            f"{name}: height and width must be at least {min_size}, got input_shape={input_shape} "
            f"with data_format='{data_format}'"
        )
    if fixed and None in input_shape:
        raise ValueError(
            f"{name}: include_top=True needs the height and width, got input_shape={input_shape}; "
            "give numbers, or use include_top=False"
        )
    return input_shape


class Build:
    """The part of building that is the same for every model: arguments in, `Model` out.

    Arguments:
        name: string, the public function's name, for messages.
        include_top: bool, whether the head is part of the model.
        weights: None, 'imagenet' or the path of a file.
        input_tensor: None, a tensor of this package's layers, or any other tensor (which gets an input layer).
        input_shape: tuple of 3 or None, the shape of one image.
        pooling: None, 'avg' or 'max': what follows the last layer when there is no head.
        classes: int.
        kwargs: dict, the modules to build with.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """

    def __init__(self, name, include_top, weights, input_tensor, input_shape, pooling, classes, kwargs):
        self.m = modules(kwargs)
        self.layers = self.m.layers
        self.name = name
        self.include_top = bool(include_top)
        self.weights = weights
        self.input_tensor = input_tensor
        self.input_shape = input_shape
        self.pooling = pooling
        self.classes = classes
        self.inputs = None
        check_arguments(name, weights, include_top, pooling, classes)

    @property
    def axis(self):
        """Axis of the channels in a batch: 3, or 1 with channels_first."""
        return 1 if self.m.backend.image_data_format() == "channels_first" else 3

    @property
    def last_axis(self):
        """Axis of the channels in a batch, counted from the end with channels_last: -1, or 1."""
        return 1 if self.axis == 1 else -1

    def input(self, size, min_size, fixed):
        """The tensor the model's layers start from.

        Arguments:
            size: int, the height and width the model was designed for.
            min_size: int, the smallest height and width it can take.
            fixed: bool, whether the size has to be known when the model is built.

        Returns:
            Tensor.
        """
        layers = self.layers
        self.input_shape = resolve_input_shape(
            self.name, self.input_shape, size, min_size, self.m.backend.image_data_format(), fixed, self.weights
        )
        if self.input_tensor is None:
            self.inputs = layers.Input(shape=self.input_shape)
        elif self.m.backend.is_keras_tensor(self.input_tensor):
            self.inputs = self.input_tensor
        else:
            self.inputs = layers.Input(tensor=self.input_tensor, shape=self.input_shape)
        return self.inputs

    def pool(self, x):
        """`x` after the pooling asked for: N C, or `x` itself when `pooling` is None."""
        if self.pooling == "avg":
            return self.layers.GlobalAveragePooling2D()(x)
        if self.pooling == "max":
            return self.layers.GlobalMaxPooling2D()(x)
        return x

    def head(self, x, name="predictions"):
        """The usual end of a model: mean over the image and one dense layer, or only the pooling asked for."""
        if not self.include_top:
            return self.pool(x)
        x = self.layers.GlobalAveragePooling2D(name="avg_pool")(x)
        return self.layers.Dense(self.classes, activation="softmax", name=name)(x)

    def model(self, name, outputs):
        """The model from its input (or from what `input_tensor` was made of) to `outputs`."""
        inputs = self.inputs
        if self.input_tensor is not None:
            get_source_inputs = getattr(self.m.utils, "get_source_inputs", None)
            if get_source_inputs is None:
                from ..utils.layer_utils import get_source_inputs
            inputs = get_source_inputs(inputs)
        return self.m.models.Model(inputs, outputs, name=name)

    def published(self, name, outputs, folder, file_hash):
        """The model, with the weights asked for; the ImageNet weights are in a file named as most models' are.

        Arguments:
            name: string, the model's.
            outputs: tensor.
            folder: string, address of the folder with the published weights.
            file_hash: string, the file's MD5 check sum; None where none was published.

        Returns:
            `Model`.
        """
        suffix = "" if self.include_top else "_notop"
        origin = f"{folder}{name}_weights_tf_dim_ordering_tf_kernels{suffix}.h5"
        return self.load(self.model(name, outputs), origin, file_hash)

    def load(self, model, origin, file_hash=None, file_name=None):
        """Loads the weights asked for.

        Arguments:
            model: `Model`.
            origin: string, address of the published ImageNet weights.
            file_hash: string, their MD5 check sum; None where none was published.
            file_name: string, their name in the cache; the last part of `origin` when None.

        Returns:
            The model.
        """
        if self.weights == "imagenet":
            file_name = file_name or origin.rsplit("/", 1)[1]
            path = self.m.utils.get_file(file_name, origin, cache_subdir="models", file_hash=file_hash)
            model.load_weights(path)
        elif self.weights is not None:
            model.load_weights(self.weights)
        return model


def correct_pad(b, x, kernel_size):
    """Zeros for ZeroPadding2D before a convolution of stride 2 with padding 'valid', placed as padding 'same' would.

    Arguments:
        b: `Build`.
        x: tensor, N H W C or N C H W; a height or width that is not known counts as even.
        kernel_size: int, odd.

    Returns:
        Pair of pairs of int: `((top, bottom), (left, right))`.
    """
    axis = 2 if b.axis == 1 else 1
    half = kernel_size // 2
    sides = b.m.backend.int_shape(x)[axis : axis + 2]
    return tuple((half - (1 if side is None or side % 2 == 0 else 0), half) for side in sides)


def mobile_input(b, alpha, alphas, sizes, depth_multiplier):
    """Input of the mobile networks, whose ImageNet weights come for several widths and sizes.

    Arguments:
        b: `Build`.
        alpha: float, factor on the number of filters.
        alphas: the factors that have ImageNet weights.
        sizes: the heights and widths that do.
        depth_multiplier: int; the ImageNet weights need 1.

    Returns:
        Pair: the input tensor; the size that names the model and its weights, int or None.

    Raises:
        ValueError: when there are no ImageNet weights for these.
    """
    first = b.axis == 1
    shape = b.input_shape
    default = 224
    if shape is not None and len(shape) == 3:
        rows, cols = tuple(shape)[1:] if first else tuple(shape)[:2]
        if rows == cols and rows in sizes:
            default = rows
    x = b.input(default, 32, fixed=b.include_top)
    rows, cols = b.input_shape[1:] if first else b.input_shape[:2]
    if b.weights != "imagenet":
        return x, rows
    if depth_multiplier != 1:
        raise ValueError(f"{b.name}: the ImageNet weights need depth_multiplier=1, got {depth_multiplier!r}")
    if alpha not in alphas:
        known = ", ".join(str(a) for a in sorted(alphas))
        raise ValueError(f"{b.name}: there are ImageNet weights for alpha in {known}; got {alpha!r}; use weights=None")
    if rows == cols and rows in sizes:
        return x, rows
    if rows is not None or cols is not None:
        warnings.warn(
            f"{b.name}: there are ImageNet weights for square images of {', '.join(map(str, sizes))} pixels, not for "
            f"input_shape={b.input_shape}; those for 224 are loaded",
            stacklevel=3,
        )
    return x, 224
