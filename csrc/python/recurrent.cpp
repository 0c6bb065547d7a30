// Recurrences for Python: arrays are given by name; absent ones are left out.
#include "../cpu/recurrent.h"

#include <pybind11/stl.h>

#include <stdexcept>
#include <string>

#include "../cpu/activations.h"
#include "bindings.h"

namespace py = pybind11;

namespace gpukeras {
namespace {

// Reads arrays out of a dict and remembers them, so that the task can keep them alive.
class Named {
  public:
    explicit Named(const py::dict& arrays) : arrays_(arrays) {}

    py::object find(const char* name) const {
        return arrays_.contains(name) ? py::object(arrays_[name]) : py::object(py::none());
    }

    float* whole(const char* name) const {
        const py::object found = find(name);
        if (found.is_none()) return nullptr;
        const auto array = py::cast<py::array>(found);
        check(array, name);
        if (!(array.flags() & py::array::c_style)) {
            throw std::invalid_argument(std::string("recurrence: '") + name + "' must be contiguous");
        }
        return static_cast<float*>(const_cast<void*>(array.data()));
    }

    const float* strided(const char* name, ptrdiff_t* strides) const {
        const py::object found = find(name);
        if (found.is_none()) return nullptr;
        const auto array = py::cast<py::array>(found);
        check(array, name);
        for (int i = 0; i < 2; ++i) strides[i] = array.strides(i) / static_cast<ptrdiff_t>(sizeof(float));
        return static_cast<const float*>(array.data());
    }

  private:
    static void check(const py::array& array, const char* name) {
        if (!py::isinstance<py::array_t<float>>(array)) {
            throw std::invalid_argument(std::string("recurrence: '") + name + "' must be float32");
        }
    }

    const py::dict& arrays_;
};

cpu::Cell cell_of(const std::string& name) {
    if (name == "simple") return cpu::Cell::simple;
    if (name == "lstm") return cpu::Cell::lstm;
    if (name == "gru") return cpu::Cell::gru;
    if (name == "gru_reset_after") return cpu::Cell::gru_reset_after;
    throw std::invalid_argument("recurrence: no cell '" + name + "'");
}

py::object bind_recurrence(const cpu::Recurrence& self, const py::array& scratch, const py::dict& arrays) {
    if (static_cast<size_t>(scratch.nbytes()) < self.scratch_bytes()) {
        throw std::invalid_argument("recurrence: the scratch array is too small");
    }
    const Named named(arrays);
    cpu::RecurrenceArrays a;
    a.u = named.whole("u");
    a.z = named.whole("z");
    a.bias = named.whole("bias");
    a.rbias = named.whole("rbias");
    a.h0.data = named.strided("h0", a.h0.strides);
    a.c0.data = named.strided("c0", a.c0.strides);
    const py::object mask = named.find("mask");
    if (!mask.is_none()) {
        const auto flags = py::cast<py::array>(mask);
        if (flags.itemsize() != 1) throw std::invalid_argument("recurrence: 'mask' must be bool");
        a.mask = static_cast<const uint8_t*>(flags.data());
        for (int i = 0; i < 2; ++i) a.mask_strides[i] = flags.strides(i);
    }
    a.drops = named.whole("drops");
    a.gates = named.whole("gates");
    a.ys = named.whole("ys");
    a.cs = named.whole("cs");
    a.tcs = named.whole("tcs");
    a.hus = named.whole("hus");
    a.h = named.whole("h");
    a.c = named.whole("c");
    a.dys = named.strided("dys", a.dys_strides);
    a.dh.data = named.strided("dh", a.dh.strides);
    a.dc.data = named.strided("dc", a.dc.strides);
    a.dz = named.whole("dz");
    a.du = named.whole("du");
    a.dh0 = named.whole("dh0");
    a.dc0 = named.whole("dc0");
    a.drbias = named.whole("drbias");
    return task_over(self.bind(a, const_cast<void*>(scratch.data())), py::make_tuple(scratch, arrays));
}

}  // namespace

void bind_recurrent(py::module_& m) {
    py::class_<cpu::Recurrence, std::shared_ptr<cpu::Recurrence>>(m, "Recurrence",
                                                                  "A recurrent layer over whole sequences.")
        .def_property_readonly("scratch_bytes", &cpu::Recurrence::scratch_bytes)
        .def("bind", bind_recurrence, py::arg("scratch"), py::arg("arrays"),
             "The task that runs it on arrays by name.");
    m.def(
        "recurrence",
        [](const std::string& cell, const std::string& activation, const std::string& gate_activation,
           size_t steps, size_t samples, size_t units, size_t drops, bool backward, bool kernel_gradient) {
            const cpu::RecurrenceSizes sizes{cell_of(cell),
                                             cpu::activation_index(activation),
                                             cpu::activation_index(gate_activation),
                                             steps,
                                             samples,
                                             units,
                                             drops,
                                             kernel_gradient};
            return backward ? cpu::recurrence_backward(sizes) : cpu::recurrence_forward(sizes);
        },
        py::arg("cell"), py::arg("activation"), py::arg("gate_activation"), py::arg("steps"),
        py::arg("samples"), py::arg("units"), py::arg("drops"), py::arg("backward"),
        py::arg("kernel_gradient"), "A recurrence or its gradient, compiled for these sizes.");
}

}  // namespace gpukeras
