// Tasks as Python callables.
#include <pybind11/stl.h>

#include <vector>

#include "bindings.h"

namespace py = pybind11;

namespace gpukeras {

py::object task_over(std::shared_ptr<cpu::Task> task, const py::args& arrays) {
    py::object made = py::cast(std::move(task));
    for (const py::handle array : arrays) py::detail::keep_alive_impl(made, array);
    return made;
}

void bind_tasks(py::module_& m) {
    py::class_<cpu::Task, std::shared_ptr<cpu::Task>>(m, "Task",
                                                      "A kernel tied to its arrays; calling it runs it.")
        .def("__call__", &cpu::Task::run, py::call_guard<py::gil_scoped_release>());
    m.def(
        "sequence",
        [](const std::vector<std::shared_ptr<cpu::Task>>& tasks, const py::args& keep) {
            return task_over(std::make_shared<cpu::Sequence>(tasks), keep);
        },
        py::arg("tasks"), "One task that runs several in order; it keeps the further arguments alive.");
}

}  // namespace gpukeras
