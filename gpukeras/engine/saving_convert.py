"""Weights saved by another version, backend or kind of layer, turned into those a layer expects."""

import numpy as np

from ..utils.conv_utils import convert_kernel
from .saving_rnn import convert_cudnn, join_gates

_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D")
# Whether a backend's convolution is a correlation (kernels as they are) or a true convolution (kernels flipped).
_CORRELATES = {"tensorflow": True, "cntk": True, "theano": False}


def preprocess_weights_for_loading(layer, weights, original_keras_version=None, original_backend=None, reshape=False):
    """Turns the weights that a file holds for a layer into those that the layer takes.

    Covers files of Keras 1 (other kernel orders, one array per gate), of Theano (flipped kernels), `LSTM` and
    `GRU` against `CuDNNLSTM` and `CuDNNGRU` in both directions, all of these inside wrappers and nested models.

    Arguments:
        layer: the layer, built.
        weights: list of arrays from the file.
        original_keras_version: str, version that wrote the file.
        original_backend: str, backend that wrote the file.
        reshape: bool, give arrays of the right size but another shape the layer's shape.

    Returns:
        List of arrays.

    Raises:
        ValueError: when the weights come from an incompatible kind of layer.
    """
    weights = list(weights)
    origin = (original_keras_version, original_backend, reshape)
    kind = layer.__class__.__name__
    if kind == "Bidirectional":
        half = len(weights) // 2
        weights = preprocess_weights_for_loading(
            layer.forward_layer, weights[:half], *origin
        ) + preprocess_weights_for_loading(layer.backward_layer, weights[half:], *origin)
    elif kind == "TimeDistributed":
        weights = preprocess_weights_for_loading(layer.layer, weights, *origin)
    elif _is_model(layer):
        weights = _convert_model(layer, weights, origin)
    elif weights:
        if _major(original_keras_version) == 1:
            weights = _from_keras1(layer, kind, weights)
        weights = _convert_convolution(layer, kind, weights, original_backend, reshape)
        weights = convert_cudnn(layer, weights)
        if reshape:
            weights = _reshaped(layer, weights)
    return weights


def _major(version):
    text = str(version or "")
    return int(text.split(".")[0]) if text[:1].isdigit() else None


def _is_model(layer):
    from .network import Network

    return isinstance(layer, Network)


def _convert_model(model, weights, origin):
    """Converts layer by layer; a model lists all trainable weights first, whichever layer they belong to."""
    if len(weights) == len(model.weights):
        place = {}
        for i, w in enumerate(model.weights):
            place.setdefault(id(w), i)
        converted = list(weights)
        for layer in model.layers:
            places = [place[id(w)] for w in layer.weights]
            new = preprocess_weights_for_loading(layer, [weights[i] for i in places], *origin)
            for i, value in zip(places, new, strict=True):
                converted[i] = value
        return converted
    # Keras 1 kept one array per gate: the counts tell where each layer's arrays end.
    converted, at = [], 0
    for layer in model.layers:
        count = _count_in_keras1(layer)
        converted += preprocess_weights_for_loading(layer, weights[at : at + count], *origin)
        at += count
    return converted


def _count_in_keras1(layer):
    kind = layer.__class__.__name__
    if kind in ("LSTM", "ConvLSTM2D"):
        return 12
    if kind == "GRU":
        return 9
    if kind == "Bidirectional":
        return _count_in_keras1(layer.forward_layer) + _count_in_keras1(layer.backward_layer)
    if kind == "TimeDistributed":
        return _count_in_keras1(layer.layer)
    if _is_model(layer):
        return sum(_count_in_keras1(inner) for inner in layer.layers)
    return len(layer.weights)


def _from_keras1(layer, kind, weights):
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    kernel = np.asarray(weights[0])
    if kind == "Conv1D" and kernel.ndim == 4:
        # Kept as a two-dimensional kernel of width 1; before Keras 1.1 with the filters in front.
        if kernel.shape[:2] != (layer.kernel_size[0], 1) or kernel.shape[3] != layer.filters:
            kernel = np.transpose(kernel, (2, 3, 1, 0))
        weights[0] = kernel[:, 0, :, :]
    elif kind == "Conv2D" and channels_first:
        weights[0] = np.transpose(kernel, (2, 3, 1, 0))
    elif kind == "Conv2DTranspose":
        weights[0] = np.transpose(kernel, (2, 3, 0, 1) if channels_first else (0, 1, 3, 2))
    elif kind == "Conv3D" and channels_first:
        weights[0] = np.transpose(kernel, (2, 3, 4, 1, 0))
    elif kind in ("GRU", "LSTM", "ConvLSTM2D"):
        if kind == "ConvLSTM2D" and channels_first and kernel.shape[:2] != tuple(layer.weights[0].shape[:2]):
            # Filters in front, as Theano had them.
            weights = [np.transpose(w, (2, 3, 1, 0)) if np.ndim(w) == 4 else w for w in weights]
        weights = join_gates(kind, weights)
    return weights


def _convert_convolution(layer, kind, weights, backend, reshape):
    if kind not in _CONVOLUTIONS:
        return weights
    kernels = 2 if kind == "ConvLSTM2D" else 1
    if _CORRELATES.get(backend, True) is False:
        weights[:kernels] = [convert_kernel(w) for w in weights[:kernels]]
    wanted = tuple(layer.weights[0].shape)
    kernel = np.asarray(weights[0])
    if wanted != kernel.shape and not reshape and kernel.ndim == 4:
        # Early files hold kernels with the channels in front.
        if np.transpose(kernel, (3, 2, 0, 1)).shape == wanted:
            weights[:kernels] = [np.transpose(w, (3, 2, 0, 1)) for w in weights[:kernels]]
    return weights


def _reshaped(layer, weights):
    out = []
    for variable, value in zip(layer.weights, weights, strict=False):
        wanted = tuple(variable.shape)
        if np.shape(value) != wanted:
            if np.size(value) != int(np.prod(wanted)):
                raise ValueError(
                    "Layer '%s': cannot reshape saved weights of shape %s to %s (%s): the number of values differs"
                    % (layer.name, np.shape(value), wanted, variable.name)
                )
            value = np.reshape(value, wanted)
        out.append(value)
    return out + weights[len(out) :]
