// The extension gpukeras._native. Each binding checks what C++ cannot see (contiguous, writeable, the exact
// dtype), then calls csrc/cpu with pointers and sizes, the GIL released.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>

#include "../cpu/activations.h"
#include "../cpu/isa.h"
#include "../cpu/parallel.h"
#include "../cpu/random.h"
#include "bindings.h"

namespace py = pybind11;
namespace cpu = gpukeras::cpu;

namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

// An array is written in place or refused: a silent copy would leave the caller's buffer unfilled.
template <typename T>
T* writable(Array<T>& out, const char* function) {
    if (!out.writeable()) {
        throw std::invalid_argument(std::string(function) + ": 'out' is read-only; pass a writeable array");
    }
    return out.mutable_data();
}

void bind_random(py::module_& m) {
    m.def(
        "philox_fill_uint32",
        [](Array<uint32_t> out, uint64_t seed, uint64_t stream, uint64_t first_block) {
            uint32_t* data = writable(out, "philox_fill_uint32");
            const size_t count = static_cast<size_t>(out.size());
            py::gil_scoped_release release;
            cpu::philox_fill_uint32(data, count, seed, stream, first_block);
        },
        py::arg("out").noconvert(), py::arg("seed"), py::arg("stream"), py::arg("first_block") = 0,
        "Fills a C-contiguous uint32 array with the words of Philox 4x32-10.");
    m.def(
        "philox_fill_uniform",
        [](Array<float> out, uint64_t seed, uint64_t stream, float low, float high, uint64_t first_block) {
            float* data = writable(out, "philox_fill_uniform");
            const size_t count = static_cast<size_t>(out.size());
            py::gil_scoped_release release;
            cpu::philox_fill_uniform(data, count, seed, stream, first_block, low, high);
        },
        py::arg("out").noconvert(), py::arg("seed"), py::arg("stream"), py::arg("low") = 0.0f,
        py::arg("high") = 1.0f, py::arg("first_block") = 0,
        "Fills a C-contiguous float32 array with numbers uniform in [low, high).");
    m.def(
        "philox_fill_normal",
        [](Array<float> out, uint64_t seed, uint64_t stream, float mean, float stddev, uint64_t first_block) {
            float* data = writable(out, "philox_fill_normal");
            const size_t count = static_cast<size_t>(out.size());
            py::gil_scoped_release release;
            cpu::philox_fill_normal(data, count, seed, stream, first_block, mean, stddev);
        },
        py::arg("out").noconvert(), py::arg("seed"), py::arg("stream"), py::arg("mean") = 0.0f,
        py::arg("stddev") = 1.0f, py::arg("first_block") = 0,
        "Fills a C-contiguous float32 array with normal numbers (Box-Muller).");
}

void same_size(const py::array& a, const py::array& b, const char* function) {
    if (a.size() != b.size()) {
        throw std::invalid_argument(std::string(function) + ": expected arrays of one size, got " +
                                    std::to_string(a.size()) + " and " + std::to_string(b.size()) +
                                    " elements");
    }
}

void bind_activations(py::module_& m) {
    m.def(
        "activation",
        [](const std::string& name, const Array<float>& x, Array<float> out) {
            const size_t index = cpu::activation_index(name);
            same_size(x, out, "activation");
            const float* source = x.data();
            float* data = writable(out, "activation");
            const size_t count = static_cast<size_t>(out.size());
            py::gil_scoped_release release;
            cpu::activation_forward(index, source, data, count);
        },
        py::arg("name"), py::arg("x").noconvert(), py::arg("out").noconvert(),
        "Writes an activation's values of a C-contiguous float32 array to `out`, which may be `x` itself.");
    m.def(
        "activation_gradient",
        [](const std::string& name, const Array<float>& y, const Array<float>& dy, Array<float> out) {
            const size_t index = cpu::activation_index(name);
            same_size(y, out, "activation_gradient");
            same_size(dy, out, "activation_gradient");
            const float *values = y.data(), *gradient = dy.data();
            float* data = writable(out, "activation_gradient");
            const size_t count = static_cast<size_t>(out.size());
            py::gil_scoped_release release;
            cpu::activation_backward(index, values, gradient, data, count);
        },
        py::arg("name"), py::arg("y").noconvert(), py::arg("dy").noconvert(), py::arg("out").noconvert(),
        "Writes dy times the activation's derivative, taken from its values y, to `out`.");
}

}  // namespace

PYBIND11_MODULE(_native, m) {
    m.doc() = "Native CPU kernels of gpukeras.";
    cpu::start_threads();
    m.def(
        "build_info",
        [] {
            py::dict info;
            info["compiler"] = GPUKERAS_COMPILER;
            info["isa"] = cpu::isa_name(cpu::chosen_isa());
            info["threads"] = cpu::max_threads();
#if defined(GPUKERAS_ONEDNN)
            info["onednn"] = gpukeras::onednn_version();
#endif
            return info;
        },
        "What this extension was built with and what it uses on this processor.");
    bind_random(m);
    bind_activations(m);
    gpukeras::bind_tasks(m);
    gpukeras::bind_fused(m);
    gpukeras::bind_steps(m);
    gpukeras::bind_ctc(m);
    gpukeras::bind_gather(m);
    gpukeras::bind_pooling(m);
#if defined(GPUKERAS_ONEDNN)
    gpukeras::bind_onednn(m);
    gpukeras::bind_recurrent(m);
#endif
}
