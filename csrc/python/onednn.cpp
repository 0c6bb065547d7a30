// oneDNN primitives for Python: made from layouts while a plan is laid out, tied to arrays when it is bound.
#include "../cpu/onednn.h"

#include <pybind11/stl.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "../cpu/isa.h"
#include "bindings.h"

namespace py = pybind11;

namespace gpukeras {
namespace {

using cpu::Layout;
using cpu::Primitive;

// A layout from an array, whose memory is not looked at.
Layout layout(const py::array& array) {
    Layout out;
    for (py::ssize_t i = 0; i < array.ndim(); ++i) {
        out.shape.push_back(array.shape(i));
        out.strides.push_back(array.strides(i) / array.itemsize());
    }
    if (!py::isinstance<py::array_t<float>>(array)) throw std::invalid_argument("oneDNN: expected float32");
    return out;
}

// GPUKERAS_CPU_ISA holds oneDNN to the same instruction set as our own kernels.
void limit_isa() {
    if (std::getenv("GPUKERAS_CPU_ISA") == nullptr) return;
    const cpu::Isa isa = cpu::chosen_isa();
    dnnl::set_max_cpu_isa(isa == cpu::Isa::avx512 ? dnnl::cpu_isa::avx512_core
                          : isa == cpu::Isa::avx2 ? dnnl::cpu_isa::avx2
                                                  : dnnl::cpu_isa::sse41);
}

}  // namespace

std::string onednn_version() {
    const dnnl_version_t* version = dnnl::version();
    return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch);
}

void bind_onednn(py::module_& m) {
    limit_isa();
    py::register_exception<dnnl::error>(m, "OneDnnError", PyExc_RuntimeError);
    py::class_<Primitive, std::shared_ptr<Primitive>>(m, "Primitive", "A compiled oneDNN primitive.")
        .def_property_readonly("scratch_bytes", &Primitive::scratch_bytes)
        .def_property_readonly("name", &Primitive::name)
        .def(
            "bind",
            [](const Primitive& self, const py::array& scratch, const py::args& arrays) {
                if (arrays.size() != self.arity()) {
                    throw std::invalid_argument("expected " + std::to_string(self.arity()) + " arrays, got " +
                                                std::to_string(arrays.size()));
                }
                if (static_cast<size_t>(scratch.nbytes()) < self.scratch_bytes()) {
                    throw std::invalid_argument("the scratch array is too small");
                }
                std::vector<void*> data;
                for (const py::handle array : arrays) {
                    data.push_back(const_cast<void*>(py::cast<py::array>(array).data()));
                }
                py::object made = task_over(self.bind(data, const_cast<void*>(scratch.data())), arrays);
                py::detail::keep_alive_impl(made, scratch);
                return made;
            },
            py::arg("scratch"), "The task that runs this primitive on these arrays.");
    m.def(
        "matmul",
        [](const py::array& a, const py::array& b, const py::object& bias, const py::array& out, bool relu) {
            const Layout la = layout(a), lb = layout(b), lo = layout(out);
            if (bias.is_none()) return cpu::matmul(la, lb, nullptr, lo, relu);
            const Layout lbias = layout(py::cast<py::array>(bias));
            return cpu::matmul(la, lb, &lbias, lo, relu);
        },
        py::arg("a"), py::arg("b"), py::arg("bias"), py::arg("out"), py::arg("relu") = false,
        "Matrix product of the last two axes, plus bias, through relu, as a primitive.");
    py::enum_<cpu::Pass>(m, "Pass", "Which array of a convolution is computed from the others.")
        .value("forward", cpu::Pass::forward)
        .value("data", cpu::Pass::data)
        .value("weights", cpu::Pass::weights);
    using Ints = std::vector<dnnl::memory::dim>;
    m.def(
        "convolution",
        [](cpu::Pass pass, const py::array& x, const py::array& w, const py::object& bias, const py::array& y,
           const Ints& strides, const Ints& dilation, const Ints& before, const Ints& after, bool relu) {
            const Layout lx = layout(x), lw = layout(w), ly = layout(y);
            const cpu::Windows windows{strides, dilation, before, after};
            if (bias.is_none()) return cpu::convolution(pass, lx, lw, nullptr, ly, windows, relu);
            const Layout lbias = layout(py::cast<py::array>(bias));
            return cpu::convolution(pass, lx, lw, &lbias, ly, windows, relu);
        },
        py::arg("pass_"), py::arg("x"), py::arg("w"), py::arg("bias"), py::arg("y"), py::arg("strides"),
        py::arg("dilation"), py::arg("before"), py::arg("after"), py::arg("relu") = false,
        "A convolution's output, the gradient of its input, or that of its kernel, as a primitive.");
}

}  // namespace gpukeras
