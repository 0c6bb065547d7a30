// cuBLASLt on the host's memory, at once: what the glue calls, with what it was given checked. Matrices lie
// column after column, as the library's documentation says.
#include <cublasLt.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

namespace {

using Attributes = std::map<int, std::vector<char>>;

struct Described {
    cublasComputeType_t compute;
    cudaDataType_t scale;
    Attributes attributes;
};

struct Laid {
    cudaDataType_t type;
    uint64_t rows, columns;
    int64_t step;
    Attributes attributes;
};

template <typename T>
T get(const Attributes& from, int name, T otherwise) {
    const auto found = from.find(name);
    if (found == from.end()) return otherwise;
    T value;
    std::memcpy(&value, found->second.data(), sizeof value);
    return value;
}

void put(Attributes& into, int name, const void* value, size_t size) {
    const char* bytes = static_cast<const char*>(value);
    into[name] = std::vector<char>(bytes, bytes + size);
}

template <typename T>
T* mine(void* opaque) {
    T* found;
    std::memcpy(&found, opaque, sizeof found);
    return found;
}

template <typename T, typename Opaque>
Opaque* made(T* what) {
    auto* opaque = new Opaque();
    std::memcpy(opaque, &what, sizeof what);
    return opaque;
}

Described* described(cublasLtMatmulDesc_t d) { return mine<Described>(d); }
Laid* laid(cublasLtMatrixLayout_t l) { return mine<Laid>(l); }

bool has_bias(int epilogue) {
    return epilogue == CUBLASLT_EPILOGUE_BIAS || epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
}

// Which sizes and settings the library refuses.
bool fits(const Described& d, const Laid& a, const Laid& b, const Laid& c) {
    const int ta = get<int>(d.attributes, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_N);
    const int tb = get<int>(d.attributes, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
    const uint64_t m = ta == CUBLAS_OP_N ? a.rows : a.columns, k = ta == CUBLAS_OP_N ? a.columns : a.rows;
    const uint64_t n = tb == CUBLAS_OP_N ? b.columns : b.rows, j = tb == CUBLAS_OP_N ? b.rows : b.columns;
    const int epilogue = get<int>(d.attributes, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT);
    const bool wide = c.type == CUDA_R_64F;
    if (wide != (d.compute == CUBLAS_COMPUTE_64F) || d.scale != (wide ? CUDA_R_64F : CUDA_R_32F))
        return false;
    if (has_bias(epilogue) && (wide || d.attributes.count(CUBLASLT_MATMUL_DESC_BIAS_POINTER) == 0))
        return false;
    for (const Laid* l : {&a, &b, &c}) {
        if (l->step < static_cast<int64_t>(l->rows) || l->type != c.type) return false;
        if (get<int32_t>(l->attributes, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, 1) < 1) return false;
    }
    return m == c.rows && n == c.columns && k == j;
}

template <typename T>
void multiply(const Described& d, const T* a, const Laid& la, const T* b, const Laid& lb, T* c,
              const Laid& lc) {
    const bool ta = get<int>(d.attributes, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_N) == CUBLAS_OP_T;
    const bool tb = get<int>(d.attributes, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N) == CUBLAS_OP_T;
    const int epilogue = get<int>(d.attributes, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT);
    const T* bias = get<const T*>(d.attributes, CUBLASLT_MATMUL_DESC_BIAS_POINTER, nullptr);
    const int32_t batch = get<int32_t>(lc.attributes, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, 1);
    const auto next = [](const Laid& l) {
        return get<int64_t>(l.attributes, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, 0);
    };
    const int64_t depth = static_cast<int64_t>(ta ? la.rows : la.columns);
    for (int32_t i = 0; i < batch; ++i) {
        for (int64_t column = 0; column < static_cast<int64_t>(lc.columns); ++column) {
            for (int64_t row = 0; row < static_cast<int64_t>(lc.rows); ++row) {
                double sum = 0;
                for (int64_t k = 0; k < depth; ++k) {
                    const T left = ta ? a[row * la.step + k] : a[k * la.step + row];
                    const T right = tb ? b[k * lb.step + column] : b[column * lb.step + k];
                    sum += static_cast<double>(left) * static_cast<double>(right);
                }
                if (has_bias(epilogue)) sum += static_cast<double>(bias[row]);
                const bool relu =
                    epilogue == CUBLASLT_EPILOGUE_RELU || epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
                c[column * lc.step + row] = static_cast<T>(relu ? std::max(sum, 0.0) : sum);
            }
        }
        a += next(la), b += next(lb), c += next(lc);
    }
}

const int kCandidates = 2;
const size_t kWorkspace = 512;

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
    *handle = reinterpret_cast<cublasLtHandle_t>(new int(42));
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* out, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
    *out = made<Described, cublasLtMatmulDescOpaque_t>(new Described{compute, scale, {}});
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(const cublasLtMatmulDesc_t) { return CUBLAS_STATUS_SUCCESS; }

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t name,
                                              const void* value, size_t size) {
    const bool pointer = name == CUBLASLT_MATMUL_DESC_BIAS_POINTER;
    if (size != (pointer ? sizeof(void*) : sizeof(int32_t))) return CUBLAS_STATUS_INVALID_VALUE;
    put(described(d)->attributes, name, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* out, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t step) {
    *out = made<Laid, cublasLtMatrixLayoutOpaque_t>(new Laid{type, rows, columns, step, {}});
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(const cublasLtMatrixLayout_t) { return CUBLAS_STATUS_SUCCESS; }

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t l,
                                                cublasLtMatrixLayoutAttribute_t name, const void* value,
                                                size_t size) {
    const size_t wanted = name == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT ? sizeof(int32_t) : sizeof(int64_t);
    if (size != wanted) return CUBLAS_STATUS_INVALID_VALUE;
    put(laid(l)->attributes, name, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* out) {
    *out = made<Attributes, cublasLtMatmulPreferenceOpaque_t>(new Attributes());
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(const cublasLtMatmulPreference_t) {
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                    cublasLtMatmulPreferenceAttributes_t name,
                                                    const void* value, size_t size) {
    const bool bytes = name == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
    if (size != (bytes ? sizeof(uint64_t) : sizeof(uint32_t))) return CUBLAS_STATUS_INVALID_VALUE;
    put(*mine<Attributes>(p), name, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t d,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t p, int most,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
    *found = 0;
    if (!fits(*described(d), *laid(a), *laid(b), *laid(c))) return CUBLAS_STATUS_NOT_SUPPORTED;
    const uint64_t bytes = get<uint64_t>(*mine<Attributes>(p), CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 0);
    for (int i = 0; i < std::min(kCandidates, most); ++i) {
        results[i].algo.data[0] = 7000u + static_cast<uint64_t>(i);
        results[i].workspaceSize = std::min<size_t>(bytes, kWorkspace);
        results[i].state = CUBLAS_STATUS_SUCCESS;
        ++*found;
    }
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t d, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t la, const void* b,
                              cublasLtMatrixLayout_t lb, const void* beta, const void* c,
                              cublasLtMatrixLayout_t lc, void* to, cublasLtMatrixLayout_t ld,
                              const cublasLtMatmulAlgo_t* algo, void* workspace, size_t bytes, cudaStream_t) {
    const bool wide = laid(lc)->type == CUDA_R_64F;
    const double one = wide ? *static_cast<const double*>(alpha) : *static_cast<const float*>(alpha);
    const double zero = wide ? *static_cast<const double*>(beta) : *static_cast<const float*>(beta);
    if (*reinterpret_cast<int*>(handle) != 42 || one != 1 || zero != 0 || c != to || lc != ld ||
        algo->data[0] / 1000 != 7 || (bytes != 0 && workspace == nullptr) ||
        !fits(*described(d), *laid(la), *laid(lb), *laid(lc)))
        return CUBLAS_STATUS_INVALID_VALUE;
    std::memset(workspace, 0xFF, bytes);
    if (wide)
        multiply(*described(d), static_cast<const double*>(a), *laid(la), static_cast<const double*>(b),
                 *laid(lb), static_cast<double*>(to), *laid(ld));
    else
        multiply(*described(d), static_cast<const float*>(a), *laid(la), static_cast<const float*>(b),
                 *laid(lb), static_cast<float*>(to), *laid(ld));
    return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
