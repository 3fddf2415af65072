// Convolution and its gradients on tensor cores (compute capability 8.0): the products of conv2d_forward.cu and
// conv2d_weights.cu with operands in TF32 (rounded from float32) or bfloat16, summed in float32. Channels come in
// chunks of 16 bytes at addresses of 16, so that cp.async brings tiles to shared memory as they lie in global memory.
// Three or four stages of tiles take turns: while one is multiplied, the others are on their way. The bias and its
// gradient stay float32.
//
// conv2d_tf32.cu and conv2d_bf16.cu make the kernels; dense.cu uses them too, since a dense layer is a convolution of
// images of one pixel.
#pragma once

#include "cuda/conv2d.h"
#include "cuda/conv2d_gather.cuh"
#include "cuda/copy_async.cuh"
#include "cuda/epilogue.cuh"
#include "cuda/launch.cuh"
#include "cuda/mma.cuh"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU {
namespace {

// What one instruction multiplies of T: 32 bytes along the depth.
template <typename T>
struct Product {
  static constexpr bool kTf32 = sizeof(T) == sizeof(float);
  static constexpr int kDepth = 32 / static_cast<int>(sizeof(T)), kPerChunk = 16 / static_cast<int>(sizeof(T));
  static constexpr int kTileDepth = kMmaLineBytes / static_cast<int>(sizeof(T));

  __device__ __forceinline__ static void round(unsigned (&values)[4]) {
    if constexpr (kTf32) {
      CURIE_UNROLL
      for (int i = 0; i < 4; ++i) values[i] = to_tf32(__uint_as_float(values[i]));
    }
  }
  __device__ __forceinline__ static void multiply(FragmentD& d, const FragmentA& a, const FragmentB& b) {
    if constexpr (kTf32) {
      mma_tf32(d, a, b);
    } else {
      mma_bf16(d, a, b);
    }
  }
};

// An operand's tile, contiguous as in global memory: lines along the depth or along the rows, in chunks of 16 bytes.
// The chunks of a line change places by the line's number, so that no request meets a bank twice: neither the eight
// rows of a matrix that ldmatrix reads, nor the eight rows by four lines of a fragment that is read word by word.
template <typename Part, typename T>
struct OperandTile {
  static constexpr int kPerChunk = Product<T>::kPerChunk;
  static constexpr int kLines = Part::kAlongDepth ? Part::kRows : Part::kDepth;
  static constexpr int kChunks = (Part::kAlongDepth ? Part::kDepth : Part::kRows) / kPerChunk;
  static_assert(kChunks == 4 || (!Part::kAlongDepth && kChunks % 8 == 0));
  alignas(128) T x[kLines][kChunks * kPerChunk];

  __device__ __forceinline__ static int place_of(int line, int chunk) {
    if constexpr (!Part::kAlongDepth && Product<T>::kTf32) return chunk ^ (line % 4 * 2);
    // Lines of 64 bytes: two of them pass all banks.
    return kChunks == 4 ? chunk ^ (line / 2 % 4) : chunk ^ (line % 8);
  }
  __device__ __forceinline__ T* chunk(int line, int number) { return &x[line][place_of(line, number) * kPerChunk]; }
  __device__ __forceinline__ const T* chunk(int line, int number) const {
    return &x[line][place_of(line, number) * kPerChunk];
  }
  __device__ __forceinline__ T at(int row, int depth) const {
    const int line = Part::kAlongDepth ? row : depth, across = Part::kAlongDepth ? depth : row;
    return chunk(line, across / kPerChunk)[across % kPerChunk];
  }

  // The 16 rows from `row` on by one instruction's depth from `depth` on, spread over the warp's lanes as four matrices
  // of 8 rows by 16 bytes: rows 0 and 8 at the first chunk, then at the second (element_of_a, pair_of_a).
  __device__ __forceinline__ void read_block(int row, int depth, unsigned (&values)[4]) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    if constexpr (Part::kAlongDepth) {
      load_matrices(values, chunk(row + lane % 16, depth / kPerChunk + lane / 16));
    } else if constexpr (Product<T>::kTf32) {
      CURIE_UNROLL
      for (int i = 0; i < 4; ++i) {
        const Element of = element_of_a(lane, i);
        values[i] = __float_as_uint(at(row + of.row, depth + of.column));
      }
    } else {
      const int matrix = lane / 8;
      load_matrices_transposed(values, chunk(depth + matrix / 2 * 8 + lane % 8, row / kPerChunk + matrix % 2));
    }
    Product<T>::round(values);
  }
};

