// The kernel of every convolution that runs over pixels: a tile of output pixels times one or two vectors of filters,
// all sums in registers. Filters are repacked into panels [block][filter row][column, channel][filter of the block], so
// that a step of the inner loop is one vector of weights a block, one broadcast a pixel and one multiply-add for each
// pair (the register blocking of Goto and van de Geijn's matrix product, without the copy of x that im2col makes).
#if defined(CURIE_CPU_CONV2D_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CURIE_CPU_CONV2D_TILE_INL_H_
#undef CURIE_CPU_CONV2D_TILE_INL_H_
#else
#define CURIE_CPU_CONV2D_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <utility>

#include "cpu/conv2d_plan.h"
#include "cpu/simd.h"
#include "cpu/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::CappedTag<float, kMaxLanes>;
using FloatVec = hn::Vec<FloatTag>;
inline constexpr int kLanes = static_cast<int>(hn::MaxLanes(FloatTag()));
inline constexpr int kBlock = 2 * kLanes;  // filters of a full block: two vectors

// Pixels of a tile: with two vectors of filters the sums, the weights and one broadcast fill the register file.
inline constexpr bool kManyRegisters = HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64 != 0;
inline constexpr int kTileColumns = kManyRegisters ? 14 : 6;

// Filters [block*kBlock, ...) of a correlation, as the kernel takes them.
inline int vectors_of_block(int filters, int block) { return filters - block * kBlock > kLanes ? 2 : 1; }
inline int blocks_of(int filters) { return (filters + kBlock - 1) / kBlock; }

inline void pack_block(const Correlation& shape, const float* w, int block, float* panels) {
  const int width = vectors_of_block(shape.k, block) * kLanes;
  const int first = block * kBlock;
  const int valid = std::min(width, shape.k - first);
  float* to = panels + std::size_t(first) * shape.r * shape.run();
  for (int r = 0; r < shape.r; ++r) {
    for (int s = 0; s < shape.s; ++s) {
      const float* from = w + shape.w_offset + first * shape.w_out + r * shape.w_row + s * shape.w_column;
      for (int i = 0; i < shape.c; ++i, to += width) {
        for (int o = 0; o < valid; ++o) to[o] = from[i * shape.w_in + o * shape.w_out];
        std::fill(to + valid, to + width, 0.0f);
      }
    }
  }
}

struct TileInput {
  const float* x;          // what the tile's first pixel reads first
  std::size_t pixel;       // floats from one output column's input to the next one's
  std::size_t tile_row;    // ... from one output row's to the next one's
  std::size_t filter_row;  // ... from one filter row's to the next one's
  int rows;                // filter rows
  int run;                 // values of a filter row: columns * channels
  const float* panel;      // rows * run * kVectors vectors
};

template <int kRows, int kColumns, int kVectors>
HWY_INLINE void accumulate_tile(const TileInput& in, FloatVec (&sums)[kRows * kColumns][kVectors]) {
  const FloatTag d;
  // One pointer for three pixels: the other two are reached by scaled index, which keeps the pointers in registers.
  constexpr int kGroups = (kColumns + 2) / 3;
  const std::size_t pixel = in.pixel;
  const float* HWY_RESTRICT panel = in.panel;
  for (int r = 0; r < in.rows; ++r) {
    const float* x[kRows][kGroups];
    CURIE_UNROLL
    for (int row = 0; row < kRows; ++row) {
      CURIE_UNROLL
      for (int group = 0; group < kGroups; ++group) {
        x[row][group] = in.x + r * in.filter_row + row * in.tile_row + 3 * group * pixel;
      }
    }
    for (int j = 0; j < in.run; ++j) {
      FloatVec weights[kVectors];
      CURIE_UNROLL
      for (int v = 0; v < kVectors; ++v) weights[v] = hn::LoadU(d, panel + v * kLanes);
      panel += kVectors * kLanes;
      CURIE_UNROLL
      for (int row = 0; row < kRows; ++row) {
        CURIE_UNROLL
        for (int column = 0; column < kColumns; ++column) {
          const FloatVec value = hn::Set(d, x[row][column / 3][(column % 3) * pixel]);
          CURIE_UNROLL
          for (int v = 0; v < kVectors; ++v) {
            FloatVec& sum = sums[row * kColumns + column][v];
            sum = hn::MulAdd(value, weights[v], sum);
          }
        }
        CURIE_UNROLL
        for (int group = 0; group < kGroups; ++group) ++x[row][group];
      }
    }
  }
}

// The last vector of a block: `valid` lanes, 1 <= valid <= kLanes, exist in memory.
class LastVector {
 public:
  explicit HWY_INLINE LastVector(int valid)
      : mask_(hn::FirstN(FloatTag(), static_cast<std::size_t>(valid))), valid_(static_cast<std::size_t>(valid)) {}
  // Zero in the lanes that do not exist.
  HWY_INLINE FloatVec load(const float* from) const {
    const FloatTag d;
#if !HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2
    return hn::MaskedLoad(mask_, d, from);
#else
    return load_up_to(d, from, valid_);
#endif
  }
  HWY_INLINE void store(FloatVec value, float* to) const {
    const FloatTag d;
#if !HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2
    hn::BlendedStore(value, mask_, d, to);
#else
    store_up_to(value, d, to, valid_);
#endif
  }

 private:
  hn::Mask<FloatTag> mask_;
  std::size_t valid_;
};

struct TileOutput {
  float* y;              // the tile's first pixel, first filter of the block
  std::size_t pixel;     // floats to the next column
  std::size_t tile_row;  // floats to the next row
  const float* bias;     // kVectors vectors; null: no bias
  int valid;             // filters of the block that exist
  bool add;              // continue sums that y holds (bias is then null)
  bool relu;
};

