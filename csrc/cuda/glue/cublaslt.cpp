// Matrix products of cuBLASLt with bias, activations and their gradients in the same pass. A plan is made
// once per shape, outside of any capture; running it allocates nothing.
//
// Arrays lie row after row, which is what cuBLASLt calls the transpose of a matrix stored column after
// column. So c = a b is asked for as c' = b' a': the library's rows are our columns, and its bias, which has
// an element per row, is ours of the last axis.
#include <cublasLt.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "library.h"

namespace gpukeras::cuda {
namespace {

#define LT(NAME) GPUKERAS_FUNCTION(NAME)

void check(cublasStatus_t status, const char* what) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw std::runtime_error(std::string(what) + ": cuBLASLt status " +
                             std::to_string(static_cast<int>(status)));
}

// What a product is made from; gpukeras/kernels/cuda/products.py names the same fields.
struct Description {
    int64_t device;
    int64_t m, n, k;                 // c (m, n) = a (m, k) b (k, n)
    int64_t row_a, row_b, row_c;     // elements from one row in memory to the next
    int64_t batch;                   // products of one shape
    int64_t next_a, next_b, next_c;  // elements from one matrix to the next; 0 repeats one
    int64_t transposed_a, transposed_b;
    int64_t type;  // 0 float32, 1 float16, 2 bfloat16, 3 float64
    int64_t tf32;  // float32 may be rounded to TF32 before it is multiplied
    int64_t epilogue;
    int64_t row_aux;
    int64_t alignment;  // bytes that all addresses are multiples of
    int64_t most_workspace;
};

// Epilogues by number. Gradients: of the activation (DRELU, DGELU, of what *_AUX_* kept), the same with the
// sum over all rows for the bias (*_BGRAD), and the sum over the rows of b beside the product (BGRADA).
const cublasLtEpilogue_t kEpilogues[] = {
    CUBLASLT_EPILOGUE_DEFAULT,       CUBLASLT_EPILOGUE_BIAS,          CUBLASLT_EPILOGUE_RELU,
    CUBLASLT_EPILOGUE_RELU_BIAS,     CUBLASLT_EPILOGUE_GELU,          CUBLASLT_EPILOGUE_GELU_BIAS,
    CUBLASLT_EPILOGUE_RELU_AUX_BIAS, CUBLASLT_EPILOGUE_GELU_AUX_BIAS, CUBLASLT_EPILOGUE_DRELU,
    CUBLASLT_EPILOGUE_DGELU,         CUBLASLT_EPILOGUE_DRELU_BGRAD,   CUBLASLT_EPILOGUE_DGELU_BGRAD,
    CUBLASLT_EPILOGUE_BGRADA,
};
const int64_t kEpilogueCount = sizeof kEpilogues / sizeof *kEpilogues;
// Which of them read or write a bias, and what another one keeps or has kept.
const bool kHasBias[kEpilogueCount] = {false, true,  false, true, false, true, true,
                                       true,  false, false, true, true,  true};
const bool kHasAux[kEpilogueCount] = {false, false, false, false, false, false, true,
                                      true,  true,  true,  true,  true,  false};
const int kCandidates = 16;

// One per device, which is the current one whenever a product for it is made or run.
cublasLtHandle_t handle(int64_t device) {
    static std::mutex lock;
    static std::map<int64_t, cublasLtHandle_t> made;
    const std::lock_guard<std::mutex> guard(lock);
    cublasLtHandle_t& found = made[device];
    if (found == nullptr) check(LT(cublasLtCreate)(&found), "cublasLtCreate");
    return found;
}

class Layout {
  public:
    // Columns and rows as they lie in memory, column after column.
    Layout(cudaDataType_t type, int64_t rows, int64_t columns, int64_t step, int64_t batch, int64_t next) {
        check(LT(cublasLtMatrixLayoutCreate)(&value_, type, static_cast<uint64_t>(rows),
                                             static_cast<uint64_t>(columns), step),
              "cublasLtMatrixLayoutCreate");
        const int32_t count = static_cast<int32_t>(batch);
        set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, count);
        set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, next);
    }
    Layout(const Layout&) = delete;
    Layout& operator=(const Layout&) = delete;
    ~Layout() { LT(cublasLtMatrixLayoutDestroy)(value_); }
    cublasLtMatrixLayout_t get() const { return value_; }

  private:
    template <typename T>
    void set(cublasLtMatrixLayoutAttribute_t attribute, const T& value) {
        check(LT(cublasLtMatrixLayoutSetAttribute)(value_, attribute, &value, sizeof value), "layout");
    }
    cublasLtMatrixLayout_t value_ = nullptr;
};

