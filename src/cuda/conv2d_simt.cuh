// A block's part of a matrix product in float32, whatever memory holds: tiles of both operands in shared memory, a
// small tile of sums in the registers of each thread. While a tile is computed with, the next one is on its way from
// global memory to registers.
#pragma once

#include "cuda/conv2d.h"
#include "cuda/conv2d_gather.cuh"
#include "cuda/epilogue.cuh"
#include "cuda/floats.cuh"

namespace curie::CURIE_GPU {

// Depth before rows: a thread reads four neighbouring rows at once. Four floats of padding spread the transposing
// writes over the banks.
template <Tile kTile>
struct SimtTiles {
  alignas(16) float a[2][size_of(kTile).depth][size_of(kTile).rows + 4];
  alignas(16) float b[2][size_of(kTile).depth][size_of(kTile).columns + 4];
};

// The sums of one thread. Its rows and columns come in quads, and the quads of neighbouring threads lie side by side,
// so that their reads of shared memory do too.
template <Tile kTile>
struct SimtSums {
  static constexpr TileSize kSize = size_of(kTile);
  static constexpr int kRows = kSize.thread_rows, kColumns = kSize.thread_columns;
  static constexpr int kThreadsAcross = kSize.columns / kColumns, kThreadsDown = kSize.rows / kRows;
  static_assert(kRows % 4 == 0 && kColumns % 4 == 0);

  float of[kRows][kColumns] = {};

