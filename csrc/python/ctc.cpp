// Connectionist temporal classification for Python: a task over arrays that are C-contiguous.
#include "../cpu/ctc.h"

#include <pybind11/stl.h>

#include <stdexcept>

#include "bindings.h"

namespace py = pybind11;

namespace gpukeras {
namespace {

template <typename T>
T* pointer(const py::object& array, bool writes) {
    if (array.is_none()) return nullptr;
    auto typed = py::cast<py::array>(array);
    if (!py::isinstance<py::array_t<std::remove_const_t<T>>>(array) ||
        (typed.flags() & py::array::c_style) == 0) {
        throw std::invalid_argument("ctc: expected C-contiguous float32 arrays and int32 labels");
    }
    return static_cast<T*>(writes ? typed.mutable_data() : const_cast<void*>(typed.data()));
}

}  // namespace

void bind_ctc(py::module_& m) {
    m.def("ctc_work", &cpu::ctc_work, "Floats of work memory that `ctc` wants for N, T, C and L.");
    m.def(
        "ctc",
        [](const py::array& x, const py::array& labels, const py::array& steps, const py::array& said,
           const py::object& loss, const py::object& dx, const py::array& work, const std::string& where) {
            cpu::CtcArrays a;
            a.x = pointer<const float>(x, false);
            a.labels = pointer<const int32_t>(labels, false);
            a.steps = pointer<const int32_t>(steps, false);
            a.said = pointer<const int32_t>(said, false);
            a.loss = pointer<float>(loss, true);
            a.dx = pointer<float>(dx, true);
            a.work = pointer<float>(work, true);
            if (x.ndim() != 3 || labels.ndim() != 2) throw std::invalid_argument("ctc: wrong ranks");
            a.samples = static_cast<size_t>(x.shape(0));
            a.length = static_cast<size_t>(x.shape(1));
            a.classes = static_cast<size_t>(x.shape(2));
            a.most = static_cast<size_t>(labels.shape(1));
            return task_over(cpu::ctc(a, where),
                             py::args(py::make_tuple(x, labels, steps, said, loss, dx, work)));
        },
        "A task: the cost of label sequences and its gradient with respect to the logits.");
}

}  // namespace gpukeras
