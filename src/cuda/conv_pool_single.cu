// The fused block on one input channel, as in the first layer of a network on grey images: 9 or 25 products a sum are
// too few for a matrix product, and memory is the bound. Forward, a thread holds the patch of the image under one
// window and makes the sums of all its positions for four filters. Backward, it holds the taps' sums of one filter and
// visits, window by window, the one position that carries a gradient.
#include "cuda/conv_pool.cuh"
#include "cuda/dense_sums.cuh"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256;
constexpr int kMostFilters = 128;  // their weights lie in shared memory

template <int kFilter>
struct Filters {
  alignas(16) float of_tap[kFilter * kFilter][kMostFilters];
  alignas(16) float bias[kMostFilters];
};

template <int kFilter, int kPool, typename T>
__global__ void __launch_bounds__(kBlock)
    single_forward_kernel(Geometry g, const T* __restrict__ x, const T* __restrict__ w, const float* __restrict__ bias,
                          Finish<T> finish) {
  constexpr int kTaps = kFilter * kFilter, kPatch = kFilter + kPool - 1, kPositions = kPool * kPool;
  auto& filters = shared<Filters<kFilter>>();
  const int quads = (g.k + 3) / 4;
  for (int i = static_cast<int>(threadIdx.x); i < 4 * quads * (kTaps + 1); i += kBlock) {
    const int filter = i % (4 * quads), tap = i / (4 * quads);
    const bool exists = filter < g.k;
    if (tap < kTaps) {
      filters.of_tap[tap][filter] = exists ? value_of(w[filter * kTaps + tap]) : 0.0f;
    } else {
      filters.bias[filter] = exists && bias != nullptr ? bias[filter] : 0.0f;
    }
  }
  __syncthreads();
  const std::size_t items = g.windows * static_cast<std::size_t>(quads);
  for (std::size_t item = std::size_t{blockIdx.x} * kBlock + threadIdx.x; item < items;
       item += std::size_t{gridDim.x} * kBlock) {
    const std::size_t window = item / static_cast<std::size_t>(quads);
    const int filter = static_cast<int>(item % static_cast<std::size_t>(quads)) * 4;
    const Corner corner = corner_of(g, window, 0);
    float patch[kPatch][kPatch];
    CURIE_UNROLL
    for (int i = 0; i < kPatch; ++i) {
      CURIE_UNROLL
      for (int j = 0; j < kPatch; ++j) {
        const int row = corner.y + i, column = corner.x + j;
        const std::size_t at = corner.image + std::size_t(row) * std::size_t(g.w) + std::size_t(column);
        patch[i][j] = inside(g, row, column) ? value_of(x[at]) : 0.0f;
      }
    }
    float sums[kPositions][4] = {};
    CURIE_UNROLL
    for (int tap = 0; tap < kTaps; ++tap) {
      const float4 weights = load4(&filters.of_tap[tap][filter]);
      CURIE_UNROLL
      for (int position = 0; position < kPositions; ++position) {
        const float value = patch[position / kPool + tap / kFilter][position % kPool + tap % kFilter];
        sums[position][0] += value * weights.x;
        sums[position][1] += value * weights.y;
        sums[position][2] += value * weights.z;
        sums[position][3] += value * weights.w;
      }
    }
    const float4 biases = load4(&filters.bias[filter]);
    Greatest greatest[4] = {};
    CURIE_UNROLL
    for (int position = 0; position < kPositions; ++position) {
      greatest[0].take(sums[position][0] + biases.x, position);
      greatest[1].take(sums[position][1] + biases.y, position);
      greatest[2].take(sums[position][2] + biases.z, position);
      greatest[3].take(sums[position][3] + biases.w, position);
    }
    finish.store(window, filter, g.k, greatest);
  }
}

