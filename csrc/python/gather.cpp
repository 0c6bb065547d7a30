// Picking and adding slices for Python: tasks over arrays that are C-contiguous.
#include "../cpu/gather.h"

#include <pybind11/stl.h>

#include <stdexcept>

#include "bindings.h"

namespace py = pybind11;

namespace gpukeras {
namespace {

void require_contiguous(const py::array& array, const char* name) {
    if ((array.flags() & py::array::c_style) == 0) {
        throw std::invalid_argument(std::string(name) + " should be C-contiguous");
    }
}

cpu::Picks picks(const py::array& indices, size_t size, size_t per_row, bool wrap, const std::string& before,
                 const std::string& after) {
    require_contiguous(indices, "indices");
    cpu::Picks made;
    made.indices = indices.data();
    made.wide = py::isinstance<py::array_t<int64_t>>(indices);
    if (!made.wide && !py::isinstance<py::array_t<int32_t>>(indices)) {
        throw std::invalid_argument("indices should be int32 or int64");
    }
    made.count = static_cast<size_t>(indices.size());
    made.size = size;
    made.per_row = per_row;
    made.wrap = wrap;
    made.before = before;
    made.after = after;
    return made;
}

cpu::Number number(const py::array& array) {
    if (py::isinstance<py::array_t<float>>(array)) return cpu::Number::f32;
    if (py::isinstance<py::array_t<double>>(array)) return cpu::Number::f64;
    if (py::isinstance<py::array_t<int32_t>>(array)) return cpu::Number::i32;
    if (py::isinstance<py::array_t<int64_t>>(array)) return cpu::Number::i64;
    throw std::invalid_argument("updates should be float32, float64, int32 or int64");
}

}  // namespace

void bind_gather(py::module_& m) {
    m.def(
        "gather",
        [](const py::array& x, const py::array& indices, py::array out, size_t bytes, size_t size,
           size_t per_row, bool wrap, const std::string& before, const std::string& after) {
            require_contiguous(x, "x");
            require_contiguous(out, "out");
            auto task = cpu::gather(picks(indices, size, per_row, wrap, before, after),
                                    static_cast<const char*>(x.data()),
                                    static_cast<char*>(out.mutable_data()), bytes);
            return task_over(std::move(task), py::args(py::make_tuple(x, indices, out)));
        },
        "A task that copies slices of x, `bytes` each, to out; `size` of them may be named by an index.");
    m.def(
        "scatter_add",
        [](const py::array& indices, const py::array& updates, py::array out, size_t rows, size_t width,
           size_t size, size_t per_row, bool wrap, const std::string& before, const std::string& after) {
            require_contiguous(updates, "updates");
            require_contiguous(out, "out");
            auto task = cpu::scatter_add(picks(indices, size, per_row, wrap, before, after), updates.data(),
                                         out.mutable_data(), number(updates), rows, width);
            return task_over(std::move(task), py::args(py::make_tuple(indices, updates, out)));
        },
        "A task that clears out and adds slices of updates, `width` numbers each, where indices say.");
    m.def(
        "row_sums",
        [](const py::array& indices, const py::array& updates, py::array sums, py::array places, size_t width,
           bool wrap, const std::string& before, const std::string& after) {
            for (const py::array& x : {updates, py::array(sums), py::array(places)})
                require_contiguous(x, "arrays");
            if (!py::isinstance<py::array_t<int32_t>>(places)) throw std::invalid_argument("places: int32");
            auto task = cpu::row_sums(
                picks(indices, static_cast<size_t>(places.size()), 0, wrap, before, after), updates.data(),
                sums.mutable_data(), static_cast<int32_t*>(places.mutable_data()), number(updates), width);
            return task_over(std::move(task), py::args(py::make_tuple(indices, updates, sums, places)));
        },
        "A task that adds up slices of updates with equal indices, and says where each row's sum is.");
}

}  // namespace gpukeras
