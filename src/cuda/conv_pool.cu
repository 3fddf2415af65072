// Convolution + bias + max pool + ReLU + dropout forward, in one pass: an implicit matrix product whose rows are the
// positions of whole windows, so that each maximum is taken from a tile's sums in shared memory and the convolution's
// own output is never written. Rows (positions) x columns (filters), depth: the taps of a filter.
//
// Every window of 2 x 2 to 16 x 16 is fused, whatever the filter: what is saved is the full-resolution output, written
// and read again by bias, ReLU, pooling and dropout, and in backward its gradient. A window larger than 16 x 16 has
// more positions than the byte of arg_max can number; a window of one position has nothing to pool.
#include "cuda/conv_pool.cuh"
#include "cuda/kernels.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU {
namespace {

template <typename Cell>
using ForwardStage = tile::Stage<true, true, Cell>;

template <typename Cell>
struct ForwardTile {
  __host__ __device__ ForwardTile() {}  // empty, as nvcc wants it of shared memory; Bf16 has none that is trivial
  union {
    ForwardStage<Cell> stages[2];
    alignas(16) float sums[tile::kRows][tile::kColumns + 4];
  };
  Corner corners[tile::kRows];
};

// How windows share a tile's rows. Positions beyond kRows (windows above 11 x 11) come in further passes.
struct Rows {
  explicit Rows(int positions)
      : of_window(positions < tile::kRows ? positions : tile::kRows),
        windows(tile::kRows / of_window),
        passes((positions + tile::kRows - 1) / tile::kRows) {}
  int of_window, windows, passes;
};

template <typename Cell, typename T>
__device__ __forceinline__ void copy_inputs(const ForwardTile<Cell>& tiles, ForwardStage<Cell>& stage,
                                            const Geometry& g, const T* x, bool in_chunks, int first_tap) {
  const int thread = static_cast<int>(threadIdx.x);
  if (in_chunks) {
    constexpr int kAcross = tile::kDepth / tile::kChunk<T>;
    const int depth = thread % kAcross * tile::kChunk<T>;
    const Tap tap = tap_of(g, first_tap + depth);
    CURIE_ROLLED
    for (int row = thread / kAcross; row < tile::kRows; row += tile::kBlock / kAcross) {
      copy_input<tile::kChunk<T>>(&stage.a.cell[row][depth], x, g, tiles.corners[row], tap);
    }
  } else {
    const int depth = thread % tile::kDepth;
    const Tap tap = tap_of(g, first_tap + depth);
    CURIE_ROLLED
    for (int row = thread / tile::kDepth; row < tile::kRows; row += tile::kBlock / tile::kDepth) {
      copy_input<1>(&stage.a.cell[row][depth], x, g, tiles.corners[row], tap);
    }
  }
}

// blockIdx.x: tile, along filters first, so that neighbours share the input.
template <typename Sums, typename T>
__global__ void __launch_bounds__(tile::kBlock, tile::kBlocksPerProcessor)
    conv_pool_kernel(Geometry g, Rows rows, const T* __restrict__ x, bool in_chunks, tile::Matrix<T> w,
                     const float* __restrict__ bias, Finish<T> finish) {
  using Cell = typename Sums::Cell;
  constexpr int kQuads = tile::kColumns / 4;
  auto& tiles = shared<ForwardTile<Cell>>();
  const int thread = static_cast<int>(threadIdx.x);
  const unsigned across = static_cast<unsigned>((g.k + tile::kColumns - 1) / tile::kColumns);
  const std::size_t first_window = std::size_t{blockIdx.x / across} * static_cast<std::size_t>(rows.windows);
  const int first_filter = static_cast<int>(blockIdx.x % across) * tile::kColumns;
  const int steps = (g.taps() + tile::kDepth - 1) / tile::kDepth;
  const int filter = first_filter + thread % kQuads * 4;
  Greatest greatest[4] = {};
  for (int pass = 0; pass < rows.passes; ++pass) {
    static_assert(tile::kBlock == tile::kRows, "one corner a thread");
    const std::size_t window = first_window + static_cast<std::size_t>(thread / rows.of_window);
    const int position = pass * tile::kRows + thread % rows.of_window;
    const bool exists = thread / rows.of_window < rows.windows && window < g.windows && position < g.positions();
    tiles.corners[thread] = exists ? corner_of(g, window, position) : Corner{0, kOutside, 0};
    __syncthreads();  // also for the sums of the pass before: the stages overwrite them
    Sums sums;
    tile::multiply_steps(tiles.stages, sums, steps, [&](ForwardStage<Cell>& stage, int step) {
      copy_inputs(tiles, stage, g, x, in_chunks, step * tile::kDepth);
      tile::copy_operand(stage.b, w, first_filter, step * tile::kDepth);
    });
    sums.template for_each<true, true>([&](int row, int column, float value) { tiles.sums[row][column] = value; });
    __syncthreads();
    const int first_position = pass * tile::kRows;
    const int positions = min(g.positions() - first_position, tile::kRows);
    for (int i = thread / kQuads; i < rows.windows; i += tile::kBlock / kQuads) {
      if (first_window + static_cast<std::size_t>(i) >= g.windows || filter >= g.k) break;
      float biases[4] = {};
      if (bias != nullptr) {
        for (int j = 0; j < 4 && filter + j < g.k; ++j) biases[j] = bias[filter + j];
      }
      for (int at = 0; at < positions; ++at) {
        const float4 four = load4(&tiles.sums[i * rows.of_window + at][filter - first_filter]);
        greatest[0].take(four.x + biases[0], first_position + at);
        greatest[1].take(four.y + biases[1], first_position + at);
        greatest[2].take(four.z + biases[2], first_position + at);
        greatest[3].take(four.w + biases[3], first_position + at);
      }
      if (pass + 1 == rows.passes) finish.store(first_window + static_cast<std::size_t>(i), filter, g.k, greatest);
    }
  }
}

}  // namespace

