#include "fused.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>
#include <stdexcept>

#include "fused_loads.h"
#include "isa.h"
#include "parallel.h"

namespace gpukeras::cpu::fused {
namespace {

constexpr size_t kBlockElements = 1024, kFewestElements = 256;
constexpr size_t kFirstLevelCache = 24 << 10;  // bytes of it that blocks may take up
constexpr size_t kChunkElements = 16384;       // work is handed to threads, and sums are made, in such pieces
constexpr size_t kMaxChunks = 256;             // per loop with reductions: bounds their partial results
constexpr size_t kAlignment = 64;
constexpr size_t kManyStreams = 5;        // full arrays of a loop, outputs counted
constexpr size_t kFarElements = 1 << 17;  // from here on arrays are not expected in the second-level cache

const Tables& tables() {
    static const Tables& chosen = GPUKERAS_CHOSEN_TABLE(tables);
    return chosen;
}

[[noreturn]] void refuse(const char* what) {
    throw std::invalid_argument(std::string("fused program: ") + what);
}

void require(bool holds, const char* what) {
    if (!holds) refuse(what);
}

size_t rounded_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// A thread's blocks; grows to the largest loop it has met and is kept.
class Workspace {
  public:
    ~Workspace() { std::free(data_); }
    char* reserve(size_t bytes) {
        if (bytes > size_) {
            std::free(data_);
            size_ = rounded_up(bytes, kAlignment);
            data_ = static_cast<char*>(std::aligned_alloc(kAlignment, size_));
            if (data_ == nullptr) {
                size_ = 0;
                throw std::bad_alloc();
            }
        }
        return data_;
    }

  private:
    char* data_ = nullptr;
    size_t size_ = 0;
};

thread_local Workspace workspace;

}  // namespace

Function find_opcode(const std::string& name) {
    for (const Opcode* list : tables().lists) {
        for (const Opcode* entry = list; entry != nullptr && entry->name != nullptr; ++entry) {
            if (name == entry->name) return entry->function;
        }
    }
    return nullptr;
}

std::vector<std::string> opcode_names() {
    std::vector<std::string> names;
    for (const Opcode* list : tables().lists) {
        for (const Opcode* entry = list; entry != nullptr && entry->name != nullptr; ++entry) {
            names.push_back(entry->name);
        }
    }
    return names;
}

// A loop with everything worked out that does not depend on where arrays are.
struct Program::Layout {
    Loop loop;
    std::vector<Walk> walks;   // one per operand
    std::vector<int> buffers;  // per operand: its block in the work space, -1 where it needs none
    size_t block = 0;          // elements per block, whole rows
    size_t chunk = 0;          // elements per chunk, whole blocks
    size_t chunks = 0;
    size_t slot_bytes = 0;
    size_t work_bytes = 0;
    size_t first_operand = 0;      // in the program's list of arrays
    std::vector<size_t> partials;  // per reduction: where its accumulators start, in words of 8 bytes
    size_t partial_words = 0;      // of one chunk
    size_t first_partial = 0;      // in the task's array

    explicit Layout(Loop l) : loop(std::move(l)) {
        check();
        size_t item = loop.wide_blocks ? 8 : 4, buffered = 0, strideds = 0;
        for (const Operand& op : loop.operands) {
            if (op.kind != Operand::direct) item = std::max(item, op.item);
            walks.emplace_back(op.shape, op.strides);
            const bool needs = op.kind == Operand::scalar || op.kind == Operand::strided;
            buffers.push_back(needs ? static_cast<int>(loop.blocks + buffered++) : -1);
            strideds += op.kind == Operand::strided;
        }
        choose_block(strideds > 0, (loop.blocks + buffered) * item);
        slot_bytes = rounded_up(block * item, kAlignment);
        work_bytes = slot_bytes * (loop.blocks + buffered);
        choose_chunk();
    }