template <int kFilter, typename T>
void forward_of_filter(Stream stream, const ConvPoolShape& shape, const T* x, const T* w, const float* bias,
                       const Finish<T>& finish) {
  constexpr std::size_t kMostBlocks = 132 * 16;  // so that the weights are read for several windows
  const Geometry g(shape);
  launch({.name = "conv_pool_single_forward",
          .grid = blocks_for(g.windows * ((std::size_t(g.k) + 3) / 4), kBlock, kMostBlocks),
          .block = kBlock,
          .stream = stream},
         g.pool == 2 ? single_forward_kernel<kFilter, 2, T> : single_forward_kernel<kFilter, 3, T>, g, x, w, bias,
         finish);
}

constexpr int kBatch = 4;                   // windows whose gradients a lane has on their way from memory at a time
constexpr int kGroup = kBlock / kWarpSize;  // lines of windows that a block works on at a time, one a warp

template <int kFilter>
struct TapSums {
  float of_warp[kGroup][kFilter * kFilter + 1][kWarpSize];
};

// A lane a filter, a line of windows a warp. blockIdx.x: 32 filters; blockIdx.y: slice of the lines. dw: (slices, k,
// taps), dbias: (slices, k).
template <int kFilter, typename T>
__global__ void __launch_bounds__(kBlock, 3)
    single_weights_kernel(Geometry g, PooledGradient<T> gradient, const T* __restrict__ x, std::size_t lines,
                          std::size_t lines_per_slice, float* __restrict__ dw, float* __restrict__ dbias) {
  constexpr int kTaps = kFilter * kFilter;
  auto& partial = shared<TapSums<kFilter>>();
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize, warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int first_filter = static_cast<int>(blockIdx.x) * kWarpSize, filter = first_filter + lane;
  const std::size_t begin = blockIdx.y * lines_per_slice, end = min(begin + lines_per_slice, lines);
  const std::size_t filters = static_cast<std::size_t>(g.k);
  float sums[kTaps] = {};
  float bias_sum = 0.0f;
  for (std::size_t line = begin + static_cast<std::size_t>(warp); line < end && filter < g.k; line += kGroup) {
    const Corner first = corner_of(g, line * static_cast<std::size_t>(g.out_w), 0);
    std::size_t element = line * static_cast<std::size_t>(g.out_w) * filters + static_cast<std::size_t>(filter);
    for (int column = 0; column < g.out_w; column += kBatch, element += kBatch * filters) {
      float values[kBatch];
      int positions[kBatch];
      CURIE_UNROLL
      for (int i = 0; i < kBatch; ++i) {
        const std::size_t at = element + static_cast<std::size_t>(i) * filters;
        const bool exists = column + i < g.out_w;
        values[i] = exists ? gradient.of(at) : 0.0f;
        positions[i] = exists ? gradient.arg_max[at] : 0;
      }
      CURIE_UNROLL
      for (int i = 0; i < kBatch; ++i) {
        if (values[i] == 0.0f) continue;
        bias_sum += values[i];
        const int y = first.y + positions[i] / g.pool * g.stride_h;
        const int left = first.x + ((column + i) * g.pool + positions[i] % g.pool) * g.stride_w;
        CURIE_UNROLL
        for (int tap = 0; tap < kTaps; ++tap) {
          const int row = y + tap / kFilter, at = left + tap % kFilter;
          if (inside(g, row, at)) {
            sums[tap] += values[i] * value_of(x[first.image + std::size_t(row) * std::size_t(g.w) + std::size_t(at)]);
          }
        }
      }
    }
  }
  CURIE_UNROLL
  for (int tap = 0; tap < kTaps; ++tap) partial.of_warp[warp][tap][lane] = sums[tap];
  partial.of_warp[warp][kTaps][lane] = bias_sum;
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < (kTaps + 1) * kWarpSize; i += kBlock) {
    const int tap = i / kWarpSize;
    const std::size_t of = static_cast<std::size_t>(first_filter + i % kWarpSize);
    float sum = 0.0f;
    for (int group = 0; group < kGroup; ++group) sum += partial.of_warp[group][tap][i % kWarpSize];
    if (of >= filters) continue;
    if (tap < kTaps) {
      dw[(blockIdx.y * filters + of) * kTaps + static_cast<std::size_t>(tap)] = sum;
    } else {
      dbias[blockIdx.y * filters + of] = sum;
    }
  }
}

