// Convolution of images of one to three channels. A filter then has few taps (9 to 147, say), the sums are short and
// memory is the limit: patches are not worth a trip through shared memory in the forward direction, and the weight
// gradient has fewer columns than a tile of the general kernel.
#include "cuda/conv2d.h"
#include "cuda/conv2d_gather.cuh"
#include "cuda/epilogue.cuh"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU {
namespace {

// --- forward -------------------------------------------------------------------------------------------------------

constexpr int kForwardBlock = 128;
constexpr int kFilters = 32;                               // of a block
constexpr int kThreadFilters = 8, kThreadPixels = 4;       // of a thread
constexpr int kThreadsAcross = kFilters / kThreadFilters;  // 4 threads write the 32 outputs of a pixel
constexpr int kGroups = kForwardBlock / kThreadsAcross;    // pixels side by side
constexpr int kForwardPixels = kGroups * kThreadPixels;

struct ForwardFilters {
  alignas(16) float w[kFewTaps][kFilters];
};

// All taps of 32 filters lie in shared memory; x comes through the first-level cache, where the taps of neighbouring
// pixels overlap.
template <typename T>
__global__ void __launch_bounds__(kForwardBlock)
    forward_few_kernel(Correlation c, bool vectors, CorrelationArguments<T> arguments) {
  ForwardFilters& filters = shared<ForwardFilters>();
  const auto blocks_across = static_cast<unsigned>(c.k + kFilters - 1) / kFilters;
  const int first_filter = static_cast<int>(blockIdx.x % blocks_across) * kFilters;
  const int taps = c.r * c.s * c.c;
  for (int i = static_cast<int>(threadIdx.x); i < taps * kFilters; i += kForwardBlock) {
    const int tap = i / kFilters, filter = first_filter + i % kFilters;
    filters.w[tap][i % kFilters] = filter < c.k ? value_of(arguments.w[std::size_t{1} * filter * taps + tap]) : 0.0f;
  }
  __syncthreads();

  const Radix radix = pixel_radix(c);
  const int across = static_cast<int>(threadIdx.x) % kThreadsAcross * kThreadFilters;
  const Position first = plus(position_of(std::size_t{blockIdx.x / blocks_across} * kForwardPixels, radix),
                              static_cast<int>(threadIdx.x) / kThreadsAcross, radix);
  const T* images[kThreadPixels];
  int tops[kThreadPixels], lefts[kThreadPixels];
  CURIE_UNROLL
  for (int i = 0; i < kThreadPixels; ++i) {
    const Position pixel = plus(first, i * kGroups, radix);
    images[i] = arguments.x + std::size_t{1} * (pixel.high < c.n ? pixel.high : 0) * c.h * c.w * c.c;
    tops[i] = pixel.high < c.n ? pixel.middle * c.stride_h - c.pad_top : -0x40000000;
    lefts[i] = pixel.low * c.stride_w - c.pad_left;
  }

  float sums[kThreadPixels][kThreadFilters] = {};
  Position tap{};
  for (int at = 0; at < taps; ++at) {
    float w[kThreadFilters];
    CURIE_UNROLL
    for (int quad = 0; quad < kThreadFilters / 4; ++quad) {
      const float4 four = load4(&filters.w[at][across + 4 * quad]);
      w[4 * quad] = four.x, w[4 * quad + 1] = four.y, w[4 * quad + 2] = four.z, w[4 * quad + 3] = four.w;
    }
    CURIE_UNROLL
    for (int i = 0; i < kThreadPixels; ++i) {
      const int row = tops[i] + tap.high, column = lefts[i] + tap.middle;
      const bool inside = row >= 0 && row < c.h && column >= 0 && column < c.w;
      const float x =
          inside ? value_of(images[i][(static_cast<std::ptrdiff_t>(row) * c.w + column) * c.c + tap.low]) : 0.0f;
      CURIE_UNROLL
      for (int j = 0; j < kThreadFilters; ++j) sums[i][j] += x * w[j];
    }
    advance(tap, {0, 0, 1}, tap_radix(c));
  }

  CURIE_UNROLL
  for (int i = 0; i < kThreadPixels; ++i) {
    if (tops[i] == -0x40000000) continue;
    const Position pixel = plus(first, i * kGroups, radix);
    T* y = arguments.y + (pixel.high * c.y_image + pixel.middle * c.y_row + pixel.low * c.y_pixel);
    CURIE_UNROLL
    for (int j = 0; j < kThreadFilters; ++j) {
      const int filter = first_filter + across + j;
      sums[i][j] = finished(sums[i][j], filter < c.k ? arguments.bias : nullptr, filter, arguments.relu);
      if (!vectors && filter < c.k) y[filter] = rounded<T>(sums[i][j]);
    }
    CURIE_UNROLL
    for (int j = 0; j < kThreadFilters; j += 4) {
      const int filter = first_filter + across + j;
      if (vectors && filter < c.k) {
        store4(y + filter, make_float4(sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]));
      }
    }
  }
}