    void choose_block(bool strided, size_t bytes_per_element) {
        const size_t unit = loop.length;
        size_t wanted = kBlockElements, streams = 0;
        for (const Operand& op : loop.operands) streams += op.kind == Operand::full && !op.per_row;
        // Short turns keep the requests for several arrays that come from memory apart.
        if (streams >= kManyStreams && loop.count >= kFarElements) wanted = kFewestElements;
        while (wanted > kFewestElements && wanted * bytes_per_element > kFirstLevelCache) wanted /= 2;
        block = std::max<size_t>(1, wanted / unit) * unit;
        if (strided) {
            // Whole periods of what repeats are loaded once.
            size_t period = 1;
            for (size_t i = 0; i < walks.size(); ++i) {
                const Operand& op = loop.operands[i];
                if (op.kind != Operand::strided) continue;
                const size_t p = walks[i].period * (op.per_row ? loop.length : 1);
                if (p <= 2 * wanted && p % unit == 0) period = std::max(period, p);
            }
            if (period > 1) block = std::max<size_t>(1, wanted / period) * period;
        }
        block = std::min(block, loop.count);
    }

    void choose_chunk() {
        chunk = kChunkElements;
        size_t widest = 0;
        bool whole = false;
        for (const Reduction& r : loop.reductions) {
            if (r.group == 0) widest = std::max(widest, r.period);
            whole |= r.group == 0;
        }
        if (whole) {
            chunk = std::max(chunk, (loop.count + kMaxChunks - 1) / kMaxChunks);
            chunk = std::max(chunk, 8 * widest);
        }
        size_t unit = block;
        for (const Reduction& r : loop.reductions) {
            // A group stays with one thread.
            if (r.group > 0)
                unit = std::lcm(unit == block ? loop.length : unit, r.group * (r.per_row ? loop.length : 1));
        }
        chunk = std::max(unit, rounded_up(chunk, unit));
        chunks = (loop.count + chunk - 1) / chunk;
        for (const Reduction& r : loop.reductions) {
            partials.push_back(partial_words);
            partial_words += r.period;
        }
    }

    void check() const {
        require(loop.count > 0 && loop.length > 0 && loop.count % loop.length == 0, "rows of one length");
        const int slots = static_cast<int>(loop.blocks + loop.operands.size());
        const auto is_slot = [&](int s) { return s >= 0 && s < slots; };
        for (const Operand& op : loop.operands) {
            require(op.item == 1 || op.item == 2 || op.item == 4 || op.item == 8,
                    "elements of 1, 2, 4 or 8 bytes");
            require(op.shape.size() == op.strides.size() && op.shape.size() <= 16, "a stride per axis");
            if (op.kind == Operand::strided) {
                size_t n = 1;
                for (int64_t d : op.shape) n *= static_cast<size_t>(d);
                require(n == (op.per_row ? loop.count / loop.length : loop.count),
                        "operands of the loop's size");
            }
        }
        for (const Instruction& i : loop.instructions) {
            require(i.function != nullptr && is_slot(i.out), "known opcodes and slots");
            require(i.numbers.size() >= 4, "four numbers per instruction");
            for (int s : i.in) require(s == -1 || is_slot(s), "known slots");
        }
        for (const Reduction& r : loop.reductions) {
            require(is_slot(r.slot) && r.period > 0, "known slots");
            require(r.operand >= 0 && r.operand < static_cast<int>(loop.operands.size()), "known operands");
        }
    }
};

namespace {

using Layout = Program::Layout;

bool is_integer(const Reduction& r) { return r.type == Reduction::i32 || r.type == Reduction::i64; }

void clear(const Reduction& r, char* acc) {
    if (is_integer(r)) {
        const int64_t value = r.kind == Reduction::sum   ? 0
                              : r.kind == Reduction::max ? std::numeric_limits<int64_t>::min()
                                                         : std::numeric_limits<int64_t>::max();
        std::fill_n(reinterpret_cast<int64_t*>(acc), r.period, value);
    } else {
        const double inf = std::numeric_limits<double>::infinity();
        const double value = r.kind == Reduction::sum ? 0.0 : r.kind == Reduction::max ? -inf : inf;
        std::fill_n(reinterpret_cast<double*>(acc), r.period, value);
    }
}

template <typename A>
A joined(const Reduction& r, A a, A x) {
    if (r.kind == Reduction::sum) return a + x;
    if (r.kind == Reduction::max) return x > a || x != x ? x : a;
    return x < a || x != x ? x : a;
}

template <typename A, typename T>
void write_results(const Reduction& r, const A* acc, size_t stride, size_t chunks, double terms, T* out) {
    for (size_t j = 0; j < r.period; ++j) {
        A total = acc[j];
        for (size_t c = 1; c < chunks; ++c) total = joined(r, total, acc[c * stride + j]);
        out[j] = r.mean ? static_cast<T>(static_cast<double>(total) / terms) : static_cast<T>(total);
    }
}

size_t item_of(const Reduction& r) { return r.type == Reduction::f64 || r.type == Reduction::i64 ? 8 : 4; }

void write(const Reduction& r, const char* acc, size_t stride, size_t chunks, double terms, char* out) {
    const auto* floats = reinterpret_cast<const double*>(acc);
    const auto* integers = reinterpret_cast<const int64_t*>(acc);
    switch (r.type) {
        case Reduction::f32:
            return write_results(r, floats, stride, chunks, terms, reinterpret_cast<float*>(out));
        case Reduction::f64:
            return write_results(r, floats, stride, chunks, terms, reinterpret_cast<double*>(out));
        case Reduction::i32:
            return write_results(r, integers, stride, chunks, terms, reinterpret_cast<int32_t*>(out));
        default:
            return write_results(r, integers, stride, chunks, terms, reinterpret_cast<int64_t*>(out));
    }
}

// Pointers of one loop in one thread's hands.
struct Frame {
    const Layout* layout = nullptr;
    char* const* data = nullptr;
    char* work = nullptr;
    // Per strided operand: what its block holds.
    struct Loaded {
        size_t first, count;
    };
    static constexpr size_t kMaxSlots = 512;
    char* slots[kMaxSlots];
    Loaded loaded[kMaxSlots];

