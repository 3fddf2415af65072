// The gradients of the fused block from the pooled gradient. The gradient at the convolution's output is dy * scale at
// the arg-max of each window and 0 elsewhere; it is unfolded tile by tile in shared memory and never written:
//
//   dw  (taps, filters)     = x under each tap (taps, positions) * gradient (positions, filters), cut into slices of
//                             windows that a second pass adds up
//   dx  (pixels, channels)  = gradient where the tap lies on the pixel (pixels, taps x filters) * w (taps x filters,
//                             channels): each pixel gathers, so nothing is added to memory
//   dbias                   = the pooled gradient's sums over windows
#include "cuda/conv_pool.cuh"
#include "cuda/dense_sums.cuh"
#include "cuda/kernels.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBatch = 4;  // gradients that a thread has on their way from memory at a time

// --- weights ---------------------------------------------------------------------------------------------------------
template <typename Cell>
using WeightsStage = tile::Stage<false, false, Cell>;

template <typename Cell>
struct WeightsTile {
  WeightsStage<Cell> stages[2];
  Tap taps[tile::kRows];
};

// Eight threads a position: each brings its input under the tile's taps, and the gradient of the tile's filters there.
template <typename Cell, typename T>
__device__ __forceinline__ void copy_position(const WeightsTile<Cell>& tiles, WeightsStage<Cell>& stage,
                                              const Geometry& g, const T* x, bool in_chunks,
                                              const PooledGradient<T>& gradient, std::size_t window, int position,
                                              bool exists, int first_filter) {
  constexpr int kThreads = tile::kBlock / tile::kDepth;
  const int depth = static_cast<int>(threadIdx.x) / kThreads, lane = static_cast<int>(threadIdx.x) % kThreads;
  const Corner corner = exists ? corner_of(g, window, position) : Corner{0, kOutside, 0};
  if (in_chunks) {
    constexpr int kChunk = tile::kChunk<T>;
    CURIE_ROLLED
    for (int row = kChunk * lane; row < tile::kRows; row += kChunk * kThreads) {
      copy_input<kChunk>(&stage.a.cell[depth][row], x, g, corner, tiles.taps[row]);
    }
  } else {
    CURIE_ROLLED
    for (int row = lane; row < tile::kRows; row += kThreads) {
      copy_input<1>(&stage.a.cell[depth][row], x, g, corner, tiles.taps[row]);
    }
  }
  const std::size_t element = window * static_cast<std::size_t>(g.k);
  CURIE_ROLLED
  for (int first = lane; first < tile::kColumns; first += kBatch * kThreads) {
    float values[kBatch];
    CURIE_UNROLL
    for (int i = 0; i < kBatch; ++i) {
      const int filter = first_filter + first + i * kThreads;
      values[i] = gradient.at(element + static_cast<std::size_t>(filter), position, exists && filter < g.k);
    }
    CURIE_UNROLL
    for (int i = 0; i < kBatch; ++i) stage.b.cell[depth][first + i * kThreads] = rounded<Cell>(values[i]);
  }
}

// blockIdx.x: tile, along filters first; blockIdx.y: slice of the windows. dw: (slices, k, r, s, c).
template <typename Sums, typename T>
__global__ void __launch_bounds__(tile::kBlock, tile::kBlocksPerProcessor)
    conv_pool_weights_kernel(Geometry g, PooledGradient<T> gradient, const T* __restrict__ x, bool in_chunks,
                             std::size_t windows_per_slice, float* __restrict__ dw) {
  using Cell = typename Sums::Cell;
  auto& tiles = shared<WeightsTile<Cell>>();
  const int thread = static_cast<int>(threadIdx.x);
  const unsigned across = static_cast<unsigned>((g.k + tile::kColumns - 1) / tile::kColumns);
  const int first_tap = static_cast<int>(blockIdx.x / across) * tile::kRows;
  const int first_filter = static_cast<int>(blockIdx.x % across) * tile::kColumns;
  const std::size_t begin = blockIdx.y * windows_per_slice;
  const std::size_t end = min(begin + windows_per_slice, g.windows);
  const std::size_t positions = static_cast<std::size_t>(g.positions());
  const std::size_t depths = begin < end ? (end - begin) * positions : 0;
  static_assert(tile::kBlock == tile::kRows, "one tap a thread");
  tiles.taps[thread] = tap_of(g, first_tap + thread);
  __syncthreads();
  Sums sums;
  const int steps = static_cast<int>((depths + tile::kDepth - 1) / tile::kDepth);
  tile::multiply_steps(tiles.stages, sums, steps, [&](WeightsStage<Cell>& stage, int step) {
    const std::size_t depth = std::size_t(step) * tile::kDepth + std::size_t(thread / (tile::kBlock / tile::kDepth));
    const std::size_t window = begin + depth / positions;
    copy_position(tiles, stage, g, x, in_chunks, gradient, window, static_cast<int>(depth % positions), depth < depths,
                  first_filter);
  });
  const std::size_t taps = static_cast<std::size_t>(g.taps());
  float* const to = dw + blockIdx.y * taps * static_cast<std::size_t>(g.k);
  sums.template for_each<false, false>([&](int row, int column, float value) {
    const int tap = first_tap + row, filter = first_filter + column;
    if (tap < g.taps() && filter < g.k) to[std::size_t(filter) * taps + std::size_t(tap)] = value;
  });
}

