// Matrix products of cuBLASLt with bias, activations and their gradients in the same pass. A plan is made
// once per shape, outside of any capture; running it allocates nothing.
#include <cublasLt.h>

#include <cstdint>
#include <memory>

#include "library.h"

namespace gpukeras::cuda {
namespace {

const Library& library() {
    static const Library loaded({"libcublasLt.so.13", "libcublasLt.so.12"});
    return loaded;
}

#define LT(NAME) GPUKERAS_FUNCTION(library(), NAME)

void check(cublasStatus_t status, const char* what) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw std::runtime_error(std::string(what) + ": cuBLASLt status " +
                             std::to_string(static_cast<int>(status)));
}

cublasLtHandle_t handle() {
    // One per thread, which is bound to its device when it is made.
    static thread_local cublasLtHandle_t made = [] {
        cublasLtHandle_t h = nullptr;
        check(LT(cublasLtCreate)(&h), "cublasLtCreate");
        return h;
    }();
    return made;
}

struct Layout {
    cublasLtMatrixLayout_t value = nullptr;

    // Rows and columns as they lie in memory, row after row.
    Layout(cudaDataType_t type, int64_t rows, int64_t columns, int64_t stride) {
        check(LT(cublasLtMatrixLayoutCreate)(&value, type, static_cast<uint64_t>(rows),
                                             static_cast<uint64_t>(columns), stride),
              "cublasLtMatrixLayoutCreate");
        const cublasLtOrder_t order = CUBLASLT_ORDER_ROW;
        check(LT(cublasLtMatrixLayoutSetAttribute)(value, CUBLASLT_MATRIX_LAYOUT_ORDER, &order, sizeof order),
              "order");
    }
    Layout(const Layout&) = delete;
    Layout& operator=(const Layout&) = delete;
    ~Layout() { LT(cublasLtMatrixLayoutDestroy)(value); }
};

struct Product {
    cublasLtMatmulDesc_t operation = nullptr;
    std::unique_ptr<Layout> a, b, c;
    cublasLtMatmulAlgo_t algorithm{};
    size_t workspace = 0;

    Product() = default;
    Product(const Product&) = delete;
    Product& operator=(const Product&) = delete;
    ~Product() {
        if (operation != nullptr) LT(cublasLtMatmulDescDestroy)(operation);
    }

    template <typename T>
    void set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
        check(LT(cublasLtMatmulDescSetAttribute)(operation, attribute, &value, sizeof value), "attribute");
    }

    // The fastest algorithm by the library's own estimate.
    void choose(size_t most_workspace) {
        cublasLtMatmulPreference_t preference = nullptr;
        check(LT(cublasLtMatmulPreferenceCreate)(&preference), "cublasLtMatmulPreferenceCreate");
        check(LT(cublasLtMatmulPreferenceSetAttribute)(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                       &most_workspace, sizeof most_workspace),
              "workspace");
        cublasLtMatmulHeuristicResult_t result{};
        int found = 0;
        const cublasStatus_t status = LT(cublasLtMatmulAlgoGetHeuristic)(
            handle(), operation, a->value, b->value, c->value, c->value, preference, 1, &result, &found);
        LT(cublasLtMatmulPreferenceDestroy)(preference);
        check(status, "cublasLtMatmulAlgoGetHeuristic");
        if (found == 0) throw std::runtime_error("cuBLASLt has no algorithm for this product");
        algorithm = result.algo;
        workspace = result.workspaceSize;
    }
};

// Epilogues by number, as gpukeras/kernels/cuda names them.
const cublasLtEpilogue_t kEpilogues[] = {
    CUBLASLT_EPILOGUE_DEFAULT,   CUBLASLT_EPILOGUE_BIAS,          CUBLASLT_EPILOGUE_RELU,
    CUBLASLT_EPILOGUE_RELU_BIAS, CUBLASLT_EPILOGUE_RELU_AUX_BIAS, CUBLASLT_EPILOGUE_GELU,
    CUBLASLT_EPILOGUE_GELU_BIAS, CUBLASLT_EPILOGUE_GELU_AUX_BIAS, CUBLASLT_EPILOGUE_DRELU,
    CUBLASLT_EPILOGUE_DGELU,     CUBLASLT_EPILOGUE_DRELU_BGRAD,   CUBLASLT_EPILOGUE_DGELU_BGRAD,
    CUBLASLT_EPILOGUE_BGRADA,    CUBLASLT_EPILOGUE_BGRADB,
};

}  // namespace
}  // namespace gpukeras::cuda

extern "C" {

// sizes: m, n, k, and the strides of a, b and c between rows. transposed: bit 0 for a, bit 1 for b. type: 0
// float32, 1 the same with TF32 multiplications, 2 float16, 3 bfloat16. bias and aux are set at each run.
const char* gpukeras_cublaslt_create(const int64_t* sizes, int transposed, int type, int epilogue,
                                     int64_t aux_stride, size_t most_workspace, void** out,
                                     size_t* workspace) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        if (epilogue < 0 || epilogue >= static_cast<int>(sizeof kEpilogues / sizeof *kEpilogues) ||
            type < 0 || type > 3) {
            throw std::invalid_argument("cublaslt: unknown type or epilogue");
        }
        const cudaDataType_t element = type < 2 ? CUDA_R_32F : type == 2 ? CUDA_R_16F : CUDA_R_16BF;
        auto product = std::make_unique<Product>();
        const cublasComputeType_t compute = type == 1 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
        check(LT(cublasLtMatmulDescCreate)(&product->operation, compute, CUDA_R_32F),
              "cublasLtMatmulDescCreate");
        const bool ta = (transposed & 1) != 0, tb = (transposed & 2) != 0;
        product->set(CUBLASLT_MATMUL_DESC_TRANSA, ta ? CUBLAS_OP_T : CUBLAS_OP_N);
        product->set(CUBLASLT_MATMUL_DESC_TRANSB, tb ? CUBLAS_OP_T : CUBLAS_OP_N);
        product->set(CUBLASLT_MATMUL_DESC_EPILOGUE, kEpilogues[epilogue]);
        if (aux_stride > 0) product->set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, aux_stride);
        const int64_t m = sizes[0], n = sizes[1], k = sizes[2];
        product->a = std::make_unique<Layout>(element, ta ? k : m, ta ? m : k, sizes[3]);
        product->b = std::make_unique<Layout>(element, tb ? n : k, tb ? k : n, sizes[4]);
        product->c = std::make_unique<Layout>(element, m, n, sizes[5]);
        product->choose(most_workspace);
        *workspace = product->workspace;
        *out = product.release();
    });
}

// c = epilogue(alpha a b + beta c).
const char* gpukeras_cublaslt_run(void* made, const void* a, const void* b, void* c, const void* bias,
                                  void* aux, float alpha, float beta, void* workspace, cudaStream_t stream) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        Product& p = *static_cast<Product*>(made);
        if (bias != nullptr) p.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
        if (aux != nullptr) p.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux);
        check(LT(cublasLtMatmul)(handle(), p.operation, &alpha, a, p.a->value, b, p.b->value, &beta, c,
                                 p.c->value, c, p.c->value, &p.algorithm, workspace, p.workspace, stream),
              "cublasLtMatmul");
    });
}

void gpukeras_cublaslt_destroy(void* made) { delete static_cast<gpukeras::cuda::Product*>(made); }

}  // extern "C"