    void enter(const Layout& l, char* const* arrays, char* memory) {
        layout = &l;
        data = arrays;
        work = memory;
        const Loop& loop = l.loop;
        for (size_t b = 0; b < loop.blocks; ++b) slots[b] = work + b * l.slot_bytes;
        for (size_t o = 0; o < loop.operands.size(); ++o) {
            const Operand& op = loop.operands[o];
            char*& slot = slots[loop.blocks + o];
            slot = l.buffers[o] < 0 ? data[o] : work + static_cast<size_t>(l.buffers[o]) * l.slot_bytes;
            loaded[o].count = 0;
            if (op.kind == Operand::scalar && !op.output) fill(slot, data[o], op.item, l.block);
        }
    }

    static void fill(char* slot, const char* value, size_t item, size_t n) {
        if (item == 4) {
            std::fill_n(reinterpret_cast<uint32_t*>(slot), n, *reinterpret_cast<const uint32_t*>(value));
        } else if (item == 8) {
            std::fill_n(reinterpret_cast<uint64_t*>(slot), n, *reinterpret_cast<const uint64_t*>(value));
        } else if (item == 2) {
            std::fill_n(reinterpret_cast<uint16_t*>(slot), n, *reinterpret_cast<const uint16_t*>(value));
        } else {
            std::memset(slot, *value, n);
        }
    }

    // Elements [begin, end), folding into `partials`.
    void run(size_t begin, size_t end, char* partials) {
        const size_t block = layout->block;
        for (size_t first = begin; first < end; first += block) {
            step(first, std::min(block, end - first), first + block >= end, partials);
        }
    }

