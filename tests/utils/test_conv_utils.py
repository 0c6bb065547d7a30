"""Arguments and lengths of convolutions, against plain counting."""

import numpy as np
import pytest

from gpukeras.utils import conv_utils as c


def count_windows(length, size, stride, dilation, before, after):
    """How many windows fit, by trying every start."""
    span = (size - 1) * dilation + 1
    return sum(1 for start in range(0, length + before + after, stride) if start + span <= length + before + after)


@pytest.mark.parametrize("length", [9, 10, 13])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride, dilation", [(1, 1), (2, 1), (3, 1), (1, 2)])
def test_conv_output_length(length, size, stride, dilation):
    span = (size - 1) * dilation + 1
    pads = {
        "valid": (0, 0),
        "full": (span - 1, span - 1),
        "causal": (span - 1, 0),
        "same": ((span - 1) // 2, span // 2),
    }
    for padding, (before, after) in pads.items():
        expected = count_windows(length, size, stride, dilation, before, after)
        assert c.conv_output_length(length, size, padding, stride, dilation) == expected, padding


def test_unknown_lengths_stay_unknown():
    assert c.conv_output_length(None, 3, "same", 1) is None
    assert c.conv_input_length(None, 3, "same", 1) is None
    assert c.deconv_length(None, 1, 3, "same", None) is None


@pytest.mark.parametrize("size, stride", [(3, 1), (3, 2), (5, 3)])
def test_conv_input_length_gives_the_shortest_input_that_fits(size, stride):
    for out in (1, 4, 6):
        for padding in ("valid", "full"):
            length = c.conv_input_length(out, size, padding, stride)
            assert c.conv_output_length(length, size, padding, stride) == out
            assert length <= 1 or c.conv_output_length(length - 1, size, padding, stride) < out


@pytest.mark.parametrize("output_padding", [0, 1])
@pytest.mark.parametrize("padding", ["valid", "full"])
def test_deconv_length_undoes_a_convolution(padding, output_padding):
    length = c.deconv_length(5, 2, 3, padding, output_padding)
    assert c.conv_output_length(length, 3, padding, 2) == 5


def test_deconv_length_with_dilation():
    # Every input element spreads over (3 - 1) * 2 + 1 = 5 places.
    assert c.deconv_length(4, 1, 3, "valid", None, dilation=2) == 4 + 5 - 1


def test_normalize_tuple():
    assert c.normalize_tuple(np.int64(3), 2, "strides") == (3, 3)
    assert c.normalize_tuple([1, 2], 2, "strides") == (1, 2)
    for bad in (None, [1, 2, 3], ["a", "b"]):
        with pytest.raises(ValueError, match="strides: expected an int or 2 ints"):
            c.normalize_tuple(bad, 2, "strides")


def test_normalize_padding():
    assert c.normalize_padding("SAME") == "same"
    for bad in ("diagonal", None):
        with pytest.raises(ValueError, match="padding: expected 'valid', 'same'"):
            c.normalize_padding(bad)


def test_convert_kernel_flips_space_only():
    kernel = np.arange(24.0).reshape(2, 3, 2, 2)
    flipped = c.convert_kernel(kernel)
    assert flipped[0, 0, 1, 0] == kernel[1, 2, 1, 0]
    np.testing.assert_array_equal(c.convert_kernel(flipped), kernel)
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        c.convert_kernel(np.zeros((2, 3)))
