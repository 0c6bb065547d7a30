"""Arguments and output lengths of convolutions."""

import numpy as np

_PADDINGS = ("same", "valid", "full", "causal")


def normalize_tuple(value, n, name):
    """Turns an int or a sequence of ints into a tuple of `n` ints.

    Arguments:
        value: int or iterable of `n` ints.
        n: int, the length wanted.
        name: str, the argument's name for the message, such as 'strides'.

    Returns:
        Tuple of `n` ints.

    Raises:
        ValueError: when `value` is neither.
    """
    if isinstance(value, int | np.integer):
        return (int(value),) * n
    message = "%s: expected an int or %d ints, got %r" % (name, n, value)
    try:
        values = tuple(value)
    except TypeError:
        raise ValueError(message) from None
    if len(values) != n:
        raise ValueError(message)
    try:
        return tuple(int(v) for v in values)
    except (TypeError, ValueError):
        raise ValueError(message + ", not all of which are ints") from None


def normalize_padding(value):
    """Lower-cases a padding mode and checks it.

    Arguments:
        value: str, 'valid', 'same' or 'causal', any case.

    Returns:
        The mode in lower case.

    Raises:
        ValueError: for any other value.
    """
    padding = value.lower() if isinstance(value, str) else value
    if padding not in ("valid", "same", "causal"):
        raise ValueError(
            "padding: expected 'valid', 'same' or (one-dimensional convolutions only) 'causal', got %r" % (value,)
        )
    return padding


def convert_kernel(kernel):
    """Flips a convolution kernel in its spatial axes, as files of Theano models need.

    Arguments:
        kernel: array of rank 3, 4 or 5, spatial axes first, then input and output channels.

    Returns:
        A flipped copy, same shape.

    Raises:
        ValueError: for another rank.
    """
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ValueError("Invalid kernel shape: expected 3 to 5 axes, got shape %s" % (kernel.shape,))
    flip = (slice(None, None, -1),) * (kernel.ndim - 2)
    return np.copy(kernel[flip])


def conv_output_length(input_length, filter_size, padding, stride, dilation=1):
    """Length of a convolution's output along one axis.

    Arguments:
        input_length: int, or None when unknown.
        filter_size: int.
        padding: 'same', 'valid', 'full' or 'causal'.
        stride: int.
        dilation: int, spacing of the filter's taps.

    Returns:
        int, or None when the input length is unknown.
    """
    if input_length is None:
        return None
    assert padding in _PADDINGS, "padding must be one of %s, got %r" % (_PADDINGS, padding)
    span = filter_size + (filter_size - 1) * (dilation - 1)
    length = {
        "same": input_length,
        "causal": input_length,
        "valid": input_length - span + 1,
        "full": input_length + span - 1,
    }[padding]
    return (length + stride - 1) // stride


def conv_input_length(output_length, filter_size, padding, stride):
    """Length of the input that a convolution's output length came from, along one axis.

    Arguments:
        output_length: int, or None when unknown.
        filter_size: int.
        padding: 'same', 'valid' or 'full'.
        stride: int.

    Returns:
        int, or None when the output length is unknown.
    """
    if output_length is None:
        return None
    assert padding in ("same", "valid", "full"), "padding must be 'same', 'valid' or 'full', got %r" % (padding,)
    pad = {"same": filter_size // 2, "valid": 0, "full": filter_size - 1}[padding]
    return (output_length - 1) * stride - 2 * pad + filter_size


def deconv_length(dim_size, stride_size, kernel_size, padding, output_padding, dilation=1):
    """Length of a transposed convolution's output along one axis.

    Arguments:
        dim_size: int, length of the input, or None when unknown.
        stride_size: int.
        kernel_size: int.
        padding: 'same', 'valid' or 'full'.
        output_padding: int added to the shortest fitting output, or None for the usual length.
        dilation: int, spacing of the kernel's taps.

    Returns:
        int, or None when the input length is unknown.
    """
    assert padding in ("same", "valid", "full"), "padding must be 'same', 'valid' or 'full', got %r" % (padding,)
    if dim_size is None:
        return None
    span = kernel_size + (kernel_size - 1) * (dilation - 1)
    if output_padding is None:
        extra = {"valid": max(span - stride_size, 0), "full": -(stride_size + span - 2), "same": 0}[padding]
        return dim_size * stride_size + extra
    pad = {"same": span // 2, "valid": 0, "full": span - 1}[padding]
    return (dim_size - 1) * stride_size + span - 2 * pad + output_padding