    // Asks for the share of instruction k in what the next block reads: hardware follows a stream to the end
    // of its page only, about where that block starts, and all at once would be more than it can have under
    // way.
    void prefetch(size_t k, size_t count) const {
        const Loop& loop = layout->loop;
        const size_t n = loop.instructions.size();
        for (size_t o = 0; o < loop.operands.size(); ++o) {
            const Operand& op = loop.operands[o];
            if (op.kind != Operand::full || op.output || op.per_row) continue;
            const size_t bytes = count * op.item;
            const char* next = slots[loop.blocks + o] + bytes;
            for (size_t i = bytes * k / n / 64 * 64; i < bytes * (k + 1) / n; i += 64)
                __builtin_prefetch(next + i, 0, 2);
        }
    }

    void step(size_t first, size_t count, bool last, char* partials) {
        const Loop& loop = layout->loop;
        const size_t row = first / loop.length, rows = count / loop.length;
        for (size_t o = 0; o < loop.operands.size(); ++o) {
            const Operand& op = loop.operands[o];
            const size_t place = op.per_row ? row : first;
            if (op.kind == Operand::full) {
                slots[loop.blocks + o] = data[o] + place * op.item;
            } else if (op.kind == Operand::strided && !op.output) {
                load(o, op, place, op.per_row ? rows : count);
            }
        }
        Call call{};
        call.length = loop.length;
        const bool ahead = !last && loop.count >= kFarElements;
        for (size_t place = 0; place < loop.instructions.size(); ++place) {
            const Instruction& i = loop.instructions[place];
            call.out = slots[i.out];
            for (int k = 0; k < 3; ++k) call.in[k] = i.in[k] < 0 ? nullptr : slots[i.in[k]];
            call.count = i.rows || i.per_row ? rows : count;
            call.a = i.numbers.data();
            call.seed = i.seed;
            call.index = i.per_row ? row : first;
            i.function(call);
            if (ahead) prefetch(place, count);
        }
        for (size_t o = 0; o < loop.operands.size(); ++o) {
            const Operand& op = loop.operands[o];
            if (op.kind != Operand::strided || !op.output) continue;
            scatter(slots[loop.blocks + o], data[o], layout->walks[o], op.item, op.per_row ? row : first,
                    op.per_row ? rows : count);
        }
        for (size_t k = 0; k < loop.reductions.size(); ++k) {
            const Reduction& r = loop.reductions[k];
            const size_t n = r.per_row ? rows : count;
            const Folds& folds = tables().folds[r.kind][r.type];
            char* acc = partials + layout->partials[k] * 8;
            if (r.group > 0) {
                fold_groups(r, folds, r.per_row ? row : first, n, acc);
            } else if (r.period == 1) {
                folds.all(slots[r.slot], n, acc);
            } else {
                folds.columns(slots[r.slot], n, (r.per_row ? row : first) % r.period, r.period, acc);
            }
        }
    }

    // Results of groups that end in this block are written at once.
    void fold_groups(const Reduction& r, const Folds& folds, size_t place, size_t count, char* acc) {
        const size_t item = item_of(r);
        const char* x = slots[r.slot];
        while (count > 0) {
            const size_t inside = place % r.group, run = std::min(count, r.group - inside);
            if (r.period == 1) {
                folds.all(x, run, acc);
            } else {
                folds.columns(x, run, inside % r.period, r.period, acc);
            }
            if (inside + run == r.group) {
                char* out = data[static_cast<size_t>(r.operand)] + place / r.group * r.period * item;
                write(r, acc, 0, 1, static_cast<double>(r.group / r.period), out);
                clear(r, acc);
            }
            x += run * item;
            place += run;
            count -= run;
        }
    }

    void load(size_t o, const Operand& op, size_t place, size_t count) {
        const Walk& walk = layout->walks[o];
        Loaded& have = loaded[o];
        const size_t first = place % walk.period;
        if (have.count >= count && have.first == first) return;
        gather(slots[layout->loop.blocks + o], data[o], walk, op.item, place, count);
        have.first = first;
        have.count = count;
    }
};

class FusedTask final : public Task {
  public:
    FusedTask(std::shared_ptr<const std::vector<Layout>> layouts, std::vector<char*> data,
              std::vector<uint64_t*> counters)
        : layouts_(std::move(layouts)), data_(std::move(data)), counters_(std::move(counters)) {
        size_t words = 0;
        for (size_t l = 0; l < layouts_->size(); ++l) {
            const Layout& layout = (*layouts_)[l];
            first_partial_.push_back(words);
            words += layout.partial_words * layout.chunks;
            first_chunk_.push_back(chunks_);
            chunks_ += layout.chunks;
            elements_ += layout.loop.count;
            work_bytes_ = std::max(work_bytes_, layout.work_bytes);
        }
        partials_.resize(words);
    }

