// Pooling for Python: arrays (N, spatial, C) in any layout whose channels lie side by side, or any layout at
// all with one channel.
#include "../cpu/pooling.h"

#include <pybind11/stl.h>

#include <array>
#include <stdexcept>
#include <string>

#include "bindings.h"

namespace py = pybind11;

namespace gpukeras {
namespace {

using Sizes = std::array<size_t, 3>;

void strides_of(const py::array& array, ptrdiff_t* out) {
    if (array.ndim() != 5 || !py::isinstance<py::array_t<float>>(array)) {
        throw std::invalid_argument("pooling: expected float32 arrays of five axes");
    }
    for (int i = 0; i < 5; ++i) out[i] = array.strides(i) / static_cast<ptrdiff_t>(sizeof(float));
    if (array.shape(4) > 1 && out[4] != 1)
        throw std::invalid_argument("pooling: channels must lie side by side");
}

cpu::PoolingKind kind_of(const std::string& name) {
    if (name == "max") return cpu::PoolingKind::max;
    if (name == "max_gradient") return cpu::PoolingKind::max_gradient;
    if (name == "max_pick") return cpu::PoolingKind::max_pick;
    if (name == "sum") return cpu::PoolingKind::sum;
    if (name == "spread") return cpu::PoolingKind::spread;
    throw std::invalid_argument("pooling: no kind '" + name + "'");
}

const float* data_of(const py::object& array) {
    return array.is_none() ? nullptr : static_cast<const float*>(py::cast<py::array>(array).data());
}

py::object pooling(const std::string& name, const py::array& large, const py::array& small,
                   const py::object& x, const py::object& y, const py::object& moved, py::array out,
                   const Sizes& size, const Sizes& strides, const Sizes& before, bool mean) {
    cpu::Pooling sizes;
    strides_of(large, sizes.x);
    strides_of(small, sizes.y);
    sizes.samples = large.shape(0);
    sizes.channels = large.shape(4);
    for (int i = 0; i < 3; ++i) {
        sizes.in[i] = large.shape(i + 1);
        sizes.out[i] = small.shape(i + 1);
        sizes.size[i] = size[i];
        sizes.strides[i] = strides[i];
        sizes.before[i] = before[i];
    }
    sizes.mean = mean;
    const cpu::PoolingArrays arrays{data_of(x), data_of(y), data_of(moved),
                                    static_cast<float*>(out.mutable_data())};
    return task_over(cpu::pooling(kind_of(name), sizes, arrays), py::make_tuple(x, y, moved, out));
}

}  // namespace

void bind_pooling(py::module_& m) {
    m.def("pooling", pooling, py::arg("kind"), py::arg("large"), py::arg("small"), py::arg("x"), py::arg("y"),
          py::arg("moved"), py::arg("out"), py::arg("size"), py::arg("strides"), py::arg("before"),
          py::arg("mean") = false,
          "A pooling or one of its gradients as a task; `large` and `small` are any arrays of the two "
          "layouts.");
}

}  // namespace gpukeras
