#include "cuda/cudnn/dense_plan.h"

#include <algorithm>
#include <cstdint>

#include "tensor/log.h"

namespace curie::CURIE_GPU {
namespace {

// What backend.cpp makes sure of before it calls; cuBLASLt counts on 256 unless told.
constexpr std::uint32_t kAlignment = 16;

Owned<cublasLtMatrixLayout_t, cublasStatus_t> layout(const CublasLtFunctions& cublas, cudaDataType_t type, int rows,
                                                     int columns) {
  cublasLtMatrixLayout_t made = nullptr;
  cublas.check(cublas.cublasLtMatrixLayoutCreate(&made, type, static_cast<std::uint64_t>(rows),
                                                 static_cast<std::uint64_t>(columns), rows),
               "cublasLtMatrixLayoutCreate");
  return {made, {cublas.cublasLtMatrixLayoutDestroy}};
}

template <typename Value>
void set(const CublasLtFunctions& cublas, cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute,
         const Value& value) {
  cublas.check(cublas.cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof value),
               "cublasLtMatmulDescSetAttribute");
}

template <typename Value>
void set(const CublasLtFunctions& cublas, cublasLtMatmulPreference_t preference,
         cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
  cublas.check(cublas.cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
               "cublasLtMatmulPreferenceSetAttribute");
}

bool uses_bias(cublasLtEpilogue_t epilogue) {
  return epilogue != CUBLASLT_EPILOGUE_DEFAULT && epilogue != CUBLASLT_EPILOGUE_RELU;
}

}  // namespace

std::optional<Product> Product::plan(const CublasLtFunctions& cublas, cublasLtHandle_t handle, Math math,
                                     const Request& request, std::size_t workspace_limit, const void* somewhere) {
  Product product;
  const auto arithmetic = math == Math::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  cublasLtMatmulDesc_t operation = nullptr;
  cublas.check(cublas.cublasLtMatmulDescCreate(&operation, arithmetic, CUDA_R_32F), "cublasLtMatmulDescCreate");
  product.operation_ = {operation, {cublas.cublasLtMatmulDescDestroy}};
  const auto transposition = [](const Operand& operand) -> std::int32_t {
    return operand.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  };
  set(cublas, operation, CUBLASLT_MATMUL_DESC_TRANSA, transposition(request.a));
  set(cublas, operation, CUBLASLT_MATMUL_DESC_TRANSB, transposition(request.b));
  set(cublas, operation, CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<std::uint32_t>(request.epilogue));
  if (uses_bias(request.epilogue)) set(cublas, operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, somewhere);
  product.a_ = layout(cublas, request.factors, request.a.rows, request.a.columns);
  product.b_ = layout(cublas, request.factors, request.b.rows, request.b.columns);
  product.d_ = layout(cublas, request.result, request.rows, request.columns);

  cublasLtMatmulPreference_t made = nullptr;
  cublas.check(cublas.cublasLtMatmulPreferenceCreate(&made), "cublasLtMatmulPreferenceCreate");
  const Owned<cublasLtMatmulPreference_t, cublasStatus_t> preference{made, {cublas.cublasLtMatmulPreferenceDestroy}};
  set(cublas, made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(workspace_limit));
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(cublas, made, attribute, kAlignment);
  }

  cublasLtMatmulHeuristicResult_t best{};
  int count = 0;
  const cublasStatus_t status =
      cublas.cublasLtMatmulAlgoGetHeuristic(handle, operation, product.a_.get(), product.b_.get(), product.d_.get(),
                                            product.d_.get(), made, 1, &best, &count);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) cublas.check(status, "cublasLtMatmulAlgoGetHeuristic");
  if (status != CUBLAS_STATUS_SUCCESS || count == 0 || best.state != CUBLAS_STATUS_SUCCESS) return std::nullopt;
  product.algorithm_ = best.algo;
  product.workspace_ = best.workspaceSize;
  return product;
}

void Product::multiply(const CublasLtFunctions& cublas, cublasLtHandle_t handle, Stream stream, const void* a,
                       const void* b, void* d, const void* bias, std::byte* workspace) const {
  if (bias != nullptr) set(cublas, operation_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  const float one = 1.0f, zero = 0.0f;
  cublas.check(cublas.cublasLtMatmul(handle, operation_.get(), &one, a, a_.get(), b, b_.get(), &zero, d, d_.get(), d,
                                     d_.get(), &algorithm_, workspace, workspace_, stream),
               "cublasLtMatmul");
}

std::size_t DensePlan::workspace() const {
  std::size_t most = 0;
  for (const std::optional<Product>* product : {&forward[0][0], &forward[0][1], &forward[1][0], &forward[1][1],
                                                &backward_input, &backward_weights[0], &backward_weights[1]}) {
    if (product->has_value()) most = std::max(most, (*product)->workspace());
  }
  return most;
}

DensePlan plan_dense(const CublasLtFunctions& cublas, cublasLtHandle_t handle, Math math, const DenseShape& shape,
                     std::size_t workspace_limit, const void* somewhere, const DenseTypes& types) {
  DensePlan plan;
  if (shape.n < 1 || shape.in < 1 || shape.out < 1) return plan;
  int wanted = 0, missing = 0;
  const auto product = [&](const Product::Request& request) {
    ++wanted;
    auto made = Product::plan(cublas, handle, math, request, workspace_limit, somewhere);
    if (!made) ++missing;
    return made;
  };
  // By columns, w is (out, in), x (in, n), y (out, n).
  const Product::Operand w{false, shape.out, shape.in}, w_across{true, shape.out, shape.in};
  const Product::Operand x{false, shape.in, shape.n}, x_across{true, shape.in, shape.n};
  const Product::Operand dy{false, shape.out, shape.n};
  constexpr cublasLtEpilogue_t kForward[2][2] = {{CUBLASLT_EPILOGUE_DEFAULT, CUBLASLT_EPILOGUE_RELU},
                                                 {CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_RELU_BIAS}};
  for (int with_bias = 0; with_bias < 2; ++with_bias) {
    for (int relu = 0; relu < 2; ++relu) {
      plan.forward[with_bias][relu] = product({w, x, shape.out, shape.n, kForward[with_bias][relu], types.x, types.y});
    }
  }
  if (types.x == types.y) {
    plan.backward_input = product({w_across, dy, shape.in, shape.n, CUBLASLT_EPILOGUE_DEFAULT, types.x, types.x});
    plan.backward_weights[0] = product({dy, x_across, shape.out, shape.in, CUBLASLT_EPILOGUE_DEFAULT, types.x});
    plan.backward_weights[1] = product({dy, x_across, shape.out, shape.in, CUBLASLT_EPILOGUE_BGRADA, types.x});
  }
  if (missing > 0) {
    log_info(
        "cuBLASLt has no algorithm for {} of the {} products of a dense layer {} x {} of {} samples: Curie's kernels "
        "work there",
        missing, wanted, shape.in, shape.out, shape.n);
  }
  return plan;
}

}  // namespace curie::CURIE_GPU