template <Tile kTile, typename A, typename B>
struct Stages {
  OperandTile<typename A::Part, typename A::Element> a[mma_size_of(kTile).stages];
  OperandTile<typename B::Part, typename B::Element> b[mma_size_of(kTile).stages];
};

template <typename Operand, typename Part = typename Operand::Part>
__device__ __forceinline__ void bring(Operand& operand, OperandTile<Part, typename Operand::Element>& tile) {
  CURIE_UNROLL
  for (int pass = 0; pass < Part::kPasses; ++pass) {
    const typename Operand::Element* source = operand.take(pass);
    if (Part::takes()) {
      copy_async_16(tile.chunk(Part::line(pass), Part::across() / Part::kVector), source, source != nullptr);
    }
  }
}

// The sums of a warp, spread over its lanes as element_of_d says.
template <Tile kTile>
struct WarpSums {
  static constexpr MmaSize kSize = mma_size_of(kTile);
  static constexpr int kDown = kSize.warp_rows / 16, kAcross = kSize.warp_columns / 8;
  FragmentD of[kDown][kAcross] = {};

  __device__ __forceinline__ static int row() {
    return static_cast<int>(threadIdx.x) / kWarpSize / (kSize.columns / kSize.warp_columns) * kSize.warp_rows;
  }
  __device__ __forceinline__ static int column() {
    return static_cast<int>(threadIdx.x) / kWarpSize % (kSize.columns / kSize.warp_columns) * kSize.warp_columns;
  }

  template <typename PartA, typename PartB, typename T>
  __device__ __forceinline__ void add_products(const OperandTile<PartA, T>& a, const OperandTile<PartB, T>& b) {
    CURIE_UNROLL
    for (int depth = 0; depth < Product<T>::kTileDepth; depth += Product<T>::kDepth) {
      FragmentA rows[kDown];
      FragmentB columns[kAcross];
      CURIE_UNROLL
      for (int i = 0; i < kDown; ++i) a.read_block(row() + 16 * i, depth, rows[i].x);
      // A fragment of B is transposed: of a block of 16 columns the first eight are registers 0 and 2.
      CURIE_UNROLL
      for (int j = 0; j < kAcross; j += 2) {
        unsigned block[4];
        b.read_block(column() + 8 * j, depth, block);
        columns[j] = {{block[0], block[2]}};
        columns[j + 1] = {{block[1], block[3]}};
      }
      CURIE_UNROLL
      for (int i = 0; i < kDown; ++i) {
        CURIE_UNROLL
        for (int j = 0; j < kAcross; ++j) Product<T>::multiply(of[i][j], rows[i], columns[j]);
      }
    }
  }

  // Calls visit(row, column, first, second) for all pairs of neighbouring sums of this lane, in the block's tile.
  template <typename Visit>
  __device__ __forceinline__ void for_each_pair(Visit visit) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    CURIE_UNROLL
    for (int i = 0; i < kDown; ++i) {
      CURIE_UNROLL
      for (int half = 0; half < 2; ++half) {
        CURIE_UNROLL
        for (int j = 0; j < kAcross; ++j) {
          const Element at = element_of_d(lane, 2 * half);
          visit(row() + 16 * i + at.row, column() + 8 * j + at.column, of[i][j].x[2 * half], of[i][j].x[2 * half + 1]);
        }
      }
    }
  }
};

// sums += the product of a (rows x depth) and b (depth x columns), `steps` tiles deep. visit(tile of a) is called for
// each while it is in shared memory.
template <Tile kTile, typename A, typename B, typename Visit>
__device__ __forceinline__ void multiply(Stages<kTile, A, B>& stages, A& a, B& b, int steps, WarpSums<kTile>& sums,
                                         Visit visit) {
  constexpr int kStages = mma_size_of(kTile).stages;
  CURIE_UNROLL
  for (int step = 0; step < kStages - 1; ++step) {
    if (step < steps) {
      bring(a, stages.a[step]);
      bring(b, stages.b[step]);
    }
    copy_async_commit();  // an empty group where nothing is left, so that the count below holds
  }
  int stage = 0;
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<kStages - 2>();
    __syncthreads();  // this stage is there for all, and all are done with the one before, which is filled next
    const int free = stage == 0 ? kStages - 1 : stage - 1;
    if (step + kStages - 1 < steps) {
      bring(a, stages.a[free]);
      bring(b, stages.b[free]);
    }
    copy_async_commit();
    sums.add_products(stages.a[stage], stages.b[stage]);
    visit(stages.a[stage]);
    stage = stage + 1 == kStages ? 0 : stage + 1;
  }
}

