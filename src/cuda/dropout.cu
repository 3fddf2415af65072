// A thread takes the four elements that share one Philox block, so every random word is made once.
#include "cuda/floats.cuh"
#include "cuda/kernels.h"
#include "tensor/random.h"

namespace curie::CURIE_GPU {
namespace {

struct Copy {
  __device__ float operator()(float x) const { return x; }
};

struct Zero {
  __device__ float operator()() const { return 0.0f; }
};

template <typename T>
__global__ void __launch_bounds__(kMapBlock)
    dropout_kernel(std::size_t count, bool wide, RandomStream stream, std::uint32_t threshold, float scale,
                   const StepState* state, const T* x, T* y) {
  const Quad quad(count, wide);
  if (quad.some == 0) return;
  stream.step = state->step;
  const Philox4 bits = stream.block(quad.first / kQuad);
  Floats<4> values = quad.load(x);
  CURIE_UNROLL
  for (int i = 0; i < 4; ++i) values.of[i] = bits[i] >= threshold ? values.of[i] * scale : 0.0f;
  quad.store(y, values);
}

}  // namespace

template <typename T>
void dropout(Stream stream, const DropoutSpec& spec, const StepState* state, std::size_t count, const T* x, T* y) {
  if (spec.rate >= 1.0f) {
    map(stream, "dropout_all", count, Zero(), y);
  } else if (spec.rate <= 0.0f) {
    if (x != y) map(stream, "dropout_nothing", count, Copy(), y, x);
  } else if (count > 0) {
    launch({.name = "dropout", .grid = quad_blocks(count), .block = kMapBlock, .stream = stream}, dropout_kernel<T>,
           count, wide_enough(x, y), RandomStream{spec.seed, spec.stream, 0}, drop_threshold(spec.rate),
           1.0f / (1.0f - spec.rate), state, x, y);
  }
}

template void dropout(Stream, const DropoutSpec&, const StepState*, std::size_t, const float*, float*);
template void dropout(Stream, const DropoutSpec&, const StepState*, std::size_t, const Bf16*, Bf16*);

}  // namespace curie::CURIE_GPU
