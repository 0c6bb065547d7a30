// Steps of a plan for Python: which rows of which arrays go where, checked once, then many steps in a call.
#include "../cpu/steps.h"

#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../cpu/parallel.h"
#include "bindings.h"

namespace py = pybind11;

namespace gpukeras {
namespace {

using cpu::Type;
using Pairs = std::vector<std::pair<py::array, py::array>>;
using Order = py::array_t<int64_t, py::array::c_style>;
using Totals = py::array_t<double, py::array::c_style>;

Type type_of(const py::array& array) {
    const char kind = array.dtype().kind();
    const auto bytes = array.itemsize();
    if (array.dtype().byteorder() == '>') return Type::other;
    if (kind == 'b') return Type::b8;
    if (kind == 'f') return bytes == 4 ? Type::f32 : bytes == 8 ? Type::f64 : Type::other;
    const bool sign = kind == 'i';
    if (!sign && kind != 'u') return Type::other;
    if (bytes == 1) return sign ? Type::i8 : Type::u8;
    if (bytes == 2) return sign ? Type::i16 : Type::u16;
    if (bytes == 4) return sign ? Type::i32 : Type::u32;
    return sign ? Type::i64 : Type::u64;
}

// Numbers in a row of an array (N, ...), which has to be whole in memory.
size_t row_length(const py::array& array, const char* what) {
    if (array.ndim() < 1)
        throw std::invalid_argument(std::string(what) + ": an array without axes has no rows");
    py::ssize_t length = 1;
    for (py::ssize_t i = array.ndim() - 1; i > 0; --i) {
        if (array.shape(i) > 1 && array.strides(i) != length * array.itemsize()) {
            throw std::invalid_argument(std::string(what) + ": rows must be contiguous");
        }
        length *= array.shape(i);
    }
    return static_cast<size_t>(length);
}

bool contiguous(const py::array& array) { return (array.flags() & py::array::c_style) != 0; }

cpu::Source source(const py::array& array, const py::array& buffer) {
    const size_t length = row_length(array, "source");
    if (length != row_length(buffer, "buffer") || !contiguous(buffer) || !buffer.writeable()) {
        throw std::invalid_argument("steps: a batch of the array does not fit its buffer");
    }
    const bool same = array.dtype().is(buffer.dtype()) || array.dtype().equal(buffer.dtype());
    const auto convert = same ? nullptr : cpu::find_converter(type_of(array), type_of(buffer));
    if (!same && convert == nullptr) throw std::invalid_argument("steps: no conversion between these types");
    return {static_cast<const char*>(array.data()),
            array.strides(0),
            length,
            length * static_cast<size_t>(array.itemsize()),
            length * static_cast<size_t>(buffer.itemsize()),
            convert,
            static_cast<char*>(const_cast<void*>(buffer.data()))};
}

cpu::Scalar scalar(const py::array& array) {
    const Type type = type_of(array);
    const bool known =
        type == Type::f32 || type == Type::f64 || type == Type::i32 || type == Type::i64 || type == Type::b8;
    if (array.size() != 1 || !known) throw std::invalid_argument("steps: a total needs one number");
    return {array.data(), type};
}

cpu::Collected collected(const py::array& rows, const py::array& whole) {
    const size_t length = row_length(rows, "output");
    if (length != row_length(whole, "result") || !contiguous(rows) || !contiguous(whole) ||
        !whole.writeable() || !rows.dtype().equal(whole.dtype())) {
        throw std::invalid_argument("steps: an output does not fit the array for all batches");
    }
    return {static_cast<const char*>(rows.data()), static_cast<char*>(const_cast<void*>(whole.data())),
            length * static_cast<size_t>(rows.itemsize())};
}

// Steps, and what their bare pointers point to.
struct Bound {
    cpu::Steps steps;
    std::vector<py::object> keep;
};

using Tasks = std::vector<std::shared_ptr<cpu::Task>>;

Tasks tasks_of(const py::list& list, std::vector<py::object>& keep) {
    Tasks tasks;
    for (const py::handle task : list) {
        tasks.push_back(py::cast<std::shared_ptr<cpu::Task>>(task));
        keep.push_back(py::reinterpret_borrow<py::object>(task));
    }
    return tasks;
}

std::shared_ptr<Bound> bind(size_t batch, size_t samples, const py::list& tasks, const py::list& commits,
                            const Pairs& sources, const std::vector<py::array>& scalars,
                            const Pairs& outputs) {
    std::vector<cpu::Source> from;
    std::vector<cpu::Scalar> numbers;
    std::vector<cpu::Collected> to;
    std::vector<py::object> keep;
    if (batch == 0) throw std::invalid_argument("steps: a batch of no samples");
    for (const auto& [array, buffer] : sources) {
        from.push_back(source(array, buffer));
        if (static_cast<size_t>(array.shape(0)) < samples || static_cast<size_t>(buffer.shape(0)) != batch) {
            throw std::invalid_argument("steps: arrays and buffers have other numbers of rows");
        }
        keep.push_back(array);
        keep.push_back(buffer);
    }
    for (const auto& array : scalars) {
        numbers.push_back(scalar(array));
        keep.push_back(array);
    }
    for (const auto& [rows, whole] : outputs) {
        to.push_back(collected(rows, whole));
        if (static_cast<size_t>(rows.shape(0)) != batch || static_cast<size_t>(whole.shape(0)) < samples) {
            throw std::invalid_argument("steps: outputs have other numbers of rows");
        }
        keep.push_back(rows);
        keep.push_back(whole);
    }
    Tasks calls = tasks_of(tasks, keep), last = tasks_of(commits, keep);
    return std::make_shared<Bound>(Bound{cpu::Steps(batch, samples, std::move(calls), std::move(last),
                                                    std::move(from), std::move(numbers), std::move(to)),
                                         std::move(keep)});
}

size_t run(Bound& self, const std::optional<Order>& order, size_t begin, size_t end,
           std::optional<Totals> totals, double seconds) {
    if (begin > end || end > (order ? static_cast<size_t>(order->size()) : self.steps.samples())) {
        throw std::invalid_argument("steps: samples out of range");
    }
    if (totals && static_cast<size_t>(totals->size()) != self.steps.scalars()) {
        throw std::invalid_argument("steps: expected one total per number");
    }
    const int64_t* ids = order ? order->data() : nullptr;
    double* sums = totals ? totals->mutable_data() : nullptr;
    py::gil_scoped_release release;
    cpu::adopt_threads();
    return self.steps.run(ids, begin, end, sums, seconds);
}

}  // namespace

void bind_steps(py::module_& m) {
    py::class_<Bound, std::shared_ptr<Bound>>(m, "Steps", "Steps of a plan over batches of arrays.")
        .def(py::init(&bind), py::arg("batch"), py::arg("samples"), py::arg("tasks"), py::arg("commits"),
             py::arg("sources"), py::arg("scalars"), py::arg("outputs"))
        .def("run", &run, py::arg("order").none(true).noconvert(), py::arg("begin"), py::arg("end"),
             py::arg("totals").none(true).noconvert(), py::arg("seconds"),
             "Makes steps over samples [begin, end), or those that `order` names there, until the time is "
             "over; "
             "returns the number of samples done.");
    m.def(
        "copy",
        [](const py::array& from, const py::array& to) {
            if (!contiguous(from) || !contiguous(to) || !to.writeable() || !from.dtype().equal(to.dtype()) ||
                from.size() != to.size()) {
                throw std::invalid_argument("copy: expected contiguous arrays of one size and type");
            }
            return task_over(
                cpu::copy_task(from.data(), const_cast<void*>(to.data()), static_cast<size_t>(from.nbytes())),
                py::make_tuple(from, to));
        },
        py::arg("from_"), py::arg("to"), "The task that copies a contiguous array.");
}

}  // namespace gpukeras