// --- forward and input gradient ------------------------------------------------------------------------------------

// Tile `tile` of the correlation's output, columns fastest: blocks that run together share their patches. Of the taps
// those of part blockIdx.y.
template <Tile kTile, bool kAlongDepth, typename T>
__device__ __forceinline__ void correlate(const Correlation& c, unsigned tile, int taps_of_part,
                                          const CorrelationArguments<T>& arguments) {
  constexpr MmaSize kSize = mma_size_of(kTile);
  constexpr int kDepth = Product<T>::kTileDepth, kPerChunk = Product<T>::kPerChunk;
  using Patches = PatchRows<Share<kSize.rows, kDepth, kSize.threads(), kPerChunk, true>, T>;
  using Filters = FilterRows<Share<kSize.columns, kDepth, kSize.threads(), kPerChunk, kAlongDepth>, T>;

  const auto tiles_across = static_cast<unsigned>(c.k + kSize.columns - 1) / kSize.columns;
  const int first_filter = static_cast<int>(tile % tiles_across) * kSize.columns;
  const Radix radix = pixel_radix(c);
  const Position first_pixel = position_of(std::size_t{tile / tiles_across} * kSize.rows, radix);
  const int first_tap = static_cast<int>(blockIdx.y) * taps_of_part;
  const int taps = min(c.r * c.s * c.c - first_tap, taps_of_part);

  Patches patches(c, arguments.x, first_pixel, first_tap);
  Filters filters(c, arguments.w, first_filter, first_tap);
  WarpSums<kTile> sums;
  multiply<kTile>(shared<Stages<kTile, Patches, Filters>>(), patches, filters, (taps + kDepth - 1) / kDepth, sums,
                  [](const auto&) {});

  const std::size_t part = std::size_t{blockIdx.y} * arguments.plane;
  sums.for_each_pair([&](int row, int column, float first, float second) {
    const Position pixel = plus(first_pixel, row, radix);
    const int filter = first_filter + column;
    if (pixel.high >= c.n || filter >= c.k) return;
    first = finished(first, arguments.bias, filter, arguments.relu);
    second = finished(second, arguments.bias, filter + 1, arguments.relu);
    const std::ptrdiff_t at =
        c.y_offset + pixel.high * c.y_image + pixel.middle * c.y_row + pixel.low * c.y_pixel + filter;
    if (arguments.sums != nullptr) {
      store2(arguments.sums + part + at, first, second);
    } else {
      store2(arguments.y + at, first, second);
    }
  });
}

template <Tile kTile, bool kAlongDepth, typename T>
__global__ void __launch_bounds__(mma_size_of(kTile).threads())
    correlation_mma_kernel(Correlation correlation, int taps_of_part, CorrelationArguments<T> arguments) {
  correlate<kTile, kAlongDepth>(correlation, blockIdx.x, taps_of_part, arguments);
}

// One residue of the position in x after the other, `tiles` blocks each.
template <Tile kTile, typename T>
__global__ void __launch_bounds__(mma_size_of(kTile).threads())
    input_gradient_mma_kernel(Conv2dShape shape, unsigned tiles, int taps_of_part, CorrelationArguments<T> arguments) {
  const int residue = static_cast<int>(blockIdx.x / tiles);
  const Correlation correlation = input_gradient_correlation(shape, residue / shape.stride_w, residue % shape.stride_w);
  correlate<kTile, false>(correlation, blockIdx.x % tiles, taps_of_part, arguments);
}

// --- weight gradient -----------------------------------------------------------------------------------------------

