// Times bare oneDNN convolutions on channels-last images, for benchmarks/convolutions.py.
//
// A line of the standard input is one convolution: pass (0 forward, 1 gradient of the images, 2 gradient of
// the kernel), samples, height, width, channels, filters, kernel height and width, strides, dilation, padding
// above, left, below and right, groups. A line of the output is its seconds of processor time. The kernel
// lies as oneDNN likes it best, so nothing is reordered, and there is no bias and no activation.
#include <time.h>

#include <algorithm>
#include <iostream>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

namespace {

using dnnl::memory;
using Dims = memory::dims;

constexpr auto kFloat = memory::data_type::f32;
constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;

const dnnl::engine& engine() {
    static const dnnl::engine made(dnnl::engine::kind::cpu, 0);
    return made;
}

dnnl::stream& stream() {
    static dnnl::stream made(engine());
    return made;
}

double now() {
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Work memory is ready before the clock starts, as in a plan.
const dnnl::primitive_attr& settings() {
    static const dnnl::primitive_attr made = [] {
        dnnl::primitive_attr attr;
        attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
        return attr;
    }();
    return made;
}

memory filled(const memory::desc& desc) {
    memory made(desc, engine());
    float* values = static_cast<float*>(made.get_data_handle());
    std::fill(values, values + desc.get_size() / sizeof(float), 0.01f);
    return made;
}

// The best of three runs of at least 50 ms each.
double seconds(const dnnl::primitive& primitive, const std::unordered_map<int, memory>& arguments) {
    auto run = [&] {
        primitive.execute(stream(), arguments);
        stream().wait();
    };
    run();
    double best = 1e9;
    for (int i = 0; i < 3; ++i) {
        const double start = now();
        int count = 0;
        for (; now() - start < 0.05; ++count) run();
        best = std::min(best, (now() - start) / count);
    }
    return best;
}

double convolution(const std::vector<int64_t>& v) {
    const int64_t n = v[1], h = v[2], w = v[3], ic = v[4], oc = v[5], kh = v[6], kw = v[7], groups = v[16];
    const Dims strides{v[8], v[9]}, dilation{v[10] - 1, v[11] - 1}, before{v[12], v[13]}, after{v[14], v[15]};
    const int64_t oh = (h + v[12] + v[14] - v[10] * (kh - 1) - 1) / v[8] + 1;
    const int64_t ow = (w + v[13] + v[15] - v[11] * (kw - 1) - 1) / v[9] + 1;
    const memory::desc x({n, ic, h, w}, kFloat, memory::format_tag::nhwc);
    const memory::desc y({n, oc, oh, ow}, kFloat, memory::format_tag::nhwc);
    const Dims kernel = groups == 1 ? Dims{oc, ic, kh, kw} : Dims{groups, oc / groups, ic / groups, kh, kw};
    const memory::desc any(kernel, kFloat, memory::format_tag::any);
    const dnnl::convolution_forward::primitive_desc forward(engine(), dnnl::prop_kind::forward_training,
                                                            kAlgorithm, x, any, y, strides, dilation, before,
                                                            after, settings());
    if (v[0] == 0) {
        return seconds(dnnl::convolution_forward(forward),
                       {{DNNL_ARG_SRC, filled(x)},
                        {DNNL_ARG_WEIGHTS, filled(forward.weights_desc())},
                        {DNNL_ARG_DST, filled(y)},
                        {DNNL_ARG_SCRATCHPAD, filled(forward.scratchpad_desc())}});
    }
    if (v[0] == 1) {
        const dnnl::convolution_backward_data::primitive_desc data(
            engine(), kAlgorithm, x, any, y, strides, dilation, before, after, forward, settings());
        return seconds(dnnl::convolution_backward_data(data),
                       {{DNNL_ARG_DIFF_DST, filled(y)},
                        {DNNL_ARG_WEIGHTS, filled(data.weights_desc())},
                        {DNNL_ARG_DIFF_SRC, filled(x)},
                        {DNNL_ARG_SCRATCHPAD, filled(data.scratchpad_desc())}});
    }
    const dnnl::convolution_backward_weights::primitive_desc weights(
        engine(), kAlgorithm, x, any, y, strides, dilation, before, after, forward, settings());
    return seconds(dnnl::convolution_backward_weights(weights),
                   {{DNNL_ARG_SRC, filled(x)},
                    {DNNL_ARG_DIFF_DST, filled(y)},
                    {DNNL_ARG_DIFF_WEIGHTS, filled(weights.diff_weights_desc())},
                    {DNNL_ARG_SCRATCHPAD, filled(weights.scratchpad_desc())}});
}

}  // namespace

int main() {
    std::vector<int64_t> values(17);
    while (true) {
        for (auto& value : values) {
            if (!(std::cin >> value)) return 0;
        }
        std::cout << convolution(values) << std::endl;
    }
}
