#include "cuda/ladder/build.h"

#include <algorithm>

#include "cuda/backend.h"
#include "cuda/ladder/rungs.h"

namespace curie::CURIE_GPU {
namespace {

std::optional<::CUstream_st*> stream_of(const Backend& backend) {
  const auto* gpu = dynamic_cast<const GpuBackend*>(&backend);
  if (gpu == nullptr) return std::nullopt;
  return gpu->stream();
}

bool has_tensor_cores(const Backend& backend) { return dynamic_cast<const GpuBackend&>(backend).has_tensor_cores(); }

std::size_t gemm_bytes(const GemmShape& shape) {
  return dense_scratch_bytes(Math::tf32, {.n = shape.m, .in = shape.k, .out = shape.n});
}

// Rung 2 writes the filters down once more.
std::size_t conv2d_bytes(const Conv2dShape& shape) {
  return std::max(conv2d_scratch_bytes(Math::tf32, shape), shape.weight_elements() * sizeof(float));
}

// The split rungs keep two sums for each channel and chunk.
std::size_t batchnorm_bytes(const BatchNormShape& shape) {
  const auto chunks = static_cast<std::size_t>((shape.rows + kBatchNormChunk - 1) / kBatchNormChunk);
  return std::max(batch_norm_scratch_bytes(shape),
                  chunks * static_cast<std::size_t>(shape.channels) * 2 * sizeof(float));
}

}  // namespace

const LadderBuild& ladder_build() {
  namespace l = ladder;
  static const LadderBuild build = {
      .gemm = {l::gemm_1_naive, l::gemm_2_coalesced, l::gemm_3_shared_tiles, l::gemm_4_register_blocking,
               l::gemm_5_vector_loads, l::gemm_6_double_buffered, l::gemm_7_tensor_cores, l::gemm_8_production},
      .conv2d = {l::conv2d_1_naive, l::conv2d_2_coalesced, l::conv2d_3_shared_tiles, l::conv2d_4_register_blocking,
                 l::conv2d_5_vector_loads, l::conv2d_6_double_buffered, l::conv2d_7_tensor_cores,
                 l::conv2d_8_production},
      .softmax = {l::softmax_1_naive, l::softmax_2_coalesced, l::softmax_3_online, l::softmax_4_in_registers,
                  l::softmax_5_vector_loads, l::softmax_6_production},
      .batchnorm = {l::batchnorm_1_naive, l::batchnorm_2_coalesced, l::batchnorm_3_one_pass, l::batchnorm_4_split_rows,
                    l::batchnorm_5_vector_loads, l::batchnorm_6_production},
      .gemm_scratch_bytes = gemm_bytes,
      .conv2d_scratch_bytes = conv2d_bytes,
      .batchnorm_scratch_bytes = batchnorm_bytes,
      .stream_of = stream_of,
      .has_tensor_cores = has_tensor_cores};
  return build;
}

}  // namespace curie::CURIE_GPU