struct LinesPlan {
  explicit LinesPlan(const ConvPoolShape& shape)
      : lines(std::size_t(shape.conv.n) * std::size_t(shape.out_h())),
        filter_blocks((std::size_t(shape.conv.k) + kWarpSize - 1) / kWarpSize) {
    constexpr std::size_t kBlocks = 132 * 4;  // as many as run on a GPU at once
    per_slice = tile::tiles_of(lines, std::size_t(tile::slices_for(filter_blocks, lines, kBlocks)));
    per_slice = tile::tiles_of(per_slice, kGroup) * kGroup;  // no warp without a line
    slices = per_slice == 0 ? 1 : static_cast<int>(tile::tiles_of(lines, per_slice));
  }
  std::size_t lines, filter_blocks, per_slice = 0;
  int slices = 1;
};

}  // namespace

bool conv_pool_single_forward_fits(const ConvPoolShape& shape) {
  const Conv2dShape& conv = shape.conv;
  return conv_pool_single_weights_fits(shape) && (shape.pool == 2 || shape.pool == 3) && conv.k <= kMostFilters &&
         conv.stride_h == 1 && conv.stride_w == 1;
}

template <typename T>
void conv_pool_single_forward(Stream stream, const ConvPoolShape& shape, const T* x, const T* w, const float* bias,
                              const Finish<T>& finish) {
  const auto forward = shape.conv.r == 3 ? forward_of_filter<3, T> : forward_of_filter<5, T>;
  forward(stream, shape, x, w, bias, finish);
}

bool conv_pool_single_weights_fits(const ConvPoolShape& shape) {
  return shape.conv.c == 1 && shape.conv.r == shape.conv.s && (shape.conv.r == 3 || shape.conv.r == 5);
}

std::size_t conv_pool_single_scratch_bytes(const ConvPoolShape& shape) {
  const std::size_t taps = shape.conv.weight_elements() + std::size_t(shape.conv.k);
  return std::size_t(LinesPlan(shape).slices) * taps * sizeof(float);
}

template <typename T>
void conv_pool_single_weights(Stream stream, const ConvPoolShape& shape, const T* x, const PooledGradient<T>& gradient,
                              float* dw, float* dbias, float* parts) {
  const LinesPlan plan(shape);
  const std::size_t weights = shape.conv.weight_elements(), filters = std::size_t(shape.conv.k);
  float* const bias_parts = parts + std::size_t(plan.slices) * weights;
  launch({.name = "conv_pool_single_weights",
          .grid = dim3(static_cast<unsigned>(plan.filter_blocks), static_cast<unsigned>(plan.slices)),
          .block = kBlock,
          .stream = stream},
         shape.conv.r == 3 ? single_weights_kernel<3, T> : single_weights_kernel<5, T>, Geometry(shape), gradient, x,
         plan.lines, plan.per_slice, parts, bias_parts);
  sum_slices(stream, weights, plan.slices, parts, dw);
  if (dbias != nullptr) sum_slices(stream, filters, plan.slices, bias_parts, dbias);
}

#define CURIE_SINGLE_CHANNEL_OF(T)                                                                                 \
  template void conv_pool_single_forward(Stream, const ConvPoolShape&, const T*, const T*, const float*,           \
                                         const Finish<T>&);                                                        \
  template void conv_pool_single_weights(Stream, const ConvPoolShape&, const T*, const PooledGradient<T>&, float*, \
                                         float*, float*);
CURIE_SINGLE_CHANNEL_OF(float)
CURIE_SINGLE_CHANNEL_OF(Bf16)

}  // namespace curie::CURIE_GPU
