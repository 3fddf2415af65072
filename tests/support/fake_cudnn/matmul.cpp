// The stand-in's cuBLASLt: one product of matrices stored by columns, with the epilogues that dense layers use.
#include <algorithm>
#include <cstring>
#include <vector>

#include "support/fake_cudnn/state.h"

struct cublasLtContext {
  int unused = 0;
};

namespace {

struct Operation {
  cublasComputeType_t arithmetic = CUBLAS_COMPUTE_32F;
  std::int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};
struct Layout {
  std::uint64_t rows = 0, columns = 0;
  std::int64_t stride = 0;
  cudaDataType type = CUDA_R_32F;
};
struct Preference {
  std::uint64_t workspace = 0;
  std::uint32_t alignment = 256;  // the least of the four
};

// The library's types are opaque words behind pointers; these live there.
template <typename T, typename Handle>
T& as(Handle handle) {
  return *reinterpret_cast<T*>(handle);
}
template <typename T, typename Handle>
cublasStatus_t make(Handle* handle) {
  *handle = reinterpret_cast<Handle>(new T{});
  fake::made();
  return CUBLAS_STATUS_SUCCESS;
}
template <typename T, typename Handle>
cublasStatus_t destroy(Handle handle) {
  delete reinterpret_cast<T*>(handle);
  fake::destroyed();
  return CUBLAS_STATUS_SUCCESS;
}

template <typename Value>
cublasStatus_t take(Value& value, const void* from, std::size_t bytes) {
  if (bytes != sizeof value) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&value, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

constexpr std::size_t kWorkspace = 777;  // not a multiple of anything

bool reads_bias(const Operation& operation) { return (operation.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0; }
bool writes_bias(const Operation& operation) { return operation.epilogue == CUBLASLT_EPILOGUE_BGRADA; }

bool narrow(const Layout& layout) { return layout.type == CUDA_R_16BF; }

// op(m)(i, j)
double at(const void* values, const Layout& layout, std::int32_t transpose, std::uint64_t i, std::uint64_t j,
          bool round) {
  const std::uint64_t row = transpose == CUBLAS_OP_T ? j : i, column = transpose == CUBLAS_OP_T ? i : j;
  const double value = fake::get(values, narrow(layout), row + column * static_cast<std::uint64_t>(layout.stride));
  return round ? static_cast<double>(fake::tf32(static_cast<float>(value))) : value;
}

// Factors of one type; bfloat16 only from such factors, and in the arithmetic of float32.
bool types_fit(const Operation& operation, const Layout& a, const Layout& b, const Layout& d) {
  return a.type == b.type && (!narrow(d) || narrow(a)) && (!narrow(a) || operation.arithmetic == CUBLAS_COMPUTE_32F);
}

bool fits(const Operation& operation, const Layout& a, const Layout& b, const Layout& d) {
  const auto rows = [](const Layout& m, std::int32_t op) { return op == CUBLAS_OP_T ? m.columns : m.rows; };
  const auto columns = [](const Layout& m, std::int32_t op) { return op == CUBLAS_OP_T ? m.rows : m.columns; };
  return rows(a, operation.transpose_a) == d.rows && columns(b, operation.transpose_b) == d.columns &&
         columns(a, operation.transpose_a) == rows(b, operation.transpose_b);
}

}  // namespace

extern "C" {

const char* cublasLtGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE" : "CUBLAS_STATUS_EXECUTION_FAILED";
}
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  if (const int asked = fake::enter("cublasLtCreate")) return cublasStatus_t(asked);
  return make<cublasLtContext>(handle);
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return destroy<cublasLtContext>(handle); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* made, cublasComputeType_t arithmetic,
                                        cudaDataType_t scale) {
  if (scale != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
  make<Operation>(made);
  as<Operation>(*made).arithmetic = arithmetic;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t made) { return destroy<Operation>(made); }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t made, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t bytes) {
  Operation& operation = as<Operation>(made);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return take(operation.transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return take(operation.transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return take(operation.epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return take(operation.bias, value, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* made, cudaDataType type, std::uint64_t rows,
                                          std::uint64_t columns, std::int64_t stride) {
  if ((type != CUDA_R_32F && type != CUDA_R_16BF) || stride < static_cast<std::int64_t>(rows))
    return CUBLAS_STATUS_INVALID_VALUE;
  make<Layout>(made);
  as<Layout>(*made) = {rows, columns, stride, type};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t made) { return destroy<Layout>(made); }

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* made) { return make<Preference>(made); }
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t made) { return destroy<Preference>(made); }
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t made,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    std::size_t bytes) {
  Preference& preference = as<Preference>(made);
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) return take(preference.workspace, value, bytes);
  return take(preference.alignment, value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int most,
                                              cublasLtMatmulHeuristicResult_t* found, int* count) {
  if (const int asked = fake::enter("cublasLtMatmulAlgoGetHeuristic")) return cublasStatus_t(asked);
  const Operation& wanted = as<Operation>(operation);
  if (!fits(wanted, as<Layout>(a), as<Layout>(b), as<Layout>(d)) || most < 1) return CUBLAS_STATUS_INVALID_VALUE;
  if ((reads_bias(wanted) || writes_bias(wanted)) && !fake::good(wanted.bias)) return CUBLAS_STATUS_INVALID_VALUE;
  if (!types_fit(wanted, as<Layout>(a), as<Layout>(b), as<Layout>(d))) return CUBLAS_STATUS_INVALID_VALUE;
  *count = 0;
  if (as<Preference>(preference).workspace < kWorkspace || as<Preference>(preference).alignment > 16) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  *found = {};
  found->workspaceSize = kWorkspace;
  found->state = CUBLAS_STATUS_SUCCESS;
  found->algo.data[0] = kWorkspace;
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t bytes, cudaStream_t) {
  if (const int asked = fake::enter("cublasLtMatmul")) return cublasStatus_t(asked);
  const Operation& wanted = as<Operation>(operation);
  const Layout& al = as<Layout>(a_layout);
  const Layout& bl = as<Layout>(b_layout);
  const Layout& dl = as<Layout>(d_layout);
  const bool scaled = *static_cast<const float*>(alpha) != 1.0f || *static_cast<const float*>(beta) != 0.0f;
  if (scaled || c != d || !fits(wanted, al, bl, dl) || algorithm->data[0] != kWorkspace) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (!fake::good(a) || !fake::good(b) || !fake::good(d)) return CUBLAS_STATUS_INVALID_VALUE;
  if (!fake::use_workspace(workspace, bytes, kWorkspace)) return CUBLAS_STATUS_INVALID_VALUE;
  if ((reads_bias(wanted) || writes_bias(wanted)) && !fake::good(wanted.bias)) return CUBLAS_STATUS_INVALID_VALUE;

  const bool round = wanted.arithmetic == CUBLAS_COMPUTE_32F_FAST_TF32;
  const bool relu = (wanted.epilogue & CUBLASLT_EPILOGUE_RELU) != 0;
  const bool to_bf16 = narrow(dl);  // a bias, too
  const std::uint64_t depth = wanted.transpose_a == CUBLAS_OP_T ? al.rows : al.columns;
  for (std::uint64_t i = 0; i < dl.rows; ++i) {
    double row = 0.0;
    for (std::uint64_t l = 0; l < depth; ++l) row += at(a, al, wanted.transpose_a, i, l, false);
    if (writes_bias(wanted)) {
      fake::put(const_cast<void*>(wanted.bias), to_bf16, i, row);
    }
    for (std::uint64_t j = 0; j < dl.columns; ++j) {
      double sum = 0.0;
      for (std::uint64_t l = 0; l < depth; ++l) {
        sum += at(a, al, wanted.transpose_a, i, l, round) * at(b, bl, wanted.transpose_b, l, j, round);
      }
      if (reads_bias(wanted)) sum += fake::get(wanted.bias, to_bf16, i);
      if (relu && sum < 0.0) sum = 0.0;
      fake::put(d, to_bf16, i + j * static_cast<std::uint64_t>(dl.stride), sum);
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