template <int kRows, int kColumns, int kVectors>
void store_tile(const TileInput& in, const TileOutput& out) {
  const FloatTag d;
  const std::size_t pixel_stride = out.pixel;
  const std::size_t row_stride = out.tile_row;
  float* const first = out.y;
  const LastVector last(out.valid - (kVectors - 1) * kLanes);
  FloatVec sums[kRows * kColumns][kVectors];
  if (out.add) {
    CURIE_UNROLL
    for (int pixel = 0; pixel < kRows * kColumns; ++pixel) {
      const float* y = first + pixel / kColumns * row_stride + pixel % kColumns * pixel_stride;
      if constexpr (kVectors == 2) sums[pixel][0] = hn::LoadU(d, y);
      sums[pixel][kVectors - 1] = last.load(y + (kVectors - 1) * kLanes);
    }
  } else {
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const FloatVec start = out.bias == nullptr ? hn::Zero(d) : hn::LoadU(d, out.bias + v * kLanes);
      CURIE_UNROLL
      for (int pixel = 0; pixel < kRows * kColumns; ++pixel) sums[pixel][v] = start;
    }
  }
  accumulate_tile<kRows, kColumns, kVectors>(in, sums);
  // ReLU keeps NaN, which is not below zero; nothing is below minus infinity.
  const FloatVec floor = hn::Set(d, out.relu ? 0.0f : -std::numeric_limits<float>::infinity());
  CURIE_UNROLL
  for (int pixel = 0; pixel < kRows * kColumns; ++pixel) {
    float* y = first + pixel / kColumns * row_stride + pixel % kColumns * pixel_stride;
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const FloatVec value = hn::IfThenZeroElse(hn::Lt(sums[pixel][v], floor), sums[pixel][v]);
      if (v + 1 < kVectors) {
        hn::StoreU(value, d, y + v * kLanes);
      } else {
        last.store(value, y + v * kLanes);
      }
    }
  }
}

using StoreTile = void (*)(const TileInput&, const TileOutput&);

template <int kVectors, int... kColumns>
constexpr std::array<StoreTile, sizeof...(kColumns)> store_tiles(std::integer_sequence<int, kColumns...>) {
  return {store_tile<1, kColumns + 1, kVectors>...};
}

// The kernel for one row of `columns` pixels, 1 <= columns <= kTileColumns.
inline StoreTile store_tile_for(int columns, int vectors) {
  static constexpr auto kOne = store_tiles<1>(std::make_integer_sequence<int, kTileColumns>());
  static constexpr auto kTwo = store_tiles<2>(std::make_integer_sequence<int, kTileColumns>());
  return (vectors == 1 ? kOne : kTwo)[static_cast<std::size_t>(columns - 1)];
}

// Output rows first_p .. last_p of one image, all filters.
struct CorrelationRows {
  int first_p, last_p;
  const float* x;  // the input row and column that output row first_p, column 0 reads first
  std::size_t x_row;
  const float* panels;
  const float* biases;  // padded to whole blocks; null: no bias
  bool relu;
  float* y;  // row first_p, column 0
  std::size_t y_row;
};

// Filter rows whose panel stays in the second-level cache beside the input: 256 KiB. Larger filters are worked through
// in passes, which keep their sums in y.
inline int rows_per_pass(const Correlation& shape) {
  const int rows = std::max(1, shape.r);
  const std::size_t row_floats = std::size_t(shape.run()) * kBlock;
  return row_floats == 0 ? rows : static_cast<int>(std::clamp<std::size_t>(65536 / row_floats, 1, std::size_t(rows)));
}

inline void correlate_rows(const Correlation& shape, const CorrelationRows& rows) {
  const int tiles = (shape.q + kTileColumns - 1) / kTileColumns;
  const int pass_rows = rows_per_pass(shape);
  TileInput in{};
  in.pixel = std::size_t(shape.stride_w) * shape.c;
  in.filter_row = rows.x_row;
  in.run = shape.run();
  TileOutput out{};
  out.pixel = shape.y_pixel;
  for (int block = 0; block < blocks_of(shape.k); ++block) {
    const std::size_t first = std::size_t(block) * kBlock;
    const int vectors = vectors_of_block(shape.k, block);
    const float* panel = rows.panels + first * shape.r * shape.run();
    out.valid = std::min(vectors * kLanes, shape.k - static_cast<int>(first));
    for (int pass = 0; pass == 0 || pass < shape.r; pass += pass_rows) {
      out.add = pass > 0;
      out.bias = rows.biases == nullptr || out.add ? nullptr : rows.biases + first;
      out.relu = rows.relu && pass + pass_rows >= shape.r;
      for (int p = rows.first_p; p < rows.last_p; ++p) {
        // Filter rows that meet only padding are left out.
        const int top = p * shape.stride_h - shape.pad_top;
        const int end = std::min({shape.r, pass + pass_rows, shape.h - top});
        const int begin = std::max(pass, -top);
        in.rows = std::max(0, end - begin);
        const int start = in.rows > 0 ? begin : 0;
        in.panel = panel + std::size_t(start) * shape.run() * vectors * kLanes;
        const float* x = rows.x + (std::size_t(p - rows.first_p) * shape.stride_h + start) * rows.x_row;
        float* y = rows.y + (p - rows.first_p) * rows.y_row + first;
        for (int tile = 0; tile < tiles; ++tile) {
          const int q = shape.q * tile / tiles;
          in.x = x + q * in.pixel;
          out.y = y + q * shape.y_pixel;
          store_tile_for(shape.q * (tile + 1) / tiles - q, vectors)(in, out);
        }
      }
    }
  }
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
