// Matrix multiplication in register tiles: the part of C = A * B that one task computes. Per-target code: include
// inside a file that goes through hwy/foreach_target.h, after hwy/highway.h.
//
// A tile of kTileRows x kTileVectors vectors of C stays in registers while the depth runs (Goto, van de Geijn, "Anatomy
// of high-performance matrix multiplication", 2008): each step loads one row of B and broadcasts one value of each row
// of A. The depth is cut into blocks so that the part of B in use stays in the core's second cache. Every element of C
// is summed in the order of the depth, with one fused multiply-add a step, whatever the vectors' width.
#if defined(CURIE_CPU_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CURIE_CPU_GEMM_INL_H_
#undef CURIE_CPU_GEMM_INL_H_
#else
#define CURIE_CPU_GEMM_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "cpu/gemm.h"
#include "cpu/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;

// 24 of 32 registers, or 12 of 16, hold the tile.
inline constexpr int kTileRows = 6;
inline constexpr int kTileVectors = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 4 : 2;

// One operand as a tile reads it.
struct Rows {
  const float* data;
  std::size_t stride;
};

// c[r][0 .. columns) (+)= sum over k < depth of A(r, k) * b[k][0 .. columns). A(r, k) is a[r][k], or a[k][r] when
// kTransposedA. b holds whole vectors; columns may end inside the last one.
template <int kRows, int kVectors, bool kTransposedA>
void multiply_tile(std::size_t depth, Rows a, Rows b, float* c, std::size_t c_stride, std::size_t columns, bool add) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<Floats> sum[kRows][kVectors];
  CURIE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  const float* b_row = b.data;
  const float* a_column = a.data;
  for (std::size_t k = 0; k < depth; ++k) {
    hn::Vec<Floats> row[kVectors];
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) row[v] = hn::LoadU(d, b_row + v * lanes);
    CURIE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const auto value = hn::Set(d, kTransposedA ? a_column[r] : a_column[r * a.stride]);
      CURIE_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(value, row[v], sum[r][v]);
    }
    b_row += b.stride;
    a_column += kTransposedA ? a.stride : 1;
  }
  CURIE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* const to = c + r * c_stride + v * lanes;
      const std::size_t length = v + 1 < kVectors ? lanes : columns - v * lanes;
      const auto before = add ? load_up_to(d, to, length) : hn::Zero(d);
      store_up_to(hn::Add(before, sum[r][v]), d, to, length);
    }
  }
}

// Every row of one panel of at most kTileVectors vectors.
template <int kVectors, bool kTransposedA>
void multiply_panel(std::size_t rows, std::size_t depth, Rows a, Rows b, float* c, std::size_t c_stride,
                    std::size_t columns, bool add) {
  const std::size_t a_step = kTransposedA ? 1 : a.stride;
  std::size_t r = 0;
  const auto advance = [&](std::size_t by) {
    r += by;
    a.data += by * a_step;
    c += by * c_stride;
  };
  while (rows - r >= kTileRows) {
    multiply_tile<kTileRows, kVectors, kTransposedA>(depth, a, b, c, c_stride, columns, add);
    advance(kTileRows);
  }
  if (rows - r >= 4) {
    multiply_tile<4, kVectors, kTransposedA>(depth, a, b, c, c_stride, columns, add);
    advance(4);
  }
  while (rows - r >= 1) {
    multiply_tile<1, kVectors, kTransposedA>(depth, a, b, c, c_stride, columns, add);
    advance(1);
  }
}

template <bool kTransposedA>
void multiply_columns(std::size_t rows, std::size_t depth, Rows a, Rows b, float* c, std::size_t c_stride,
                      std::size_t columns, bool add) {
  const std::size_t lanes = hn::Lanes(Floats());
  const std::size_t panel = kTileVectors * lanes;
  for (std::size_t first = 0; first < columns; first += panel) {
    const std::size_t length = std::min(panel, columns - first);
    const Rows part{b.data + first, b.stride};
    switch ((length + lanes - 1) / lanes) {
      case 1:
        multiply_panel<1, kTransposedA>(rows, depth, a, part, c + first, c_stride, length, add);
        break;
      case 2:
        multiply_panel<2, kTransposedA>(rows, depth, a, part, c + first, c_stride, length, add);
        break;
      case 3:
        multiply_panel<kTileVectors == 4 ? 3 : 1, kTransposedA>(rows, depth, a, part, c + first, c_stride, length, add);
        break;
      default:
        multiply_panel<kTileVectors, kTransposedA>(rows, depth, a, part, c + first, c_stride, length, add);
    }
  }
}

