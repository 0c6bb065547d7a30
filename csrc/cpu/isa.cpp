#include "isa.h"

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace gpukeras::cpu {
namespace {

Isa detected() {
#if defined(GPUKERAS_X86_DISPATCH)
    __builtin_cpu_init();
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (avx512) return Isa::avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
    return Isa::base;
}

Isa choose() {
    const Isa best = detected();
    const char* wanted = std::getenv("GPUKERAS_CPU_ISA");
    if (wanted == nullptr) return best;
    for (Isa isa : {Isa::base, Isa::avx2, Isa::avx512}) {
        if (isa <= best && std::strcmp(wanted, isa_name(isa)) == 0) return isa;
    }
    return best;
}

}  // namespace

const char* isa_name(Isa isa) {
    switch (isa) {
        case Isa::avx512:
            return "avx512";
        case Isa::avx2:
            return "avx2";
        default:
            return "base";
    }
}

Isa chosen_isa() {
    static const Isa isa = choose();
    return isa;
}

}  // namespace gpukeras::cpu
