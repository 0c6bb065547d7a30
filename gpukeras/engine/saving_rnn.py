"""Weights of LSTM and GRU layers between Keras 1 files, plain layers and their CuDNN counterparts.

A plain layer holds a kernel of shape (C, gates * U), a recurrent kernel (U, gates * U) and a bias. CuDNN takes every
gate's kernel transposed; its bias comes twice, once for the input and once for the recurrent product.
"""

import numpy as np


def join_gates(kind, weights):
    """Joins the arrays that Keras 1 kept per gate.

    Arguments:
        kind: 'GRU', 'LSTM' or 'ConvLSTM2D'.
        weights: list of arrays: kernel, recurrent kernel, bias of each gate in turn.

    Returns:
        List of three arrays, or `weights` itself when it is no such list.
    """
    if kind == "GRU" and len(weights) == 9:
        gates = (0, 1, 2)
    elif kind in ("LSTM", "ConvLSTM2D") and len(weights) == 12:
        # Keras 1 wrote i, c, f, o; Keras 2 has i, f, c, o.
        gates = (0, 2, 1, 3)
    else:
        return weights
    return [np.concatenate([weights[3 * g + part] for g in gates], axis=-1) for part in range(3)]


def _per_gate(kernels, gates, change):
    return np.hstack([change(k) for k in np.hsplit(kernels, gates)])


def _kernel_to_cudnn(kernel):
    return kernel.T.reshape(kernel.shape)


def _kernel_from_cudnn(kernel):
    return kernel.T.reshape(kernel.shape, order="F")


def _transpose(kernel):
    return kernel.T


def _convert_kernels(weights, gates, to_cudnn):
    change = _kernel_to_cudnn if to_cudnn else _kernel_from_cudnn
    return [_per_gate(weights[0], gates, change), _per_gate(weights[1], gates, _transpose)]


def convert_cudnn(layer, weights):
    """Converts between `LSTM` and `CuDNNLSTM`, `GRU` and `CuDNNGRU`; other weights stay as they are.

    Arguments:
        layer: the layer that takes the weights.
        weights: list of arrays; which kind they come from is read off the bias.

    Returns:
        List of arrays.

    Raises:
        ValueError: for a bias of no known shape, and for GRUs that compute something else.
    """
    kind = layer.__class__.__name__
    if len(weights) != 3:
        return weights
    if kind in ("LSTM", "CuDNNLSTM"):
        return _convert_lstm(kind, layer, weights)
    if kind in ("GRU", "CuDNNGRU"):
        return _convert_gru(kind, layer, weights)
    return weights


def _bad_bias(layer, shape):
    return ValueError(
        "Layer '%s' (%s): the saved bias has shape %s, which no LSTM or GRU of its size has"
        % (layer.name, layer.__class__.__name__, shape)
    )


def _convert_lstm(kind, layer, weights):
    units = np.shape(weights[1])[0]
    bias = np.asarray(weights[2])
    sources = {(4 * units,): "LSTM", (8 * units,): "CuDNNLSTM"}
    source = sources.get(bias.shape)
    if source is None:
        raise _bad_bias(layer, bias.shape)
    if source == kind:
        return weights
    if kind == "LSTM":
        return _convert_kernels(weights, 4, to_cudnn=False) + [bias[: 4 * units] + bias[4 * units :]]
    # Halves add up to the plain bias again.
    return _convert_kernels(weights, 4, to_cudnn=True) + [np.tile(0.5 * bias, 2)]


def _convert_gru(kind, layer, weights):
    units = np.shape(weights[1])[0]
    bias = np.asarray(weights[2])
    sources = {
        (3 * units,): "GRU(reset_after=False)",
        (2, 3 * units): "GRU(reset_after=True)",
        (6 * units,): "CuDNNGRU",
    }
    source = sources.get(bias.shape)
    if source is None:
        raise _bad_bias(layer, bias.shape)
    target = kind if kind == "CuDNNGRU" else "GRU(reset_after=%s)" % bool(getattr(layer, "reset_after", False))
    if source == target:
        return weights
    if "GRU(reset_after=False)" in (source, target):
        raise ValueError(
            "Layer '%s': %s is not compatible with %s: they compute the reset gate at different places; "
            "build the model with GRU(reset_after=%s)"
            % (layer.name, source, target, source != "GRU(reset_after=False)")
        )
    if target == "CuDNNGRU":
        return _convert_kernels(weights, 3, to_cudnn=True) + [bias.reshape(-1)]
    return _convert_kernels(weights, 3, to_cudnn=False) + [bias.reshape((2, -1))]
