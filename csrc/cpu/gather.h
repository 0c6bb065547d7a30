// Slices picked by integers, and slices added at places that integers name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "task.h"

namespace gpukeras::cpu {

// Which slices are meant. With `per_row` = k > 0, each k indices look into a stretch of `size` slices of
// their own.
struct Picks {
    const void* indices = nullptr;
    bool wide = false;  // int64, else int32
    size_t count = 0;
    size_t size = 0;  // slices an index may name
    size_t per_row = 0;
    bool wrap = false;  // negative indices count from the end
    // Text of the error for an index out of range, before and after its number.
    std::string before, after;
};

// out[i] = x[picks[i]], slices of `bytes`. Running it throws std::invalid_argument for an index out of range.
std::shared_ptr<Task> gather(Picks picks, const char* x, char* out, size_t bytes);

enum class Number { f32, f64, i32, i64 };

// `out`, of `rows` slices of `width` numbers, is cleared; then out[picks[i]] += updates[i], in order of i.
std::shared_ptr<Task> scatter_add(Picks picks, const void* updates, void* out, Number type, size_t rows,
                                  size_t width);

// Rows of `sums`, of `width` numbers, for the rows of a table that indices name, in the order in which these
// come first; places[row] says which one, -1 where there is none.
std::shared_ptr<Task> row_sums(Picks picks, const void* updates, void* sums, int32_t* places, Number type,
                               size_t width);

}  // namespace gpukeras::cpu