    void run() override {
        if (elements_ < 2 * kChunkElements) {
            work(0, chunks_);
        } else {
            parallel_for(chunks_, 1, [this](size_t begin, size_t end) { work(begin, end); });
        }
        for (size_t l = 0; l < layouts_->size(); ++l) finish(l);
        for (uint64_t* counter : counters_) ++*counter;
    }

  private:
    void work(size_t begin, size_t end) {
        Frame frame;
        char* memory = workspace.reserve(work_bytes_);
        size_t l = static_cast<size_t>(std::upper_bound(first_chunk_.begin(), first_chunk_.end(), begin) -
                                       first_chunk_.begin()) -
                   1;
        bool entered = false;
        for (size_t c = begin; c < end; ++c) {
            const Layout* layout = &(*layouts_)[l];
            if (c >= first_chunk_[l] + layout->chunks) {
                layout = &(*layouts_)[++l];
                entered = false;
            }
            if (!entered) frame.enter(*layout, data_.data() + layout->first_operand, memory);
            entered = true;
            const size_t k = c - first_chunk_[l];
            char* partials = partial(l, k);
            for (size_t r = 0; r < layout->loop.reductions.size(); ++r) {
                clear(layout->loop.reductions[r], partials + layout->partials[r] * 8);
            }
            frame.run(k * layout->chunk, std::min(layout->loop.count, (k + 1) * layout->chunk), partials);
        }
    }

    char* partial(size_t l, size_t chunk) {
        return reinterpret_cast<char*>(partials_.data() + first_partial_[l] +
                                       chunk * (*layouts_)[l].partial_words);
    }

    void finish(size_t l) {
        const Layout& layout = (*layouts_)[l];
        for (size_t k = 0; k < layout.loop.reductions.size(); ++k) {
            const Reduction& r = layout.loop.reductions[k];
            if (r.group > 0) continue;
            char* out = data_[layout.first_operand + static_cast<size_t>(r.operand)];
            const char* acc = partial(l, 0) + layout.partials[k] * 8;
            const size_t seen = r.per_row ? layout.loop.count / layout.loop.length : layout.loop.count;
            write(r, acc, layout.partial_words, layout.chunks, static_cast<double>(seen / r.period), out);
        }
    }

    std::shared_ptr<const std::vector<Layout>> layouts_;
    std::vector<char*> data_;
    std::vector<uint64_t*> counters_;
    std::vector<double> partials_;
    std::vector<size_t> first_partial_, first_chunk_;
    size_t chunks_ = 0, elements_ = 0, work_bytes_ = 0;
};

}  // namespace

Program::Program(std::vector<Loop> loops) {
    auto layouts = std::make_shared<std::vector<Layout>>();
    size_t operands = 0;
    for (Loop& loop : loops) {
        require(loop.blocks + loop.operands.size() <= Frame::kMaxSlots, "at most 512 blocks and operands");
        layouts->emplace_back(std::move(loop));
        layouts->back().first_operand = operands;
        operands += layouts->back().loop.operands.size();
    }
    layouts_ = std::move(layouts);
}

Program::~Program() = default;

size_t Program::operands() const {
    return layouts_->empty() ? 0 : layouts_->back().first_operand + layouts_->back().loop.operands.size();
}

std::shared_ptr<Task> Program::bind(const std::vector<char*>& data,
                                    const std::vector<uint64_t*>& counters) const {
    require(data.size() == operands(), "one array per operand");
    return std::make_shared<FusedTask>(layouts_, data, counters);
}

}  // namespace gpukeras::cpu::fused
