// Convolution and its gradients on tensor cores (compute capability 8.0): the products of conv2d_forward.cu and
// conv2d_weights.cu with operands rounded to TF32 and summed in float32. Channels come in fours at addresses of 16
// bytes, so that cp.async brings tiles to shared memory as they lie in global memory; two stages of tiles take turns.
// The bias and its gradient stay exact.
#include "cuda/conv2d.h"
#include "cuda/conv2d_gather.cuh"
#include "cuda/copy_async.cuh"
#include "cuda/launch.cuh"
#include "cuda/mma.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kWarpTile = 32;  // rows and columns of a warp
constexpr int kRowFragments = kWarpTile / 16, kColumnFragments = kWarpTile / 8, kFragmentDepth = 8;

constexpr int threads_of(Tile tile) {
  return size_of(tile).rows / kWarpTile * (size_of(tile).columns / kWarpTile) * kWarpSize;
}

// An operand's tile, contiguous as in global memory. The padding keeps the reads of a fragment, 8 rows by 4 of the
// depth, on 32 different banks: lines 4 banks apart (modulo 32, in some order) along the depth, 8 along the rows.
template <typename Part>
struct OperandTile {
  static constexpr int kPitch = Part::kAlongDepth ? Part::kDepth + 4 : Part::kRows + 8;
  static_assert(Part::kAlongDepth ? kPitch % 8 == 4 : kPitch % 32 == 8);
  alignas(16) float x[Part::kAlongDepth ? Part::kRows : Part::kDepth][kPitch];

  __device__ __forceinline__ float at(int row, int depth) const {
    return Part::kAlongDepth ? x[row][depth] : x[depth][row];
  }
};

template <typename A, typename B>
struct Stages {
  OperandTile<typename A::Part> a[2];
  OperandTile<typename B::Part> b[2];
};

template <typename Operand, typename Part = typename Operand::Part>
__device__ __forceinline__ void bring(Operand& operand, OperandTile<Part>& tile) {
  CURIE_UNROLL
  for (int pass = 0; pass < Part::kPasses; ++pass) {
    const float* source = operand.take(pass);
    if (Part::takes()) copy_async_16(&tile.x[Part::line(pass)][Part::across()], source, source != nullptr);
  }
}

// The sums of a warp, spread over its lanes as element_of_d says.
struct WarpSums {
  FragmentD of[kRowFragments][kColumnFragments] = {};
};

// A warp's place in the block's tile.
template <Tile kTile>
__device__ __forceinline__ int warp_row() {
  return static_cast<int>(threadIdx.x) / kWarpSize / (size_of(kTile).columns / kWarpTile) * kWarpTile;
}
template <Tile kTile>
__device__ __forceinline__ int warp_column() {
  return static_cast<int>(threadIdx.x) / kWarpSize % (size_of(kTile).columns / kWarpTile) * kWarpTile;
}

template <Tile kTile, typename PartA, typename PartB>
__device__ __forceinline__ void add_products(const OperandTile<PartA>& a, const OperandTile<PartB>& b, WarpSums& sums) {
  constexpr int kDepth = size_of(kTile).depth;
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  CURIE_UNROLL
  for (int depth = 0; depth < kDepth; depth += kFragmentDepth) {
    FragmentA rows[kRowFragments];
    FragmentB columns[kColumnFragments];
    CURIE_UNROLL
    for (int i = 0; i < kRowFragments; ++i) {
      CURIE_UNROLL
      for (int e = 0; e < 4; ++e) {
        const Element at = element_of_a(lane, e);
        rows[i].x[e] = to_tf32(a.at(warp_row<kTile>() + 16 * i + at.row, depth + at.column));
      }
    }
    CURIE_UNROLL
    for (int j = 0; j < kColumnFragments; ++j) {
      CURIE_UNROLL
      for (int e = 0; e < 2; ++e) {
        const Element at = element_of_b(lane, e);
        columns[j].x[e] = to_tf32(b.at(warp_column<kTile>() + 8 * j + at.column, depth + at.row));
      }
    }
    CURIE_UNROLL
    for (int i = 0; i < kRowFragments; ++i) {
      CURIE_UNROLL
      for (int j = 0; j < kColumnFragments; ++j) mma_tf32(sums.of[i][j], rows[i], columns[j]);
    }
  }
}

