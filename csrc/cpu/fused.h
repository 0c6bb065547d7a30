// Fused elementwise programs: a list of instructions run over blocks of elements that stay in the first-level
// cache. Every value has one of seven types, two of which are only converted, and lies in a block as it lies
// in memory, so that an instruction reads and writes arrays and blocks alike.
//
// The elements of a loop are rows of one length. A value has an element per element, or one per row; without
// instructions that look at rows, the length is one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "task.h"

namespace gpukeras::cpu::fused {

// What one instruction does to one block.
struct Call {
    void* out;
    const void* in[3];
    size_t count;     // elements; for instructions on rows, rows
    size_t length;    // elements of a row
    const double* a;  // numbers written in the program
    uint64_t seed;    // of random numbers
    uint64_t index;   // place of the first element in the whole
};
using Function = void (*)(const Call&);

struct Opcode {
    const char* name;  // operation:type, for example "add:f32"
    Function function;
};

// Folding a block into an accumulator: one double (or int64 for integers) per result.
struct Folds {
    // All elements into acc[0].
    void (*all)(const void* x, size_t count, void* acc);
    // Element j into acc[(offset + j) % period].
    void (*columns)(const void* x, size_t count, size_t offset, size_t period, void* acc);
};

// The tables of one instruction set; each list ends with a name that is null.
struct Tables {
    const Opcode* lists[4];
    // Indexed by Reduction::Kind, then Type.
    Folds folds[3][4];
};

const Tables& tables_base();
const Tables& tables_avx2();
const Tables& tables_avx512();

// Parts of the tables, one source each.
#define GPUKERAS_FUSED_PARTS(isa)             \
    const Opcode* arithmetic_opcodes_##isa(); \
    const Opcode* function_opcodes_##isa();   \
    const Opcode* row_opcodes_##isa();
GPUKERAS_FUSED_PARTS(base)
GPUKERAS_FUSED_PARTS(avx2)
GPUKERAS_FUSED_PARTS(avx512)
#undef GPUKERAS_FUSED_PARTS

// The function of an opcode; null where there is none.
Function find_opcode(const std::string& name);
std::vector<std::string> opcode_names();

// An array a loop reads or writes.
struct Operand {
    // Contiguous; one number for all elements; any strides; a number that is not made a block of.
    enum Kind { full, scalar, strided, direct };
    Kind kind;
    bool output;
    bool per_row;
    size_t item;  // bytes per element
    // For `strided`, in elements and bytes, outermost first.
    std::vector<int64_t> shape, strides;
};

struct Instruction {
    Function function;
    bool rows;     // works on whole rows
    bool per_row;  // its result has one element per row (for `rows`), or all it sees has
    int out;       // slots: blocks first, then operands
    int in[3];     // -1: none
    std::vector<double> numbers;
    uint64_t seed;
};

struct Reduction {
    enum Kind { sum, max, min };
    enum Type { f32, f64, i32, i64 };
    Kind kind;
    Type type;
    bool mean;  // divide the sum by the number of elements that went into it
    int slot;
    bool per_row;   // what it reads has one element per row
    size_t period;  // results; element i goes into result i % period
    size_t group;   // results for every so many elements, one set after the other; 0: for all elements
    int operand;    // where the results go
};

// One loop: everything but the arrays.
struct Loop {
    size_t count;      // elements
    size_t length;     // of a row
    size_t blocks;     // slots that are blocks
    bool wide_blocks;  // some block holds numbers of 8 bytes
    std::vector<Operand> operands;
    std::vector<Instruction> instructions;
    std::vector<Reduction> reductions;
};

// Several loops, none of which reads what another writes, run as one.
class Program {
  public:
    // Throws std::invalid_argument for slots, sizes and operands that do not fit each other.
    explicit Program(std::vector<Loop> loops);
    ~Program();

    // One pointer per operand, loop after loop; `counters` are incremented after each run.
    std::shared_ptr<Task> bind(const std::vector<char*>& data, const std::vector<uint64_t*>& counters) const;
    size_t operands() const;
    struct Layout;

  private:
    std::shared_ptr<const std::vector<Layout>> layouts_;
};

}  // namespace gpukeras::cpu::fused
