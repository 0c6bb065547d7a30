// Tasks as Python callables.
#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>
#include <vector>

#include "../cpu/moments.h"
#include "../cpu/parallel.h"
#include "../cpu/row_product.h"
#include "bindings.h"

namespace py = pybind11;

namespace gpukeras {

using FloatArray = py::array_t<float, py::array::c_style>;

py::object task_over(std::shared_ptr<cpu::Task> task, const py::args& arrays) {
    py::object made = py::cast(std::move(task));
    for (const py::handle array : arrays) py::detail::keep_alive_impl(made, array);
    return made;
}

void bind_tasks(py::module_& m) {
    py::class_<cpu::Task, std::shared_ptr<cpu::Task>>(m, "Task",
                                                      "A kernel tied to its arrays; calling it runs it.")
        .def(
            "__call__",
            [](cpu::Task& self) {
                cpu::adopt_threads();
                self.run();
            },
            py::call_guard<py::gil_scoped_release>());
    m.def("adopt_threads", &cpu::adopt_threads,
          "Gives the calling thread the number of threads of the extension.");
    m.def(
        "sequence",
        [](const std::vector<std::shared_ptr<cpu::Task>>& tasks, const py::args& keep) {
            return task_over(std::make_shared<cpu::Sequence>(tasks), keep);
        },
        py::arg("tasks"), "One task that runs several in order; it keeps the further arguments alive.");
    m.def(
        "moments_scratch",
        [](size_t outer, size_t channels, size_t inner) {
            return cpu::moments_scratch({outer, channels, inner});
        },
        "Bytes of work memory that `moments` needs.");
    m.def(
        "moments",
        [](size_t outer, size_t channels, size_t inner, const FloatArray& x, FloatArray mean,
           FloatArray variance, const py::array& scratch) {
            const cpu::MomentSizes sizes{outer, channels, inner};
            if (static_cast<size_t>(x.size()) != outer * channels * inner ||
                static_cast<size_t>(mean.size()) != channels ||
                static_cast<size_t>(variance.size()) != channels ||
                static_cast<size_t>(scratch.nbytes()) < cpu::moments_scratch(sizes)) {
                throw std::invalid_argument("moments: the arrays do not have the sizes given");
            }
            return task_over(cpu::moments(sizes, x.data(), mean.mutable_data(), variance.mutable_data(),
                                          const_cast<void*>(scratch.data())),
                             py::make_tuple(x, mean, variance, scratch));
        },
        py::arg("outer"), py::arg("channels"), py::arg("inner"), py::arg("x").noconvert(),
        py::arg("mean").noconvert(), py::arg("variance").noconvert(), py::arg("scratch"),
        "Mean and variance of each channel of an array (outer, channels, inner), as a task.");
    m.def(
        "row_product",
        [](const FloatArray& x, const FloatArray& w, const std::optional<FloatArray>& bias, FloatArray out,
           bool relu) {
            const size_t k = static_cast<size_t>(x.size()), n = static_cast<size_t>(out.size());
            if (static_cast<size_t>(w.size()) != k * n || n == 0 ||
                (bias && static_cast<size_t>(bias->size()) != n)) {
                throw std::invalid_argument("row_product: the arrays' sizes do not fit");
            }
            const float* added = bias ? bias->data() : nullptr;
            py::object made =
                task_over(cpu::row_product({k, n, x.data(), w.data(), added, out.mutable_data(), relu}),
                          py::make_tuple(x, w, out));
            if (bias) py::detail::keep_alive_impl(made, *bias);
            return made;
        },
        py::arg("x").noconvert(), py::arg("w").noconvert(), py::arg("bias").noconvert().none(true),
        py::arg("out").noconvert(), py::arg("relu") = false,
        "A row times a matrix (k, n), plus bias, through relu, as a task.");
}

}  // namespace gpukeras
