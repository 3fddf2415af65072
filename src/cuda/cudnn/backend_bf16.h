// The primitives on bfloat16 of CudnnBackend: convolution, dense layers and pooling by NVIDIA's libraries, all else by
// Curie's kernels, and so whatever backend.h leaves to them on float32.
//
// The libraries round where Curie does not. cuDNN's convolution takes arrays of one type: biases are rounded to
// bfloat16 before it, and the gradients of filters and biases within it, after sums in float32. A dense layer's bias is
// rounded where its outputs are, and its gradients stay float32. Batch normalisation stays with Curie, and so do a
// dense layer's gradients from a float32 dy, since cuBLASLt multiplies factors of one type.
#pragma once

#include "cuda/backend_bf16.h"

namespace curie::CURIE_GPU {

class CudnnBackend;

class CudnnBf16 final : public Bf16Kernels {
 public:
  explicit CudnnBf16(CudnnBackend& backend);

  // Workspace of any direction, and the rounded arrays behind it.
  std::size_t working_bytes(const Conv2dShape& shape) const;
  std::size_t working_bytes(const DenseShape& shape) const;

  void conv2d_forward(const Conv2dShape& shape, const Bf16* x, const Bf16* w, const float* bias, Activation activation,
                      Bf16* y, Scratch scratch) override;
  void conv2d_backward_input(const Conv2dShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx,
                             Scratch scratch) override;
  void conv2d_backward_weights(const Conv2dShape& shape, const Bf16* x, const Bf16* dy, float* dw, float* dbias,
                               Scratch scratch) override;
  void max_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y, std::uint8_t* arg_max) override;
  void average_pool_forward(const PoolShape& shape, const Bf16* x, Bf16* y) override;
  void average_pool_backward(const PoolShape& shape, const Bf16* dy, Bf16* dx) override;
  using Bf16Kernels::dense_backward_input;
  using Bf16Kernels::dense_backward_weights;
  void dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias, Activation activation,
                     Bf16* y, Scratch scratch) override;
  void dense_forward(const DenseShape& shape, const Bf16* x, const Bf16* w, const float* bias, Activation activation,
                     float* y, Scratch scratch) override;
  void dense_backward_input(const DenseShape& shape, const Bf16* dy, const Bf16* w, Bf16* dx, Scratch scratch) override;
  void dense_backward_weights(const DenseShape& shape, const Bf16* x, const Bf16* dy, float* dw, float* dbias,
                              Scratch scratch) override;

 private:
  CudnnBackend& backend_;
};

}  // namespace curie::CURIE_GPU