bool conv_pool_fuses(const ConvPoolShape& shape) { return shape.pool >= 2 && shape.pool <= 16; }

template <typename T>
void conv_pool_forward(Stream stream, Math math, const ConvPoolShape& shape, const T* x, const T* w, const float* bias,
                       const DropoutSpec& dropout, const StepState* state, T* y, std::uint8_t* arg_max,
                       Scratch /*scratch*/) {
  const Geometry g(shape);
  if (g.windows == 0) return;
  const bool drops = dropout.rate > 0.0f;
  const Finish<T> finish{.y = y,
                         .arg_max = arg_max,
                         .state = drops ? state : nullptr,
                         .seed = dropout.seed,
                         .stream = dropout.stream,
                         .threshold = dropout.rate < 1.0f ? drop_threshold(dropout.rate) : 0xFFFFFFFFu,
                         .scale = dropout_scale(dropout.rate)};
  if (conv_pool_single_forward_fits(shape)) {
    conv_pool_single_forward(stream, shape, x, w, bias, finish);
    return;
  }
  const Rows rows(g.positions());
  const std::size_t tiles = tile::tiles_of(g.windows, static_cast<std::size_t>(rows.windows)) *
                            tile::tiles_of(static_cast<std::size_t>(g.k), tile::kColumns);
  launch({.name = "conv_pool_forward", .grid = static_cast<unsigned>(tiles), .block = tile::kBlock, .stream = stream},
         math == kMmaMath<T> ? conv_pool_kernel<tile::MmaSums<T>, T> : conv_pool_kernel<tile::ExactSums, T>, g, rows, x,
         g.c % tile::kChunk<T> == 0 && aligned16(x), tile::Matrix<T>::by_depth(w, g.k, g.taps()), bias, finish);
}

template void conv_pool_forward(Stream, Math, const ConvPoolShape&, const float*, const float*, const float*,
                                const DropoutSpec&, const StepState*, float*, std::uint8_t*, Scratch);
template void conv_pool_forward(Stream, Math, const ConvPoolShape&, const Bf16*, const Bf16*, const float*,
                                const DropoutSpec&, const StepState*, Bf16*, std::uint8_t*, Scratch);

}  // namespace curie::CURIE_GPU
