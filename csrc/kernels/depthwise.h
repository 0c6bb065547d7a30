// Depthwise convolution of channels-last images: one element of the result, of the input's gradient, and one
// pixel's share of the kernel's gradient.
#pragma once

#include "hd.h"

namespace gpukeras {

// Channel j of the result comes from channel j / multiplier. Sizes are those of the forward convolution.
struct Depthwise {
    int samples, height, width, channels, multiplier;
    int out_height, out_width;
    int kernel_height, kernel_width, stride_height, stride_width, dilation_height, dilation_width;
    int top, left;  // padding
};

struct Pixel {
    int n, row, column, channel;
};

GPUKERAS_HD Pixel pixel_of(int k, int height, int width, int channels) {
    const int pixel = k / channels, line = pixel / width;
    return {line / height, line % height, pixel % width, k % channels};
}

GPUKERAS_HD bool inside(int i, int size) { return i >= 0 && i < size; }

// Element k of the result.
GPUKERAS_HD float depthwise_output(const Depthwise& d, const float* x, const float* w, int k) {
    const int outs = d.channels * d.multiplier;
    const Pixel p = pixel_of(k, d.out_height, d.out_width, outs);
    float total = 0.0f;
    for (int i = 0; i < d.kernel_height; ++i) {
        const int row = p.row * d.stride_height + i * d.dilation_height - d.top;
        if (!inside(row, d.height)) continue;
        for (int j = 0; j < d.kernel_width; ++j) {
            const int column = p.column * d.stride_width + j * d.dilation_width - d.left;
            if (!inside(column, d.width)) continue;
            const int from =
                ((p.n * d.height + row) * d.width + column) * d.channels + p.channel / d.multiplier;
            total += x[from] * w[(i * d.kernel_width + j) * outs + p.channel];
        }
    }
    return total;
}

// Place in the result that tap `tap` of it reads `at` from; negative where there is none.
GPUKERAS_HD int depthwise_source(int at, int tap, int before, int stride, int dilation, int outs) {
    const int place = at + before - tap * dilation;
    return place >= 0 && place % stride == 0 && place / stride < outs ? place / stride : -1;
}

// Element k of the input's gradient.
GPUKERAS_HD float depthwise_input_gradient(const Depthwise& d, const float* dy, const float* w, int k) {
    const int outs = d.channels * d.multiplier;
    const Pixel p = pixel_of(k, d.height, d.width, d.channels);
    float total = 0.0f;
    for (int i = 0; i < d.kernel_height; ++i) {
        const int row = depthwise_source(p.row, i, d.top, d.stride_height, d.dilation_height, d.out_height);
        if (row < 0) continue;
        for (int j = 0; j < d.kernel_width; ++j) {
            const int column =
                depthwise_source(p.column, j, d.left, d.stride_width, d.dilation_width, d.out_width);
            if (column < 0) continue;
            const int y =
                ((p.n * d.out_height + row) * d.out_width + column) * outs + p.channel * d.multiplier;
            const int tap = (i * d.kernel_width + j) * outs + p.channel * d.multiplier;
            for (int m = 0; m < d.multiplier; ++m) total += dy[y + m] * w[tap + m];
        }
    }
    return total;
}

// What pixel `pixel` of the result adds to the gradient of element (i, j, channel) of the kernel.
GPUKERAS_HD float depthwise_kernel_gradient(const Depthwise& d, const float* x, const float* dy, int i, int j,
                                            int channel, int pixel) {
    const Pixel p = pixel_of(pixel, d.out_height, d.out_width, 1);
    const int row = p.row * d.stride_height + i * d.dilation_height - d.top;
    const int column = p.column * d.stride_width + j * d.dilation_width - d.left;
    if (!inside(row, d.height) || !inside(column, d.width)) return 0.0f;
    const int from = ((p.n * d.height + row) * d.width + column) * d.channels + channel / d.multiplier;
    return x[from] * dy[pixel * d.channels * d.multiplier + channel];
}

}  // namespace gpukeras