// sums += the product of a (rows x depth) and b (depth x columns), `steps` tiles deep. visit(tile of a) is called for
// each while it is in shared memory.
template <Tile kTile, typename A, typename B, typename Visit>
__device__ __forceinline__ void multiply(Stages<A, B>& stages, A& a, B& b, int steps, WarpSums& sums, Visit visit) {
  if (steps > 0) {
    bring(a, stages.a[0]);
    bring(b, stages.b[0]);
  }
  copy_async_commit();
  for (int step = 0; step < steps; ++step) {
    const int stage = step % 2;
    if (step + 1 < steps) {
      bring(a, stages.a[1 - stage]);
      bring(b, stages.b[1 - stage]);
    }
    copy_async_commit();  // an empty group at the end, so that the count below holds
    copy_async_wait<1>();
    __syncthreads();
    add_products<kTile>(stages.a[stage], stages.b[stage], sums);
    visit(stages.a[stage]);
    __syncthreads();  // before the next step's copies overwrite this stage
  }
}

// Calls visit(row, column, two neighbouring sums) for all sums of this lane, rows and columns in the block's tile.
template <Tile kTile, typename Visit>
__device__ __forceinline__ void for_each_pair(const WarpSums& sums, Visit visit) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  CURIE_UNROLL
  for (int i = 0; i < kRowFragments; ++i) {
    CURIE_UNROLL
    for (int half = 0; half < 2; ++half) {
      CURIE_UNROLL
      for (int j = 0; j < kColumnFragments; ++j) {
        const Element at = element_of_d(lane, 2 * half);
        visit(warp_row<kTile>() + 16 * i + at.row, warp_column<kTile>() + 8 * j + at.column,
              make_float2(sums.of[i][j].x[2 * half], sums.of[i][j].x[2 * half + 1]));
      }
    }
  }
}

// --- forward and input gradient ------------------------------------------------------------------------------------

// As in conv2d_forward.cu.
template <Tile kTile, bool kFiltersAlongDepth>
__device__ __forceinline__ void correlate(const Correlation& c, unsigned tile, const CorrelationArguments& arguments) {
  constexpr TileSize kSize = size_of(kTile);
  constexpr int kThreads = threads_of(kTile);
  using Patches = PatchRows<Share<kSize.rows, kSize.depth, kThreads, 4, true>>;
  using Filters = FilterRows<Share<kSize.columns, kSize.depth, kThreads, 4, kFiltersAlongDepth>>;

  const auto tiles_across = static_cast<unsigned>(c.k + kSize.columns - 1) / kSize.columns;
  const int first_filter = static_cast<int>(tile % tiles_across) * kSize.columns;
  const Radix radix = pixel_radix(c);
  const Position first_pixel = position_of(std::size_t{tile / tiles_across} * kSize.rows, radix);

  Patches patches(c, arguments.x, first_pixel);
  Filters filters(c, arguments.w, first_filter);
  WarpSums sums;
  const std::size_t taps = std::size_t{1} * c.r * c.s * c.c;
  multiply<kTile>(shared<Stages<Patches, Filters>>(), patches, filters,
                  static_cast<int>((taps + kSize.depth - 1) / kSize.depth), sums, [](const auto&) {});

  for_each_pair<kTile>(sums, [&](int row, int column, float2 pair) {
    const Position pixel = plus(first_pixel, row, radix);
    const int filter = first_filter + column;
    if (pixel.high >= c.n || filter >= c.k) return;
    if (arguments.bias != nullptr) {
      pair.x += arguments.bias[filter];
      pair.y += arguments.bias[filter + 1];
    }
    if (arguments.relu && pair.x < 0.0f) pair.x = 0.0f;  // NaN stays
    if (arguments.relu && pair.y < 0.0f) pair.y = 0.0f;
    float* y = arguments.y + (c.y_offset + pixel.high * c.y_image + pixel.middle * c.y_row + pixel.low * c.y_pixel);
    *reinterpret_cast<float2*>(y + filter) = pair;
  });
}

template <Tile kTile>
__global__ void __launch_bounds__(threads_of(kTile))
    forward_tf32_kernel(Correlation correlation, CorrelationArguments arguments) {
  correlate<kTile, true>(correlation, blockIdx.x, arguments);
}

template <Tile kTile>
__global__ void __launch_bounds__(threads_of(kTile))
    input_gradient_tf32_kernel(Conv2dShape shape, unsigned tiles, CorrelationArguments arguments) {
  const int residue = static_cast<int>(blockIdx.x / tiles);
  const Correlation correlation = input_gradient_correlation(shape, residue / shape.stride_w, residue % shape.stride_w);
  correlate<kTile, false>(correlation, blockIdx.x % tiles, arguments);
}

// --- weight gradient -----------------------------------------------------------------------------------------------