class Product {
  public:
    Product(const Description& d, int choice) : d_(d) {
        static const cudaDataType_t types[] = {CUDA_R_32F, CUDA_R_16F, CUDA_R_16BF, CUDA_R_64F};
        if (d.epilogue < 0 || d.epilogue >= kEpilogueCount || d.type < 0 || d.type > 3)
            throw std::invalid_argument("cublaslt: unknown type or epilogue");
        const cudaDataType_t type = types[d.type], scale = d.type == 3 ? CUDA_R_64F : CUDA_R_32F;
        const cublasComputeType_t compute = d.type == 3                  ? CUBLAS_COMPUTE_64F
                                            : d.type == 0 && d.tf32 != 0 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                         : CUBLAS_COMPUTE_32F;
        check(LT(cublasLtMatmulDescCreate)(&operation_, compute, scale), "cublasLtMatmulDescCreate");
        const bool ta = d.transposed_a != 0, tb = d.transposed_b != 0;
        set(CUBLASLT_MATMUL_DESC_TRANSA, tb ? CUBLAS_OP_T : CUBLAS_OP_N);
        set(CUBLASLT_MATMUL_DESC_TRANSB, ta ? CUBLAS_OP_T : CUBLAS_OP_N);
        set(CUBLASLT_MATMUL_DESC_EPILOGUE, kEpilogues[d.epilogue]);
        // The library wants to see addresses before it names algorithms; `run` sets those that count.
        const void* somewhere = reinterpret_cast<const void*>(static_cast<uintptr_t>(1) << 20);
        if (kHasBias[d.epilogue]) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, somewhere);
        if (kHasAux[d.epilogue]) set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, somewhere);
        if (d.row_aux > 0) set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, d.row_aux);
        b_ = std::make_unique<Layout>(type, tb ? d.k : d.n, tb ? d.n : d.k, d.row_b, d.batch, d.next_b);
        a_ = std::make_unique<Layout>(type, ta ? d.m : d.k, ta ? d.k : d.m, d.row_a, d.batch, d.next_a);
        c_ = std::make_unique<Layout>(type, d.n, d.m, d.row_c, d.batch, d.next_c);
        choose(choice);
    }
    Product(const Product&) = delete;
    Product& operator=(const Product&) = delete;
    ~Product() {
        if (operation_ != nullptr) LT(cublasLtMatmulDescDestroy)(operation_);
    }

    size_t workspace() const { return workspace_; }
    int candidates() const { return found_; }

    void run(const void* a, const void* b, void* c, const void* bias, void* aux, void* workspace,
             cudaStream_t stream) {
        static const float one = 1, zero = 0;
        static const double one64 = 1, zero64 = 0;
        const void* alpha = d_.type == 3 ? static_cast<const void*>(&one64) : &one;
        const void* beta = d_.type == 3 ? static_cast<const void*>(&zero64) : &zero;
        const std::lock_guard<std::mutex> guard(lock_);  // the addresses below are the description's
        if (bias != nullptr) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
        if (aux != nullptr) set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux);
        check(LT(cublasLtMatmul)(handle(d_.device), operation_, alpha, b, b_->get(), a, a_->get(), beta, c,
                                 c_->get(), c, c_->get(), &algorithm_, workspace, workspace_, stream),
              "cublasLtMatmul");
    }

  private:
    template <typename T>
    void set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
        check(LT(cublasLtMatmulDescSetAttribute)(operation_, attribute, &value, sizeof value), "attribute");
    }

    // One of the algorithms by the library's own estimate of their speed.
    void choose(int choice) {
        cublasLtMatmulPreference_t preference = nullptr;
        check(LT(cublasLtMatmulPreferenceCreate)(&preference), "cublasLtMatmulPreferenceCreate");
        const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
            return LT(cublasLtMatmulPreferenceSetAttribute)(preference, attribute, &value, sizeof value);
        };
        const uint64_t most = static_cast<uint64_t>(d_.most_workspace);
        const uint32_t aligned = static_cast<uint32_t>(d_.alignment);
        std::vector<cublasLtMatmulHeuristicResult_t> results(kCandidates);
        cublasStatus_t status = prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most);
        for (auto attribute :
             {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
              CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
            if (status == CUBLAS_STATUS_SUCCESS) status = prefer(attribute, aligned);
        }
        if (status == CUBLAS_STATUS_SUCCESS) {
            status = LT(cublasLtMatmulAlgoGetHeuristic)(handle(d_.device), operation_, b_->get(), a_->get(),
                                                        c_->get(), c_->get(), preference, kCandidates,
                                                        results.data(), &found_);
        }
        LT(cublasLtMatmulPreferenceDestroy)(preference);
        check(status, "cublasLtMatmulAlgoGetHeuristic");
        const int index = choice < 0 ? 0 : choice;
        if (index >= found_) throw std::runtime_error("cuBLASLt has no such algorithm for this product");
        check(results[static_cast<size_t>(index)].state, "algorithm");
        algorithm_ = results[static_cast<size_t>(index)].algo;
        workspace_ = results[static_cast<size_t>(index)].workspaceSize;
    }

    const Description d_;
    cublasLtMatmulDesc_t operation_ = nullptr;
    std::unique_ptr<Layout> a_, b_, c_;
    cublasLtMatmulAlgo_t algorithm_{};
    size_t workspace_ = 0;
    int found_ = 0;
    std::mutex lock_;
};

}  // namespace
}  // namespace gpukeras::cuda

extern "C" {

// choice: which of the library's candidates, -1 for its own first one. found: bytes of work memory, and how
// many candidates there are.
const char* gpukeras_cublaslt_create(const int64_t* description, int choice, void** out, int64_t* found) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        auto made = std::make_unique<Product>(*reinterpret_cast<const Description*>(description), choice);
        found[0] = static_cast<int64_t>(made->workspace());
        found[1] = made->candidates();
        *out = made.release();
    });
}

const char* gpukeras_cublaslt_run(void* made, const void* a, const void* b, void* c, const void* bias,
                                  void* aux, void* workspace, void* stream) {
    using namespace gpukeras::cuda;
    return guarded([&] {
        static_cast<Product*>(made)->run(a, b, c, bias, aux, workspace, static_cast<cudaStream_t>(stream));
    });
}

}  // extern "C"