// --- weight gradient -----------------------------------------------------------------------------------------------

constexpr int kWeightBlock = 256, kWarps = kWeightBlock / kWarpSize;
constexpr int kStepPixels = 64;                    // pixels of one filling of shared memory
constexpr int kWarpPixels = kStepPixels / kWarps;  // of which each warp takes
constexpr int kTapsAPass = kWeightBlock / kStepPixels;

template <int kTaps>
struct WeightTiles {
  alignas(16) float x[kTaps][kStepPixels + 4];
  float sums[kWarps][kTaps][kWarpSize];
  float bias[kWarps][kWarpSize];
};

// A lane has one filter, with the sums of kTaps taps in registers: dy is read as it lies, x is the same for a warp. The
// warps share the pixels, and their sums are added in order at the end. Two blocks are to fit a multiprocessor, which
// leaves 128 registers a thread.
template <int kTaps, typename T>
__global__ void __launch_bounds__(kWeightBlock, 2)
    weight_gradient_few_kernel(Correlation c, const T* __restrict__ x, const T* __restrict__ dy, WeightSums out) {
  WeightTiles<kTaps>& tiles = shared<WeightTiles<kTaps>>();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarpSize, warp = thread / kWarpSize;
  const int taps = c.r * c.s * c.c;
  const Radix radix = pixel_radix(c);
  const WeightTile tile = weight_tile(c, kWarpSize, kTaps, blockIdx.x, out.pixels);

  // Of the patches this thread brings pixel `slot` of each step, every kTapsAPass-th tap.
  const int slot = thread % kStepPixels;
  Position pixel = plus(position_of(tile.first_pixel, radix), slot, radix);
  const Position pixel_step = position_of(unsigned{kStepPixels}, radix);
  const int own_tap = thread / kStepPixels;
  const Position first_tap = position_of(static_cast<unsigned>(tile.first_tap + own_tap), tap_radix(c));
  const Position tap_step = position_of(unsigned{kTapsAPass}, tap_radix(c));
  const int filter = tile.first_filter + lane;

  float sums[kTaps] = {};
  float bias = 0.0f;
  for (std::size_t first = tile.first_pixel; first < tile.end_pixel; first += kStepPixels) {
    Position tap = first_tap;
    const std::ptrdiff_t top = static_cast<std::ptrdiff_t>(pixel.high) * c.h;
    for (int i = own_tap; i < kTaps; i += kTapsAPass) {
      const int row = pixel.middle * c.stride_h - c.pad_top + tap.high;
      const int column = pixel.low * c.stride_w - c.pad_left + tap.middle;
      const bool inside = first + static_cast<std::size_t>(slot) < tile.end_pixel && tap.high < c.r && row >= 0 &&
                          row < c.h && column >= 0 && column < c.w;
      tiles.x[i][slot] = inside ? value_of(x[((top + row) * c.w + column) * c.c + tap.low]) : 0.0f;
      advance(tap, tap_step, tap_radix(c));
    }
    advance(pixel, pixel_step, radix);
    __syncthreads();

    CURIE_UNROLL
    for (int quad = 0; quad < kWarpPixels / 4; ++quad) {
      const int at = warp * kWarpPixels + quad * 4;
      float gradient[4];
      CURIE_UNROLL
      for (int j = 0; j < 4; ++j) {
        const std::size_t from = first + static_cast<std::size_t>(at + j);
        gradient[j] =
            from < tile.end_pixel && filter < c.k ? value_of(dy[from * static_cast<std::size_t>(c.k) + filter]) : 0.0f;
        bias += gradient[j];
      }
      CURIE_UNROLL
      for (int t = 0; t < kTaps; ++t) {
        const float4 four = load4(&tiles.x[t][at]);
        sums[t] += four.x * gradient[0];
        sums[t] += four.y * gradient[1];
        sums[t] += four.z * gradient[2];
        sums[t] += four.w * gradient[3];
      }
    }
    __syncthreads();
  }

  CURIE_UNROLL
  for (int t = 0; t < kTaps; ++t) tiles.sums[warp][t][lane] = sums[t];
  tiles.bias[warp][lane] = bias;
  __syncthreads();
  for (int i = thread; i < kTaps * kWarpSize; i += kWeightBlock) {
    const int t = i % kTaps, of = i / kTaps;
    if (tile.first_tap + t >= taps || tile.first_filter + of >= c.k) continue;
    float total = 0.0f;
    for (int w = 0; w < kWarps; ++w) total += tiles.sums[w][t][of];
    out.weights[tile.part * out.stride + std::size_t(tile.first_filter + of) * std::size_t(taps) +
                std::size_t(tile.first_tap + t)] = total;
  }
  if (out.bias != nullptr && tile.first_tap == 0 && thread < kWarpSize && filter < c.k) {
    float total = 0.0f;
    for (int w = 0; w < kWarps; ++w) total += tiles.bias[w][lane];
    out.bias[tile.part * out.stride + std::size_t(filter)] = total;
  }
}