struct WeightsPlan {
  explicit WeightsPlan(const Geometry& g)
      : elements(std::size_t(g.taps()) * std::size_t(g.k)),
        tiles(tile::tiles_of(std::size_t(g.taps()), tile::kRows) * tile::tiles_of(std::size_t(g.k), tile::kColumns)) {
    const std::size_t steps = tile::tiles_of(g.windows * std::size_t(g.positions()), tile::kDepth);
    windows_per_slice = tile::tiles_of(g.windows, std::size_t(tile::slices_for(tiles, steps)));
    slices = windows_per_slice == 0 ? 1 : static_cast<int>(tile::tiles_of(g.windows, windows_per_slice));
  }
  std::size_t parts() const { return slices > 1 ? elements * std::size_t(slices) : 0; }

  std::size_t elements, tiles, windows_per_slice = 0;
  int slices = 1;
};

// --- bias ------------------------------------------------------------------------------------------------------------
template <typename T>
struct BiasGradient {
  PooledGradient<T> gradient;
  std::size_t filters;
  __device__ __forceinline__ float operator()(std::size_t window, std::size_t filter) const {
    return gradient.of(window * filters + filter);
  }
};

int bias_slices(const Geometry& g) {
  constexpr std::size_t kWindows = 512, kMost = 512;
  const std::size_t slices = tile::tiles_of(g.windows, kWindows);
  return static_cast<int>(slices < 1 ? 1 : slices > kMost ? kMost : slices);
}

// --- input -----------------------------------------------------------------------------------------------------------
template <typename Cell>
using InputStage = tile::Stage<true, false, Cell>;

// The window of which a tap lies on a pixel: its first filter's element, and the position; none: position -1.
struct Source {
  std::size_t element;
  int position;
};

template <typename Cell>
struct InputTile {
  InputStage<Cell> stages[2];
  Source sources[2][tile::kRows];  // of the taps in turn
};

struct Pixel {
  std::size_t image;
  int y, x;
};

__device__ __forceinline__ Source source_of(const Geometry& g, const Pixel& pixel, int r, int s) {
  const int y = pixel.y + g.pad_top - r, x = pixel.x + g.pad_left - s;
  if (y < 0 || x < 0 || y % g.stride_h != 0 || x % g.stride_w != 0) return {0, -1};
  const int p = y / g.stride_h, q = x / g.stride_w;
  const int row = p / g.pool, column = q / g.pool;
  if (row >= g.out_h || column >= g.out_w) return {0, -1};
  const std::size_t window =
      (pixel.image * std::size_t(g.out_h) + std::size_t(row)) * std::size_t(g.out_w) + std::size_t(column);
  return {window * static_cast<std::size_t>(g.k), (p - row * g.pool) * g.pool + q - column * g.pool};
}

// blockIdx.x: tile, along channels first. A step is one tap and 16 filters.
template <typename Sums, typename T>
__global__ void __launch_bounds__(tile::kBlock, tile::kBlocksPerProcessor)
    conv_pool_input_kernel(Geometry g, PooledGradient<T> gradient, std::size_t pixels, tile::Matrix<T> w,
                           T* __restrict__ dx) {
  using Cell = typename Sums::Cell;
  auto& tiles = shared<InputTile<Cell>>();
  const int thread = static_cast<int>(threadIdx.x);
  const unsigned across = static_cast<unsigned>((g.c + tile::kColumns - 1) / tile::kColumns);
  const std::size_t first_pixel = std::size_t{blockIdx.x / across} * tile::kRows;
  const int first_channel = static_cast<int>(blockIdx.x % across) * tile::kColumns;
  const int chunks = (g.k + tile::kDepth - 1) / tile::kDepth;
  const int steps = g.r * g.s * chunks;
  static_assert(tile::kBlock == tile::kRows, "one pixel a thread");
  const std::size_t index = first_pixel + static_cast<std::size_t>(thread);
  const std::size_t line = index / static_cast<std::size_t>(g.w);
  const Pixel pixel{line / static_cast<std::size_t>(g.h),
                    index < pixels ? static_cast<int>(line % static_cast<std::size_t>(g.h)) : -kOutside,
                    static_cast<int>(index % static_cast<std::size_t>(g.w))};
  tiles.sources[0][thread] = source_of(g, pixel, 0, 0);
  __syncthreads();
  Sums sums;
  tile::multiply_steps(tiles.stages, sums, steps, [&](InputStage<Cell>& stage, int step) {
    const int tap = step / chunks, chunk = step % chunks;
    if (chunk + 1 == chunks) {
      tiles.sources[(tap + 1) % 2][thread] = source_of(g, pixel, (tap + 1) / g.s, (tap + 1) % g.s);
    }
    const int depth = thread % tile::kDepth, filter = chunk * tile::kDepth + depth;
    constexpr int kDown = tile::kBlock / tile::kDepth;
    CURIE_ROLLED
    for (int first = thread / tile::kDepth; first < tile::kRows; first += kBatch * kDown) {
      float values[kBatch];
      CURIE_UNROLL
      for (int i = 0; i < kBatch; ++i) {
        const Source source = tiles.sources[tap % 2][first + i * kDown];
        values[i] = gradient.at(source.element + static_cast<std::size_t>(filter), source.position,
                                source.position >= 0 && filter < g.k);
      }
      CURIE_UNROLL
      for (int i = 0; i < kBatch; ++i) stage.a.cell[first + i * kDown][depth] = rounded<Cell>(values[i]);
    }
    tile::Matrix<T> of_tap = w;
    of_tap.data += std::size_t(tap) * std::size_t(g.c);
    tile::copy_operand(stage.b, of_tap, first_channel, chunk * tile::kDepth);
  });
  sums.template for_each<true, false>([&](int row, int column, float value) {
    const std::size_t at = first_pixel + static_cast<std::size_t>(row);
    const int channel = first_channel + column;
    if (at < pixels && channel < g.c)
      dx[at * static_cast<std::size_t>(g.c) + static_cast<std::size_t>(channel)] = rounded<T>(value);
  });
}

}  // namespace

