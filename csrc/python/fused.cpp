// Fused elementwise programs for Python: a program from nested tuples, tied to arrays when it is bound.
#include "../cpu/fused.h"

#include <pybind11/stl.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "bindings.h"

namespace py = pybind11;

namespace gpukeras {
namespace {

using namespace cpu::fused;

// (kind, output, per row, bytes per element, shape, strides)
using OperandTuple = std::tuple<int, bool, bool, size_t, std::vector<int64_t>, std::vector<int64_t>>;
// (opcode, works on rows, per row, out, inputs, numbers, seed)
using InstructionTuple =
    std::tuple<std::string, bool, bool, int, std::vector<int>, std::vector<double>, uint64_t>;
// (kind, type, mean, slot, per row, period, group, operand)
using ReductionTuple = std::tuple<int, int, bool, int, bool, size_t, size_t, int>;
// (elements, row length, blocks, wide blocks, operands, instructions, reductions)
using LoopTuple = std::tuple<size_t, size_t, size_t, bool, std::vector<OperandTuple>,
                             std::vector<InstructionTuple>, std::vector<ReductionTuple>>;

Instruction instruction(const InstructionTuple& t) {
    const auto& [name, rows, per_row, out, in, numbers, seed] = t;
    Instruction made{find_opcode(name), rows, per_row, out, {-1, -1, -1}, numbers, seed};
    if (made.function == nullptr) throw std::invalid_argument("fused program: no opcode '" + name + "'");
    if (in.size() > 3) throw std::invalid_argument("fused program: an instruction has at most three inputs");
    for (size_t i = 0; i < in.size(); ++i) made.in[i] = in[i];
    made.numbers.resize(std::max<size_t>(4, numbers.size()), 0.0);
    return made;
}

Loop loop(const LoopTuple& t) {
    const auto& [count, length, blocks, wide, operands, instructions, reductions] = t;
    Loop made{count, length, blocks, wide, {}, {}, {}};
    for (const auto& [kind, output, per_row, item, shape, strides] : operands) {
        made.operands.push_back({static_cast<Operand::Kind>(kind), output, per_row, item, shape, strides});
    }
    for (const InstructionTuple& i : instructions) made.instructions.push_back(instruction(i));
    for (const auto& [kind, type, mean, slot, per_row, period, group, operand] : reductions) {
        made.reductions.push_back({static_cast<Reduction::Kind>(kind), static_cast<Reduction::Type>(type),
                                   mean, slot, per_row, period, group, operand});
    }
    return made;
}

}  // namespace

void bind_fused(py::module_& m) {
    py::class_<Program, std::shared_ptr<Program>>(m, "FusedProgram", "Loops of elementwise instructions.")
        .def(py::init([](const std::vector<LoopTuple>& loops) {
                 std::vector<Loop> made;
                 for (const LoopTuple& t : loops) made.push_back(loop(t));
                 return std::make_shared<Program>(std::move(made));
             }),
             py::arg("loops"))
        .def(
            "bind",
            [](const Program& self, const std::vector<py::array>& counters, const py::args& arrays) {
                std::vector<char*> data;
                for (const py::handle array : arrays) {
                    data.push_back(static_cast<char*>(const_cast<void*>(py::cast<py::array>(array).data())));
                }
                std::vector<uint64_t*> counts;
                for (const py::array& c : counters) {
                    counts.push_back(static_cast<uint64_t*>(const_cast<void*>(c.data())));
                }
                py::object made = task_over(self.bind(data, counts), arrays);
                for (const py::array& c : counters) py::detail::keep_alive_impl(made, c);
                return made;
            },
            py::arg("counters"), "The task that runs this program on these arrays, one per operand.");
    m.def("fused_opcodes", &opcode_names, "Names of the instructions a fused program may consist of.");
}

}  // namespace gpukeras