  __device__ __forceinline__ static int row(int quad) {
    return (quad * kThreadsDown + static_cast<int>(threadIdx.x) / kThreadsAcross) * 4;
  }
  __device__ __forceinline__ static int column(int quad) {
    return (quad * kThreadsAcross + static_cast<int>(threadIdx.x) % kThreadsAcross) * 4;
  }
};

template <typename Part>
struct Fetched {
  Floats<Part::kVector> values[Part::kPasses];
};

template <typename Operand, typename Part = typename Operand::Part>
__device__ __forceinline__ void fetch(Operand& operand, Fetched<Part>& fetched) {
  CURIE_UNROLL
  for (int pass = 0; pass < Part::kPasses; ++pass) {
    const typename Operand::Element* source = operand.take(pass);
    fetched.values[pass] = source != nullptr ? load<Part::kVector>(source) : Floats<Part::kVector>{};
  }
}

template <typename Part, int kPitch>
__device__ __forceinline__ void put(const Fetched<Part>& fetched, float (&tile)[Part::kDepth][kPitch]) {
  if (!Part::takes()) return;
  CURIE_UNROLL
  for (int pass = 0; pass < Part::kPasses; ++pass) {
    const float(&values)[Part::kVector] = fetched.values[pass].of;
    const int row = Part::row(pass), depth = Part::depth(pass);
    if constexpr (Part::kVector == 4 && !Part::kAlongDepth) {
      store4(&tile[depth][row], make_float4(values[0], values[1], values[2], values[3]));
    } else {
      CURIE_UNROLL
      for (int i = 0; i < Part::kVector; ++i) {
        tile[depth + (Part::kAlongDepth ? i : 0)][row + (Part::kAlongDepth ? 0 : i)] = values[i];
      }
    }
  }
}

template <Tile kTile>
__device__ __forceinline__ void add_products(const SimtTiles<kTile>& tiles, int stage, SimtSums<kTile>& sums) {
  using Sums = SimtSums<kTile>;
  CURIE_UNROLL
  for (int depth = 0; depth < Sums::kSize.depth; ++depth) {
    float a[Sums::kRows], b[Sums::kColumns];
    CURIE_UNROLL
    for (int quad = 0; quad < Sums::kRows / 4; ++quad) {
      const float4 four = load4(&tiles.a[stage][depth][Sums::row(quad)]);
      a[4 * quad] = four.x, a[4 * quad + 1] = four.y, a[4 * quad + 2] = four.z, a[4 * quad + 3] = four.w;
    }
    CURIE_UNROLL
    for (int quad = 0; quad < Sums::kColumns / 4; ++quad) {
      const float4 four = load4(&tiles.b[stage][depth][Sums::column(quad)]);
      b[4 * quad] = four.x, b[4 * quad + 1] = four.y, b[4 * quad + 2] = four.z, b[4 * quad + 3] = four.w;
    }
    CURIE_UNROLL
    for (int i = 0; i < Sums::kRows; ++i) {
      CURIE_UNROLL
      for (int j = 0; j < Sums::kColumns; ++j) sums.of[i][j] += a[i] * b[j];
    }
  }
}

// sums += the product of a (rows x depth) and b (depth x columns), `steps` tiles deep. visit(stage) is called for each
// tile while it is in shared memory.
template <Tile kTile, typename A, typename B, typename Visit>
__device__ __forceinline__ void multiply(SimtTiles<kTile>& tiles, A& a, B& b, int steps, SimtSums<kTile>& sums,
                                         Visit visit) {
  Fetched<typename A::Part> from_a;
  Fetched<typename B::Part> from_b;
  if (steps > 0) {
    fetch(a, from_a);
    fetch(b, from_b);
    put(from_a, tiles.a[0]);
    put(from_b, tiles.b[0]);
  }
  __syncthreads();
  for (int step = 0; step < steps; ++step) {
    const int stage = step % 2;
    const bool more = step + 1 < steps;
    if (more) {
      fetch(a, from_a);
      fetch(b, from_b);
    }
    add_products(tiles, stage, sums);
    visit(stage);
    // The other stage was last read before the barrier that ended the step before.
    if (more) {
      put(from_a, tiles.a[1 - stage]);
      put(from_b, tiles.b[1 - stage]);
    }
    __syncthreads();
  }
}

// Tile `tile` of the correlation's output, columns fastest: blocks that run together share their patches.
template <Tile kTile, bool kVectors, bool kFiltersAlongDepth, typename T>
__device__ __forceinline__ void correlate(const Correlation& c, unsigned tile,
                                          const CorrelationArguments<T>& arguments) {
  using Sums = SimtSums<kTile>;
  constexpr TileSize kSize = size_of(kTile);
  constexpr int kVector = kVectors ? 4 : 1;
  using PatchShare = Share<kSize.rows, kSize.depth, kSize.threads(), kVector, true>;
  using FilterShare = Share<kSize.columns, kSize.depth, kSize.threads(), kVector, kFiltersAlongDepth>;

  const auto tiles_across = static_cast<unsigned>(c.k + kSize.columns - 1) / kSize.columns;
  const int first_filter = static_cast<int>(tile % tiles_across) * kSize.columns;
  const Radix radix = pixel_radix(c);
  const Position first_pixel = position_of(std::size_t{tile / tiles_across} * kSize.rows, radix);

  PatchRows<PatchShare, T> patches(c, arguments.x, first_pixel);
  FilterRows<FilterShare, T> filters(c, arguments.w, first_filter);
  Sums sums;
  const std::size_t taps = std::size_t{1} * c.r * c.s * c.c;
  multiply(shared<SimtTiles<kTile>>(), patches, filters, static_cast<int>((taps + kSize.depth - 1) / kSize.depth), sums,
           [](int) {});

  CURIE_UNROLL
  for (int i = 0; i < Sums::kRows; ++i) {
    const Position pixel = plus(first_pixel, Sums::row(i / 4) + i % 4, radix);
    if (pixel.high >= c.n) continue;
    T* y = arguments.y + (c.y_offset + pixel.high * c.y_image + pixel.middle * c.y_row + pixel.low * c.y_pixel);
    CURIE_UNROLL
    for (int quad = 0; quad < Sums::kColumns / 4; ++quad) {
      const int column = first_filter + Sums::column(quad);
      float values[4];
      CURIE_UNROLL
      for (int j = 0; j < 4; ++j) {
        values[j] = sums.of[i][4 * quad + j];
        if (column + j >= c.k) continue;
        values[j] = finished(values[j], arguments.bias, column + j, arguments.relu);
        if constexpr (!kVectors) y[column + j] = rounded<T>(values[j]);
      }
      if constexpr (kVectors) {
        if (column < c.k) store4(y + column, make_float4(values[0], values[1], values[2], values[3]));
      }
    }
  }
}

}  // namespace curie::CURIE_GPU
