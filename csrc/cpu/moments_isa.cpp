// Moments of one stretch of an array, compiled once per instruction set (see isa.h).
#include "isa.h"

namespace gpukeras::cpu {
namespace {

constexpr size_t kWide = 256;  // columns of accumulators, on the stack
constexpr size_t kRows = 32;   // rows summed in float before they are added up in double

// Adds to the totals what is known of a block of `count` rows: about where its means are, and the sums of the
// distances and of the squared distances from there. T. Chan, G. Golub, R. LeVeque, "Updating formulae and a
// pairwise algorithm for computing sample variances", 1979.
void join(size_t columns, double seen, double count, const float* about, const float* distances,
          const float* squares, double* total_mean, double* total_squares) {
    const double share = count / (seen + count), weight = seen * share, each = 1.0 / count;
    for (size_t i = 0; i < columns; ++i) {
        const double distance = static_cast<double>(distances[i]);
        const double delta = static_cast<double>(about[i]) + distance * each - total_mean[i];
        total_mean[i] += delta * share;
        total_squares[i] +=
            static_cast<double>(squares[i]) - distance * distance * each + delta * delta * weight;
    }
}

// Rows of up to kWide numbers `stride` apart: mean and squared deviations per column.
void columns(const float* x, size_t rows, size_t width, size_t stride, double* mean, double* squares) {
    float about[kWide], distances[kWide], deviations[kWide];
    for (size_t i = 0; i < width; ++i) mean[i] = squares[i] = 0;
    for (size_t from = 0; from < rows; from += kRows) {
        const size_t n = rows - from < kRows ? rows - from : kRows;
        const float* block = x + from * stride;
        for (size_t i = 0; i < width; ++i) about[i] = distances[i] = deviations[i] = 0;
        for (size_t r = 0; r < n; ++r) {
#pragma GCC ivdep
            for (size_t i = 0; i < width; ++i) about[i] += block[r * stride + i];
        }
        const float scale = 1.0f / static_cast<float>(n);
        for (size_t i = 0; i < width; ++i) about[i] *= scale;
        for (size_t r = 0; r < n; ++r) {
#pragma GCC ivdep
            for (size_t i = 0; i < width; ++i) {
                const float d = block[r * stride + i] - about[i];
                distances[i] += d;
                deviations[i] += d * d;
            }
        }
        join(width, static_cast<double>(from), static_cast<double>(n), about, distances, deviations, mean,
             squares);
    }
}

// Merges the columns' halves: column j of `width` belongs to channel j % channels.
void merge(size_t width, size_t channels, double each, double* mean, double* squares) {
    for (size_t group = 1; group < width / channels; ++group) {
        const double share = 1.0 / static_cast<double>(group + 1),
                     weight = each * static_cast<double>(group) * share;
        for (size_t c = 0; c < channels; ++c) {
            const double delta = mean[group * channels + c] - mean[c];
            mean[c] += delta * share;
            squares[c] += squares[group * channels + c] + delta * delta * weight;
        }
    }
}

// Channels side by side: rows [0, rows) of `channels`; writes per channel.
void by_channel(const float* x, size_t rows, size_t channels, double* mean, double* squares) {
    double wide_mean[kWide], wide_squares[kWide];
    const size_t together = channels < kWide ? kWide / channels : 1;
    const size_t whole = together > 1 ? rows / together * together : 0;
    if (whole > 0) {  // few channels: several rows as one, so that the loops over columns are long
        const size_t width = together * channels;
        columns(x, whole / together, width, width, wide_mean, wide_squares);
        merge(width, channels, static_cast<double>(whole / together), wide_mean, wide_squares);
        for (size_t c = 0; c < channels; ++c) {
            mean[c] = wide_mean[c];
            squares[c] = wide_squares[c];
        }
        if (whole == rows) return;
    }
    for (size_t from = 0; from < channels; from += kWide) {
        const size_t width = channels - from < kWide ? channels - from : kWide;
        columns(x + whole * channels + from, rows - whole, width, channels, wide_mean, wide_squares);
        const double seen = static_cast<double>(whole), more = static_cast<double>(rows - whole);
        for (size_t c = 0; c < width; ++c) {
            double& m = mean[from + c];
            double& s = squares[from + c];
            if (whole == 0) {
                m = wide_mean[c];
                s = wide_squares[c];
                continue;
            }
            const double delta = wide_mean[c] - m;
            m += delta * more / (seen + more);
            s += wide_squares[c] + delta * delta * seen * more / (seen + more);
        }
    }
}

// One run of numbers of the same channel.
void by_run(const float* x, size_t count, double* mean, double* squares) {
    by_channel(x, count, 1, mean, squares);
}

}  // namespace

const MomentKernels& GPUKERAS_JOIN(moment_kernels_, GPUKERAS_ISA)() {
    static constexpr MomentKernels kernels = {by_channel, by_run};
    return kernels;
}

}  // namespace gpukeras::cpu
