// float32 to bfloat16 and back, four elements a thread: 16 bytes on one side, 8 on the other.
#include "cuda/floats.cuh"
#include "cuda/kernels.h"

namespace curie::CURIE_GPU {
namespace {

struct Copy {
  __device__ float operator()(float x) const { return x; }
};

}  // namespace

void cast_to_bf16(Stream stream, std::size_t count, const float* x, Bf16* y) {
  map(stream, "cast_to_bf16", count, Copy(), y, x);
}

void cast_to_f32(Stream stream, std::size_t count, const Bf16* x, float* y) {
  map(stream, "cast_to_f32", count, Copy(), y, x);
}

}  // namespace curie::CURIE_GPU
