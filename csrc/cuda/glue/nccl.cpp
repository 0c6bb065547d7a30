// Sums over several GPUs by NCCL, of one process that drives them all or of many.
#include <nccl.h>

#include <cstdint>

#include "library.h"

namespace gpukeras::cuda {
namespace {

#define NCCL(NAME) GPUKERAS_FUNCTION(NAME)

void check(ncclResult_t result, const char* what) {
    if (result == ncclSuccess) return;
    throw std::runtime_error(std::string(what) + ": " + NCCL(ncclGetErrorString)(result));
}

ncclDataType_t type_of(int64_t number) {
    const ncclDataType_t types[] = {ncclFloat32, ncclFloat64, ncclFloat16, ncclBfloat16};
    if (number < 0 || number > 3) throw std::invalid_argument("nccl: unknown type");
    return types[number];
}

// Calls `body(array, device)` for all arrays on all devices, as one group: NCCL joins what it can, and one
// thread may call for all devices.
template <typename Body>
void grouped(const char* what, int arrays, int devices, Body body) {
    check(NCCL(ncclGroupStart)(), "ncclGroupStart");
    ncclResult_t worst = ncclSuccess;
    for (int i = 0; i < arrays; ++i) {
        for (int device = 0; device < devices; ++device) {
            const ncclResult_t result = body(i, device);
            if (result != ncclSuccess) worst = result;
        }
    }
    check(NCCL(ncclGroupEnd)(), "ncclGroupEnd");
    check(worst, what);
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

// What the processes have to know of each other to make communicators together: 128 bytes, of one of them.
const char* gpukeras_nccl_unique_id(void* bytes) {
    using namespace gpukeras::cuda;
    return guarded(
        [&] { check(NCCL(ncclGetUniqueId)(static_cast<ncclUniqueId*>(bytes)), "ncclGetUniqueId"); });
}

// The communicator of this process, which uses the current device; all processes call it at the same time.
const char* gpukeras_nccl_join(int size, int rank, const void* bytes, void** communicator) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        const ncclUniqueId id = *static_cast<const ncclUniqueId*>(bytes);
        check(NCCL(ncclCommInitRank)(reinterpret_cast<ncclComm_t*>(communicator), size, id, rank),
              "ncclCommInitRank");
    });
}

// Copies of the first device's arrays on the others. buffers: for every array, those of all devices; sizes in
// bytes.
const char* gpukeras_nccl_broadcast(int devices, void** communicators, int arrays, void** buffers,
                                    const int64_t* sizes, cudaStream_t* streams) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        grouped("ncclBroadcast", arrays, devices, [&](int i, int device) {
            void* buffer = buffers[i * devices + device];
            return NCCL(ncclBroadcast)(buffer, buffer, static_cast<size_t>(sizes[i]), ncclInt8, 0,
                                       static_cast<ncclComm_t>(communicators[device]), streams[device]);
        });
    });
}

// Sums over the devices, on the first one. buffers: for every sum, its terms on all devices. types: 0
// float32, 1 float64, 2 float16, 3 bfloat16.
const char* gpukeras_nccl_reduce(int devices, void** communicators, int arrays, void** buffers, void** sums,
                                 const int64_t* sizes, const int64_t* types, cudaStream_t* streams) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        for (int i = 0; i < arrays; ++i) type_of(types[i]);
        grouped("ncclReduce", arrays, devices, [&](int i, int device) {
            return NCCL(ncclReduce)(buffers[i * devices + device], device == 0 ? sums[i] : nullptr,
                                    static_cast<size_t>(sizes[i]), type_of(types[i]), ncclSum, 0,
                                    static_cast<ncclComm_t>(communicators[device]), streams[device]);
        });
    });
}

// The sum of all processes' buffers in each of them, or their mean.
const char* gpukeras_nccl_all_reduce(void* communicator, void* buffer, int64_t size, int type, int mean,
                                     cudaStream_t stream) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        check(
            NCCL(ncclAllReduce)(buffer, buffer, static_cast<size_t>(size), type_of(type),
                                mean != 0 ? ncclAvg : ncclSum, static_cast<ncclComm_t>(communicator), stream),
            "ncclAllReduce");
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