// to[k][j] = from[j][k] for j < columns, k < depth; rows of `to` are kGemmColumns apart and zero behind `columns`.
inline void transpose_block(Rows from, std::size_t depth, std::size_t columns, float* to) {
  std::size_t j = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> quad;
  for (; j + 4 <= columns; j += 4) {
    const float* const source = from.data + j * from.stride;
    std::size_t k = 0;
    for (; k + 4 <= depth; k += 4) {
      const auto row0 = hn::LoadU(quad, source + k), row1 = hn::LoadU(quad, source + from.stride + k);
      const auto row2 = hn::LoadU(quad, source + 2 * from.stride + k);
      const auto row3 = hn::LoadU(quad, source + 3 * from.stride + k);
      const auto even_low = hn::InterleaveLower(quad, row0, row2), odd_low = hn::InterleaveLower(quad, row1, row3);
      const auto even_high = hn::InterleaveUpper(quad, row0, row2), odd_high = hn::InterleaveUpper(quad, row1, row3);
      float* const target = to + k * kGemmColumns + j;
      hn::StoreU(hn::InterleaveLower(quad, even_low, odd_low), quad, target);
      hn::StoreU(hn::InterleaveUpper(quad, even_low, odd_low), quad, target + kGemmColumns);
      hn::StoreU(hn::InterleaveLower(quad, even_high, odd_high), quad, target + 2 * kGemmColumns);
      hn::StoreU(hn::InterleaveUpper(quad, even_high, odd_high), quad, target + 3 * kGemmColumns);
    }
    for (; k < depth; ++k) {
      for (std::size_t i = 0; i < 4; ++i) to[k * kGemmColumns + j + i] = source[i * from.stride + k];
    }
  }
#endif
  for (; j < kGemmColumns; ++j) {
    for (std::size_t k = 0; k < depth; ++k) {
      to[k * kGemmColumns + j] = j < columns ? from.data[j * from.stride + k] : 0.0f;
    }
  }
}

// to[k][j] = from[k][j], rows `width` apart and zero behind `columns`.
inline void copy_block(Rows from, std::size_t depth, std::size_t columns, std::size_t width, float* to) {
  for (std::size_t k = 0; k < depth; ++k) {
    std::copy_n(from.data + k * from.stride, columns, to + k * width);
    std::fill_n(to + k * width + columns, width - columns, 0.0f);
  }
}

// The block of C that `task` names.
inline void multiply_block(const Gemm& gemm, const GemmTask& task, float* c, std::size_t c_stride, float* packed) {
  const std::size_t lanes = hn::Lanes(Floats());
  float* const packed_a = packed;
  float* const packed_b = packed + kGemmDepth * kGemmPackedRows;
  // B as it is when a tile may read it: whole vectors, and rows that are near each other or read only a few times.
  const bool pack_b =
      gemm.b_transposed || task.columns % lanes != 0 || (gemm.b_stride > kGemmColumns && task.rows > 12);
  for (std::size_t done = 0; done < task.depth; done += kGemmDepth) {
    const std::size_t k = task.first_depth + done;
    const std::size_t depth = std::min(kGemmDepth, task.depth - done);
    Rows b{gemm.b + k * gemm.b_stride + task.first_column, gemm.b_stride};
    if (gemm.b_transposed) {
      transpose_block({gemm.b + task.first_column * gemm.b_stride + k, gemm.b_stride}, depth, task.columns, packed_b);
    } else if (pack_b) {
      copy_block(b, depth, task.columns, kGemmColumns, packed_b);
    }
    if (pack_b) b = {packed_b, kGemmColumns};
    const bool add = done > 0;
    if (gemm.a_transposed) {
      copy_block({gemm.a + k * gemm.a_stride + task.first_row, gemm.a_stride}, depth, task.rows, task.rows, packed_a);
      multiply_columns<true>(task.rows, depth, {packed_a, task.rows}, b, c, c_stride, task.columns, add);
    } else {
      const Rows a{gemm.a + task.first_row * gemm.a_stride + k, gemm.a_stride};
      multiply_columns<false>(task.rows, depth, a, b, c, c_stride, task.columns, add);
    }
  }
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
