// Many steps of a plan in one call: gather a batch, run the kernels, add up what comes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "task.h"

namespace gpukeras::cpu {

enum class Type { b8, i8, u8, i16, u16, i32, u32, i64, u64, f32, f64, other };

// Converts `count` numbers; null where there is no such conversion.
using Converter = void (*)(const void* from, void* to, size_t count);
Converter find_converter(Type from, Type to);

// The rows of an array that a plan's input buffer takes a batch from. Rows are whole in memory, `stride`
// bytes from one to the next.
struct Source {
    const char* rows;
    ptrdiff_t stride;
    size_t length;      // numbers in a row
    size_t from_bytes;  // of a row of the array, and of the buffer
    size_t to_bytes;
    Converter convert;  // null: the bytes as they are
    char* buffer;
};

// A single number that comes out of every step.
struct Scalar {
    const void* value;
    Type type;
};

// An output with one row per sample, and the array that takes in all batches.
struct Collected {
    const char* rows;
    char* whole;
    size_t row_bytes;
};

double number(const Scalar& scalar);

// Fills the buffer with rows [first, first + count), or the ones that `order` names there.
void take_batch(const Source& source, const int64_t* order, size_t first, size_t count);

// Contiguous memory copied.
std::shared_ptr<Task> copy_task(const void* from, void* to, size_t bytes);

class Steps {
  public:
    // `batch`: samples in a step; `samples`: rows of every array. `commits` run when the outputs are read.
    Steps(size_t batch, size_t samples, std::vector<std::shared_ptr<Task>> tasks,
          std::vector<std::shared_ptr<Task>> commits, std::vector<Source> sources,
          std::vector<Scalar> scalars, std::vector<Collected> collected)
        : batch_(batch),
          samples_(samples),
          tasks_(std::move(tasks)),
          commits_(std::move(commits)),
          sources_(std::move(sources)),
          scalars_(std::move(scalars)),
          collected_(std::move(collected)) {}

    // Steps over samples [begin, end) in whole batches until `seconds` have passed, one at least; returns the
    // samples done. `order`: null, or the number of the row that is each sample. `totals`: one number per
    // scalar, to which value * batch is added, or null.
    size_t run(const int64_t* order, size_t begin, size_t end, double* totals, double seconds);

    size_t samples() const { return samples_; }
    size_t scalars() const { return scalars_.size(); }

  private:
    void check(const int64_t* order, size_t begin) const;

    size_t batch_, samples_;
    std::vector<std::shared_ptr<Task>> tasks_, commits_;
    std::vector<Source> sources_;
    std::vector<Scalar> scalars_;
    std::vector<Collected> collected_;
};

}  // namespace gpukeras::cpu
