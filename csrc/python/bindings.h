// The parts of the extension, one source each.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "../cpu/task.h"

namespace gpukeras {

void bind_tasks(pybind11::module_& m);
void bind_ctc(pybind11::module_& m);
void bind_fused(pybind11::module_& m);
void bind_gather(pybind11::module_& m);
void bind_pooling(pybind11::module_& m);
void bind_onednn(pybind11::module_& m);
void bind_steps(pybind11::module_& m);
void bind_recurrent(pybind11::module_& m);
std::string onednn_version();

// The task as a Python object that keeps `arrays` alive: a task itself holds bare pointers.
pybind11::object task_over(std::shared_ptr<cpu::Task> task, const pybind11::args& arrays);

}  // namespace gpukeras
