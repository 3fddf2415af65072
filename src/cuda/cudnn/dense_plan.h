// The products of a dense layer by cuBLASLt, chosen once a shape by its heuristics; bias, ReLU and the bias' gradient
// are part of the product. Given one version and one device, cuBLASLt's results are the same bits in every run.
#pragma once

#include <cstddef>
#include <optional>

#include "cuda/cudnn/descriptors.h"
#include "ops/dense.h"

namespace curie::CURIE_GPU {

using LtHandle = Owned<cublasLtHandle_t, cublasStatus_t>;

// d = op(a) op(b) + what the epilogue adds. cuBLASLt stores columns, Curie rows: what it multiplies are the transposes.
class Product {
 public:
  struct Operand {
    bool transposed;
    int rows, columns;  // as stored, by columns
  };
  struct Request {
    Operand a, b;
    int rows, columns;  // of d
    cublasLtEpilogue_t epilogue;
    cudaDataType_t factors = CUDA_R_32F, result = CUDA_R_32F;  // the type of the result is that of a bias, too
  };
  // Nothing where cuBLASLt has no algorithm. `somewhere`: an aligned device address, which is not read.
  static std::optional<Product> plan(const CublasLtFunctions& cublas, cublasLtHandle_t handle, Math math,
                                     const Request& request, std::size_t workspace_limit, const void* somewhere);

  std::size_t workspace() const { return workspace_; }
  // bias: what the epilogue reads or writes; null where it has none.
  void multiply(const CublasLtFunctions& cublas, cublasLtHandle_t handle, Stream stream, const void* a, const void* b,
                void* d, const void* bias, std::byte* workspace) const;

 private:
  Owned<cublasLtMatmulDesc_t, cublasStatus_t> operation_;
  Owned<cublasLtMatrixLayout_t, cublasStatus_t> a_, b_, d_;
  cublasLtMatmulAlgo_t algorithm_{};
  std::size_t workspace_ = 0;
};

struct DensePlan {
  std::optional<Product> forward[2][2];  // [with bias][with ReLU]
  std::optional<Product> backward_input;
  std::optional<Product> backward_weights[2];  // [with dbias]

  std::size_t workspace() const;  // enough for each
};

// What a dense layer's arrays are kept in: x, w and dx, and y and dy, which stay float32 where they are logits. dw and
// dbias are float32.
struct DenseTypes {
  cudaDataType_t x = CUDA_R_32F, y = CUDA_R_32F;
};

// cuBLASLt multiplies factors of one type: without those products whose factors would differ.
DensePlan plan_dense(const CublasLtFunctions& cublas, cublasLtHandle_t handle, Math math, const DenseShape& shape,
                     std::size_t workspace_limit, const void* somewhere, const DenseTypes& types = {});

}  // namespace curie::CURIE_GPU
