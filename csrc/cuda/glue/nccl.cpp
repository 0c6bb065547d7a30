// Sums over several GPUs by NCCL, of one process that drives them all or of many.
#include <nccl.h>

#include "library.h"

namespace gpukeras::cuda {
namespace {

#define NCCL(NAME) GPUKERAS_FUNCTION(NAME)

void check(ncclResult_t result, const char* what) {
    if (result == ncclSuccess) return;
    throw std::runtime_error(std::string(what) + ": " + NCCL(ncclGetErrorString)(result));
}

}  // namespace
}  // namespace gpukeras::cuda

extern "C" {

// One communicator per device of this process.
const char* gpukeras_nccl_create(int devices, const int* which, void** communicators) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        check(NCCL(ncclCommInitAll)(reinterpret_cast<ncclComm_t*>(communicators), devices, which),
              "ncclCommInitAll");
    });
}

// The sum of all devices' buffers in each of them, or their mean. type: 0 float32, 1 float64, 2 float16, 3
// bfloat16.
const char* gpukeras_nccl_all_reduce(int devices, void** communicators, void** buffers, size_t count,
                                     int type, int mean, cudaStream_t* streams) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        const ncclDataType_t types[] = {ncclFloat32, ncclFloat64, ncclFloat16, ncclBfloat16};
        if (type < 0 || type > 3) throw std::invalid_argument("nccl: unknown type");
        check(NCCL(ncclGroupStart)(), "ncclGroupStart");
        ncclResult_t worst = ncclSuccess;
        for (int i = 0; i < devices; ++i) {
            const ncclResult_t result =
                NCCL(ncclAllReduce)(buffers[i], buffers[i], count, types[type], mean != 0 ? ncclAvg : ncclSum,
                                    static_cast<ncclComm_t>(communicators[i]), streams[i]);
            if (result != ncclSuccess) worst = result;
        }
        check(NCCL(ncclGroupEnd)(), "ncclGroupEnd");
        check(worst, "ncclAllReduce");
    });
}

const char* gpukeras_nccl_destroy(int devices, void** communicators) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        for (int i = 0; i < devices; ++i) {
            check(NCCL(ncclCommDestroy)(static_cast<ncclComm_t>(communicators[i])), "ncclCommDestroy");
        }
    });
}

}  // extern "C"