std::size_t conv_pool_scratch_bytes(const ConvPoolShape& shape) {
  if (conv_pool_single_weights_fits(shape)) return conv_pool_single_scratch_bytes(shape);
  const Geometry g(shape);
  return (WeightsPlan(g).parts() + std::size_t(bias_slices(g)) * std::size_t(g.k)) * sizeof(float);
}

template <typename T>
void conv_pool_backward(Stream stream, Math math, const ConvPoolShape& shape, const T* x, const T* w, const T* y,
                        const std::uint8_t* arg_max, float dropout_rate, const T* dy, T* dx, float* dw, float* dbias,
                        Scratch scratch) {
  const Geometry g(shape);
  const bool mma = math == kMmaMath<T>;
  const PooledGradient<T> gradient{dy, y, arg_max, dropout_scale(dropout_rate)};
  float* const parts = reinterpret_cast<float*>(scratch.data);
  if (conv_pool_single_weights_fits(shape)) {
    conv_pool_single_weights(stream, shape, x, gradient, dw, dbias, parts);
  } else {
    const WeightsPlan plan(g);
    launch({.name = "conv_pool_backward_weights",
            .grid = dim3(static_cast<unsigned>(plan.tiles), static_cast<unsigned>(plan.slices)),
            .block = tile::kBlock,
            .stream = stream},
           mma ? conv_pool_weights_kernel<tile::MmaSums<T>, T> : conv_pool_weights_kernel<tile::ExactSums, T>, g,
           gradient, x, g.c % tile::kChunk<T> == 0 && aligned16(x), plan.windows_per_slice,
           plan.slices > 1 ? parts : dw);
    if (plan.slices > 1) sum_slices(stream, plan.elements, plan.slices, parts, dw);
    if (dbias != nullptr) {
      const std::size_t filters = static_cast<std::size_t>(g.k);
      float* const bias_parts = parts + plan.parts();
      sum_columns(stream, BiasGradient<T>{gradient, filters}, g.windows, filters, bias_slices(g), bias_parts);
      sum_slices(stream, filters, bias_slices(g), bias_parts, dbias);
    }
  }
  if (dx == nullptr) return;
  const std::size_t pixels = std::size_t(shape.conv.n) * std::size_t(g.h) * std::size_t(g.w);
  const std::size_t tiles =
      tile::tiles_of(pixels, tile::kRows) * tile::tiles_of(static_cast<std::size_t>(g.c), tile::kColumns);
  const bool in_chunks = g.c % tile::kChunk<T> == 0 && aligned16(w);
  const tile::Matrix<T> weights{w, static_cast<std::size_t>(g.taps()), g.c, g.k, in_chunks};
  launch({.name = "conv_pool_backward_input",
          .grid = static_cast<unsigned>(tiles),
          .block = tile::kBlock,
          .stream = stream},
         mma ? conv_pool_input_kernel<tile::MmaSums<T>, T> : conv_pool_input_kernel<tile::ExactSums, T>, g, gradient,
         pixels, weights, dx);
}

template void conv_pool_backward(Stream, Math, const ConvPoolShape&, const float*, const float*, const float*,
                                 const std::uint8_t*, float, const float*, float*, float*, float*, Scratch);
template void conv_pool_backward(Stream, Math, const ConvPoolShape&, const Bf16*, const Bf16*, const Bf16*,
                                 const std::uint8_t*, float, const Bf16*, Bf16*, float*, float*, Scratch);

}  // namespace curie::CURIE_GPU
