// Gradient clipping. By norm in three launches: the sums of squares of every segment's parts, the factors by one block,
// the products.
#include "cuda/floats.cuh"
#include "cuda/kernels.h"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256;

// A NaN stays.
struct Bound {
  float limit;
  __device__ float operator()(float g) const { return g < -limit ? -limit : g > limit ? limit : g; }
};

__device__ __forceinline__ ClipPart part_of_block(const std::int32_t* __restrict__ segment_ends) {
  const int segment = static_cast<int>(blockIdx.x) / kClipParts, part = static_cast<int>(blockIdx.x) % kClipParts;
  const std::int32_t begin = segment == 0 ? 0 : segment_ends[segment - 1];
  return clip_part(static_cast<std::size_t>(begin), static_cast<std::size_t>(segment_ends[segment]), part);
}

// One block a part.
__global__ void __launch_bounds__(kBlock)
    clip_sums_kernel(const std::int32_t* __restrict__ segment_ends, const float* __restrict__ gradient,
                     double* __restrict__ sums) {
  auto& partials = shared<BlockPartials<double, kBlock>>();
  const ClipPart part = part_of_block(segment_ends);
  double sum = 0.0;
  for (std::size_t i = part.begin + threadIdx.x; i < part.end; i += kBlock) {
    const double g = gradient[i];
    sum += g * g;
  }
  sum = block_reduce<Sum, kBlock>(sum, partials);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__device__ __forceinline__ float clip_factor(double squares, float limit) {
  const double norm = sqrt(squares);
  if (norm <= static_cast<double>(limit)) return 1.0f;
  return norm < static_cast<double>(INFINITY) ? static_cast<float>(static_cast<double>(limit) / norm) : NAN;
}

// One block. The sum of a segment's squares replaces its first part's.
__global__ void __launch_bounds__(kBlock)
    clip_factors_kernel(ClipShape shape, double* __restrict__ sums, float* __restrict__ factors) {
  for (int segment = static_cast<int>(threadIdx.x); segment < shape.segments; segment += kBlock) {
    double* const parts = sums + static_cast<std::size_t>(segment) * kClipParts;
    double squares = 0.0;
    for (int part = 0; part < kClipParts; ++part) squares += parts[part];
    parts[0] = squares;
    if (shape.kind == ClipKind::norm) factors[segment] = clip_factor(squares, shape.limit);
  }
  __syncthreads();
  if (shape.kind != ClipKind::global_norm || threadIdx.x != 0) return;
  double squares = 0.0;
  for (int segment = 0; segment < shape.segments; ++segment) {
    squares += sums[static_cast<std::size_t>(segment) * kClipParts];
  }
  factors[0] = clip_factor(squares, shape.limit);
}

// One block a part.
__global__ void __launch_bounds__(kBlock)
    clip_scale_kernel(ClipKind kind, const std::int32_t* __restrict__ segment_ends, const float* __restrict__ factors,
                      float* __restrict__ gradient) {
  const ClipPart part = part_of_block(segment_ends);
  const float factor = factors[kind == ClipKind::norm ? blockIdx.x / kClipParts : 0];
  if (factor == 1.0f) return;
  for (std::size_t i = part.begin + threadIdx.x; i < part.end; i += kBlock) gradient[i] *= factor;
}

}  // namespace

std::size_t clip_scratch_bytes(const ClipShape& shape) {
  if (shape.kind == ClipKind::value) return 0;
  return static_cast<std::size_t>(shape.segments) * (kClipParts * sizeof(double) + sizeof(float));
}

void clip_gradient(Stream stream, const ClipShape& shape, const std::int32_t* segment_ends, float* gradient,
                   Scratch scratch) {
  if (shape.kind == ClipKind::value) {
    map(stream, "clip_value", shape.count, Bound{shape.limit}, gradient, static_cast<const float*>(gradient));
    return;
  }
  const auto blocks = static_cast<unsigned>(shape.segments) * kClipParts;
  auto* const sums = reinterpret_cast<double*>(scratch.data);
  auto* const factors = reinterpret_cast<float*>(sums + static_cast<std::size_t>(shape.segments) * kClipParts);
  launch({.name = "clip_sums", .grid = blocks, .block = kBlock, .stream = stream}, clip_sums_kernel, segment_ends,
         static_cast<const float*>(gradient), sums);
  launch({.name = "clip_factors", .grid = 1, .block = kBlock, .stream = stream}, clip_factors_kernel, shape, sums,
         factors);
  launch({.name = "clip_scale", .grid = blocks, .block = kBlock, .stream = stream}, clip_scale_kernel, shape.kind,
         segment_ends, static_cast<const float*>(factors), gradient);
}

}  // namespace curie::CURIE_GPU