template <int kTaps, typename T>
void start_weights(Stream stream, const Conv2dShape& shape, const T* x, const T* dy, const WeightSums& sums) {
  const int tiles = ceil_div(shape.k, kWarpSize) * ceil_div(taps_of(shape), kTaps);
  launch({.name = "conv2d_weight_gradient_few",
          .grid = static_cast<unsigned>(tiles * sums.splits),
          .block = kWeightBlock,
          .stream = stream},
         weight_gradient_few_kernel<kTaps, T>, forward_correlation(shape), x, dy, sums);
}

}  // namespace

template <typename T>
void start_forward_few(Stream stream, bool vectors, const Conv2dShape& shape,
                       const CorrelationArguments<T>& arguments) {
  const std::size_t pixels = std::size_t(shape.n) * shape.p * shape.q;
  const auto filters = static_cast<unsigned>(ceil_div(shape.k, kFilters));
  launch({.name = "conv2d_forward_few",
          .grid = blocks_for(pixels, kForwardPixels) * filters,
          .block = kForwardBlock,
          .stream = stream},
         forward_few_kernel<T>, forward_correlation(shape), vectors, arguments);
}

template <typename T>
void start_weight_gradient_few(Stream stream, const Conv2dShape& shape, const T* x, const T* dy,
                               const WeightSums& sums) {
  // 3x3 of one channel, or of three: sums that are not wanted cost time too.
  if (taps_of(shape) <= 9) return start_weights<9>(stream, shape, x, dy, sums);
  start_weights<27>(stream, shape, x, dy, sums);
}

template void start_forward_few(Stream, bool, const Conv2dShape&, const CorrelationArguments<float>&);
template void start_forward_few(Stream, bool, const Conv2dShape&, const CorrelationArguments<Bf16>&);
template void start_weight_gradient_few(Stream, const Conv2dShape&, const float*, const float*, const WeightSums&);
template void start_weight_gradient_few(Stream, const Conv2dShape&, const Bf16*, const Bf16*, const WeightSums&);

}  // namespace curie::CURIE_GPU
