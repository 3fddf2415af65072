// float32 to bfloat16 and back, four elements a thread: 16 bytes on one side, 8 on the other.
#include "cuda/floats.cuh"
#include "cuda/kernels.h"
#include "tensor/bf16.h"

namespace curie::CURIE_GPU {
namespace {

// Two bfloat16 of one 32-bit word; the first one has the lower address.
__device__ __forceinline__ unsigned pack(float first, float second) {
  return static_cast<unsigned>(to_bf16(first).bits) | static_cast<unsigned>(to_bf16(second).bits) << 16;
}
__device__ __forceinline__ float unpack(unsigned word, int half) {
  return to_float(Bf16{static_cast<std::uint16_t>(word >> (16 * half))});
}

__global__ void __launch_bounds__(kMapBlock)
    to_bf16_kernel(std::size_t count, bool wide, const float* __restrict__ x, Bf16* __restrict__ y) {
  const Quad quad(count, wide);
  if (quad.some == 0) return;
  const Floats<4> values = quad.load(x);
  if (quad.wide) {
    *reinterpret_cast<uint2*>(y + quad.first) =
        make_uint2(pack(values.of[0], values.of[1]), pack(values.of[2], values.of[3]));
    return;
  }
  CURIE_UNROLL
  for (int i = 0; i < 4; ++i) {
    if (i < quad.some) y[quad.first + i] = to_bf16(values.of[i]);
  }
}

__global__ void __launch_bounds__(kMapBlock)
    to_f32_kernel(std::size_t count, bool wide, const Bf16* __restrict__ x, float* __restrict__ y) {
  const Quad quad(count, wide);
  if (quad.some == 0) return;
  Floats<4> values{};
  if (quad.wide) {
    const uint2 words = *reinterpret_cast<const uint2*>(x + quad.first);
    values = {{unpack(words.x, 0), unpack(words.x, 1), unpack(words.y, 0), unpack(words.y, 1)}};
  } else {
    CURIE_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (i < quad.some) values.of[i] = to_float(x[quad.first + i]);
    }
  }
  quad.store(y, values);
}

}  // namespace

void cast_to_bf16(Stream stream, std::size_t count, const float* x, Bf16* y) {
  if (count == 0) return;
  launch({.name = "cast_to_bf16", .grid = quad_blocks(count), .block = kMapBlock, .stream = stream}, to_bf16_kernel,
         count, wide_enough(x, y), x, y);
}

void cast_to_f32(Stream stream, std::size_t count, const Bf16* x, float* y) {
  if (count == 0) return;
  launch({.name = "cast_to_f32", .grid = quad_blocks(count), .block = kMapBlock, .stream = stream}, to_f32_kernel,
         count, wide_enough(x, y), x, y);
}

}  // namespace curie::CURIE_GPU