// As in conv2d_weights.cu.
template <Tile kTile, typename T>
__global__ void __launch_bounds__(mma_size_of(kTile).threads())
    weight_gradient_mma_kernel(Correlation c, const T* __restrict__ x, const T* __restrict__ dy, WeightSums out) {
  constexpr MmaSize kSize = mma_size_of(kTile);
  constexpr int kDepth = Product<T>::kTileDepth, kPerChunk = Product<T>::kPerChunk;
  using Gradient = GradientRows<Share<kSize.rows, kDepth, kSize.threads(), kPerChunk, false>, T>;
  using Patches = TapRows<Share<kSize.columns, kDepth, kSize.threads(), kPerChunk, false>, T>;

  const int taps = c.r * c.s * c.c;
  const WeightTile tile = weight_tile(c, kSize.rows, kSize.columns, blockIdx.x, out.pixels);
  Gradient gradient(c, dy, tile.first_filter, tile.first_pixel, tile.end_pixel);
  Patches patches(c, x, tile.first_tap, tile.first_pixel, tile.end_pixel);
  WarpSums<kTile> sums;
  const int own = static_cast<int>(threadIdx.x);
  const bool sums_bias = out.bias != nullptr && tile.first_tap == 0 && own < kSize.rows;
  float bias = 0.0f;
  multiply<kTile>(shared<Stages<kTile, Gradient, Patches>>(), gradient, patches, tile.steps(kDepth), sums,
                  [&](const auto& a) {
                    if (!sums_bias) return;
                    for (int depth = 0; depth < kDepth; ++depth) bias += value_of(a.at(own, depth));
                  });

  sums.for_each_pair([&](int row, int column, float first, float second) {
    const int filter = tile.first_filter + row, tap = tile.first_tap + column;
    if (filter >= c.k || tap >= taps) return;
    float* to = out.weights + (tile.part * out.stride + std::size_t(filter) * std::size_t(taps) + std::size_t(tap));
    to[0] = first;
    to[1] = second;
  });
  if (sums_bias && tile.first_filter + own < c.k) {
    out.bias[tile.part * out.stride + std::size_t(tile.first_filter + own)] = bias;
  }
}

// --- starting them -------------------------------------------------------------------------------------------------

// Calls start(std::integral_constant<Tile, tile>), of the tiles that a product may have.
template <typename Start>
void with_tile(Tile tile, Start start) {
  switch (tile) {
    case Tile::narrow:
      return start(std::integral_constant<Tile, Tile::narrow>());
    case Tile::tall:
      return start(std::integral_constant<Tile, Tile::tall>());
    case Tile::large:
      return start(std::integral_constant<Tile, Tile::large>());
    case Tile::flat:  // of weight gradients only
    case Tile::square:
      return start(std::integral_constant<Tile, Tile::square>());
  }
}

}  // namespace

template <typename T>
void start_correlation_mma(Stream stream, const char* name, const CorrelationPlan& plan, const Correlation& correlation,
                           std::size_t pixels, bool along_depth, const CorrelationArguments<T>& arguments) {
  with_tile(plan.tile, [&](auto tile) {
    const std::size_t tiles = mma_tiles_over(pixels, std::size_t(correlation.k), tile());
    launch({.name = name,
            .grid = dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(plan.splits)),
            .block = mma_size_of(tile()).threads(),
            .stream = stream},
           along_depth ? correlation_mma_kernel<tile(), true, T> : correlation_mma_kernel<tile(), false, T>,
           correlation, plan.taps, arguments);
  });
}

template <typename T>
void start_input_gradient_mma(Stream stream, const CorrelationPlan& plan, const Conv2dShape& shape,
                              const CorrelationArguments<T>& arguments) {
  with_tile(plan.tile, [&](auto tile) {
    const auto tiles = static_cast<unsigned>(mma_tiles_over(residue_pixels(shape), std::size_t(shape.c), tile()));
    const unsigned residues = static_cast<unsigned>(shape.stride_h) * static_cast<unsigned>(shape.stride_w);
    launch({.name = Product<T>::kTf32 ? "conv2d_input_gradient_tf32" : "conv2d_input_gradient_bf16",
            .grid = dim3(tiles * residues, static_cast<unsigned>(plan.splits)),
            .block = mma_size_of(tile()).threads(),
            .stream = stream},
           input_gradient_mma_kernel<tile(), T>, shape, tiles, plan.taps, arguments);
  });
}

template <typename T>
void start_weight_gradient_mma(Stream stream, const char* name, Tile tile, const Correlation& correlation, const T* x,
                               const T* dy, const WeightSums& sums) {
  const auto start = [&](auto of) {
    const int taps = correlation.r * correlation.s * correlation.c;
    const std::size_t tiles = mma_tiles_over(std::size_t(correlation.k), std::size_t(taps), of());
    launch({.name = name,
            .grid = static_cast<unsigned>(tiles * std::size_t(sums.splits)),
            .block = mma_size_of(of()).threads(),
            .stream = stream},
           weight_gradient_mma_kernel<of(), T>, correlation, x, dy, sums);
  };
  if (tile == Tile::flat) return start(std::integral_constant<Tile, Tile::flat>());
  if (tile == Tile::tall) return start(std::integral_constant<Tile, Tile::tall>());
  start(std::integral_constant<Tile, Tile::square>());
}

}  // namespace curie::CURIE_GPU