// As in conv2d_weights.cu.
template <Tile kTile>
__global__ void __launch_bounds__(threads_of(kTile))
    weight_gradient_tf32_kernel(Correlation c, const float* __restrict__ x, const float* __restrict__ dy,
                                WeightSums out) {
  constexpr TileSize kSize = size_of(kTile);
  constexpr int kThreads = threads_of(kTile);
  using Gradient = GradientRows<Share<kSize.rows, kSize.depth, kThreads, 4, false>>;
  using Patches = TapRows<Share<kSize.columns, kSize.depth, kThreads, 4, false>>;

  const int taps = c.r * c.s * c.c;
  const WeightTile tile = weight_tile(c, kSize.rows, kSize.columns, blockIdx.x, out.pixels);
  Gradient gradient(c, dy, tile.first_filter, tile.first_pixel, tile.end_pixel);
  Patches patches(c, x, tile.first_tap, tile.first_pixel, tile.end_pixel);
  WarpSums sums;
  const int own = static_cast<int>(threadIdx.x);
  const bool sums_bias = out.bias != nullptr && tile.first_tap == 0 && own < kSize.rows;
  float bias = 0.0f;
  multiply<kTile>(shared<Stages<Gradient, Patches>>(), gradient, patches, tile.steps(kSize.depth), sums,
                  [&](const auto& a) {
                    if (!sums_bias) return;
                    for (int depth = 0; depth < kSize.depth; ++depth) bias += a.at(own, depth);
                  });

  for_each_pair<kTile>(sums, [&](int row, int column, float2 pair) {
    const int filter = tile.first_filter + row, tap = tile.first_tap + column;
    if (filter >= c.k || tap >= taps) return;
    float* to = out.weights + (tile.part * out.stride + std::size_t(filter) * std::size_t(taps) + std::size_t(tap));
    to[0] = pair.x;
    to[1] = pair.y;
  });
  if (sums_bias && tile.first_filter + own < c.k) {
    out.bias[tile.part * out.stride + std::size_t(tile.first_filter + own)] = bias;
  }
}

// --- starting them -------------------------------------------------------------------------------------------------

template <Tile kTile>
void forward_tile(Stream stream, const Conv2dShape& shape, const CorrelationArguments& arguments) {
  const std::size_t pixels = std::size_t(shape.n) * shape.p * shape.q;
  launch({.name = "conv2d_forward_tf32",
          .grid = static_cast<unsigned>(tiles_over(pixels, std::size_t(shape.k), kTile)),
          .block = threads_of(kTile),
          .stream = stream},
         forward_tf32_kernel<kTile>, forward_correlation(shape), arguments);
}

template <Tile kTile>
void input_gradient_tile(Stream stream, const Conv2dShape& shape, const CorrelationArguments& arguments) {
  const auto tiles = static_cast<unsigned>(tiles_over(residue_pixels(shape), std::size_t(shape.c), kTile));
  launch({.name = "conv2d_input_gradient_tf32",
          .grid = tiles * static_cast<unsigned>(shape.stride_h) * static_cast<unsigned>(shape.stride_w),
          .block = threads_of(kTile),
          .stream = stream},
         input_gradient_tf32_kernel<kTile>, shape, tiles, arguments);
}

template <Tile kTile>
void weight_gradient_tile(Stream stream, const Conv2dShape& shape, const float* x, const float* dy,
                          const WeightSums& sums) {
  const std::size_t tiles = tiles_over(std::size_t(shape.k), std::size_t(taps_of(shape)), kTile);
  launch({.name = "conv2d_weight_gradient_tf32",
          .grid = static_cast<unsigned>(tiles * std::size_t(sums.splits)),
          .block = threads_of(kTile),
          .stream = stream},
         weight_gradient_tf32_kernel<kTile>, forward_correlation(shape), x, dy, sums);
}

}  // namespace

void start_forward_tf32(Stream stream, Tile tile, const Conv2dShape& shape, const CorrelationArguments& arguments) {
  if (tile == Tile::narrow) return forward_tile<Tile::narrow>(stream, shape, arguments);
  if (tile == Tile::tall) return forward_tile<Tile::tall>(stream, shape, arguments);
  forward_tile<Tile::square>(stream, shape, arguments);
}

void start_input_gradient_tf32(Stream stream, Tile tile, const Conv2dShape& shape,
                               const CorrelationArguments& arguments) {
  if (tile == Tile::narrow) return input_gradient_tile<Tile::narrow>(stream, shape, arguments);
  if (tile == Tile::tall) return input_gradient_tile<Tile::tall>(stream, shape, arguments);
  input_gradient_tile<Tile::square>(stream, shape, arguments);
}

void start_weight_gradient_tf32(Stream stream, Tile tile, const Conv2dShape& shape, const float* x, const float* dy,
                                const WeightSums& sums) {
  if (tile == Tile::flat) return weight_gradient_tile<Tile::flat>(stream, shape, x, dy, sums);
  weight_gradient_tile<Tile::square>(stream, shape, x, dy, sums);
}

}  // namespace curie::CURIE_GPU
