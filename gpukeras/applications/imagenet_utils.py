"""Images in and class names out, for models trained on ImageNet."""

import json

import numpy as np

from ._shared import modules, resolve_input_shape

__all__ = ["decode_predictions", "preprocess_input"]

_CLASS_INDEX_ORIGIN = "https://s3.amazonaws.com/deep-learning-models/image-models/imagenet_class_index.json"
_CLASS_INDEX_HASH = "c2c37ea517e94d9795004a39431a14cb"
_class_index = None

# What ImageNet's colours are on average: 0 to 255 in the order B G R; 0 to 1 in the order R G B, with deviations.
_CAFFE_MEAN = (103.939, 116.779, 123.68)
_TORCH_MEAN = (0.485, 0.456, 0.406)
_TORCH_STD = (0.229, 0.224, 0.225)


def preprocess_input(x, data_format=None, mode="caffe", **kwargs):
    """Brings images to the form a network was trained with.

    Arguments:
        x: array (also lists or an image of Pillow) or tensor of pixels of 0 to 255, one image of 3 axes or a batch of
            4, colours in the order R G B. A floating-point array is changed in place.
        data_format: 'channels_last', 'channels_first' or None for the configured one.
        mode: 'caffe': colours to B G R, ImageNet's mean subtracted; 'tf': scaled to -1 to 1; 'torch': scaled to 0 to
            1, then ImageNet's mean subtracted and divided by its deviation.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to work with instead of the package's own.

    Returns:
        Array or tensor of the same shape, of a floating-point type.

    Raises:
        ValueError: for an unknown `data_format` or `mode`, or images of other than three colours.
    """
    backend = modules(kwargs).backend
    if data_format is None:
        data_format = backend.image_data_format()
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(f"`data_format` must be 'channels_first' or 'channels_last', got {data_format!r}")
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(f"`mode` must be 'caffe', 'tf' or 'torch', got {mode!r}")
    if isinstance(x, list | tuple) or hasattr(x, "__array_interface__"):
        x = np.asarray(x)
        _check_colours(x.shape, data_format, mode)
        return _preprocess_array(x, data_format, mode, backend.floatx())
    _check_colours(backend.int_shape(x), data_format, mode)
    return _preprocess_tensor(x, data_format, mode, backend)


def _check_colours(shape, data_format, mode):
    if mode == "tf":  # treats all colours alike
        return
    place = -3 if data_format == "channels_first" else -1
    if shape is None or len(shape) < 3 or shape[place] not in (3, None):
        raise ValueError(
            f"preprocess_input: mode={mode!r} needs images of three colours (R, G, B) in data_format={data_format!r}, "
            f"got shape {shape if shape is None else tuple(shape)}; convert grey ones first, e.g. by np.repeat"
        )


def _preprocess_array(x, data_format, mode, floatx):
    if mode == "tf":
        return scaled_to_one(x, 127.5, floatx)
    x = _as_float(x, floatx)
    axis = x.ndim - 3 if data_format == "channels_first" else x.ndim - 1
    if mode == "torch":
        x /= 255.0
        x -= _along(_TORCH_MEAN, x, axis)
        x /= _along(_TORCH_STD, x, axis)
        return x
    x = x[(slice(None),) * axis + (slice(None, None, -1),)]
    x -= _along(_CAFFE_MEAN, x, axis)
    return x


def _as_float(x, floatx):
    return x if np.issubdtype(x.dtype, np.floating) else x.astype(floatx)


def scaled_to_one(x, half, floatx):
    """`x / half - 1`; a floating-point array is changed in place.

    Arguments:
        x: array or tensor.
        half: float, what becomes 0.
        floatx: string, type for integers.

    Returns:
        Array or tensor of the same shape.
    """
    if not isinstance(x, np.ndarray):
        return x / half - 1.0
    x = _as_float(x, floatx)
    x /= half
    x -= 1.0
    return x


def _along(values, x, axis):
    """One value per colour, shaped to meet that axis of `x`."""
    shape = [1] * x.ndim
    shape[axis] = len(values)
    return np.asarray(values, dtype=x.dtype).reshape(shape)


def _preprocess_tensor(x, data_format, mode, backend):
    dtype = backend.dtype(x)
    if not dtype.startswith("float"):
        dtype = backend.floatx()
        x = backend.cast(x, dtype)
    if mode == "tf":
        return scaled_to_one(x, 127.5, dtype)
    rank = backend.ndim(x)
    axis = rank - 3 if data_format == "channels_first" else rank - 1
    shape = [1] * rank
    shape[axis] = 3

    def along(values):
        return backend.constant(np.reshape(values, shape), dtype=dtype)

    if mode == "torch":
        return (x / 255.0 - along(_TORCH_MEAN)) / along(_TORCH_STD)
    x = backend.reverse(x, axes=axis)
    return x - along(_CAFFE_MEAN)


def _obtain_input_shape(input_shape, default_size, min_size, data_format, require_flatten, weights=None):
    """Shape of one image, checked: what networks outside of the package that are built like these call.

    Arguments:
        input_shape: tuple of 3 or None, what the caller asked for.
        default_size: int, the height and width the network was designed for.
        min_size: int, the smallest height and width it can take.
        data_format: 'channels_last' or 'channels_first'.
        require_flatten: bool, whether the size has to be known.
        weights: None, 'imagenet' or a path.

    Returns:
        Tuple of 3.

    Raises:
        ValueError: when `input_shape` cannot be used.
    """
    return resolve_input_shape(
        "The network", input_shape, default_size, min_size, data_format, require_flatten, weights
    )


def decode_predictions(preds, top=5, **kwargs):
    """Names the classes that an ImageNet model finds most likely.

    The names are downloaded at first use.

    Arguments:
        preds: array of shape (N, 1000), what the model predicted.
        top: int, how many classes to name per sample.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to work with instead of the package's own.

    Returns:
        List of N lists of tuples `(WordNet id, name, score)`, the most likely first.

    Raises:
        ValueError: when `preds` has another shape.
    """
    global _class_index
    m = modules(kwargs)
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            "decode_predictions: expected predictions for the 1000 ImageNet classes, of shape (samples, 1000), got "
            f"shape {preds.shape}"
        )
    if _class_index is None:
        path = m.utils.get_file(
            "imagenet_class_index.json", _CLASS_INDEX_ORIGIN, cache_subdir="models", file_hash=_CLASS_INDEX_HASH
        )
        with open(path, encoding="utf-8") as f:
            _class_index = json.load(f)
    results = []
    for scores in preds:
        best = scores.argsort()[-top:][::-1]
        results.append([(*_class_index[str(i)], scores[i]) for i in best])
    return results
