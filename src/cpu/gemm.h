// How a matrix multiplication C (rows, columns) = A (rows, depth) * B (depth, columns) is cut into tasks. Only the
// sizes decide, neither the number of threads nor the width of vectors, so that results depend on neither.
#pragma once

#include <algorithm>
#include <cstddef>

namespace curie {

inline constexpr std::size_t kGemmColumns = 64;     // columns of C in one task
inline constexpr std::size_t kGemmDepth = 256;      // depth of one block: 64 KiB of B
inline constexpr std::size_t kGemmPackedRows = 96;  // rows of C in one task when A is transposed, and so copied
inline constexpr std::size_t kGemmRows = 264;       // rows otherwise
// Floats that one worker packs blocks of A and B into.
inline constexpr std::size_t kGemmPack = kGemmDepth * (kGemmPackedRows + kGemmColumns);

struct Gemm {
  std::size_t rows, columns, depth;
  const float* a;  // A(m, k) is a[m * a_stride + k], transposed a[k * a_stride + m]
  std::size_t a_stride;
  bool a_transposed;
  const float* b;  // B(k, n) is b[k * b_stride + n], transposed b[n * b_stride + k]
  std::size_t b_stride;
  bool b_transposed;
};

// One block of C, over one part of the depth.
struct GemmTask {
  std::size_t first_row, rows;
  std::size_t first_column, columns;
  std::size_t first_depth, depth;
};

class GemmPlan {
 public:
  GemmPlan(std::size_t rows, std::size_t columns, std::size_t depth, bool a_transposed)
      : rows_(rows),
        columns_(columns),
        depth_(depth),
        row_step_(a_transposed ? kGemmPackedRows : kGemmRows),
        row_blocks_(blocks(rows, row_step_)),
        column_blocks_(blocks(columns, kGemmColumns)) {
    // A small C leaves too few tasks: cut the depth as well and add the partial sums up afterwards, in order.
    const std::size_t tiles = row_blocks_ * column_blocks_;
    const std::size_t wanted = tiles >= kEnoughTasks ? 1 : 2 * kEnoughTasks / tiles;
    const std::size_t depth_blocks = blocks(depth, kGemmDepth);
    const std::size_t splits = std::min(wanted, depth_blocks);
    split_depth_ = blocks(depth_blocks, splits) * kGemmDepth;
    splits_ = blocks(depth, split_depth_);
  }

  std::size_t splits() const { return splits_; }
  std::size_t tasks() const { return splits_ * row_blocks_ * column_blocks_; }
  // Task number `index`; its split is index % splits().
  GemmTask task(std::size_t index) const {
    const std::size_t split = index % splits_, tile = index / splits_;
    const std::size_t row = tile / column_blocks_ * row_step_;
    const std::size_t column = tile % column_blocks_ * kGemmColumns;
    return {row,
            std::min(row_step_, rows_ - row),
            column,
            std::min(kGemmColumns, columns_ - column),
            split * split_depth_,
            std::min(split_depth_, depth_ - split * split_depth_)};
  }

 private:
  static constexpr std::size_t kEnoughTasks = 16;
  static constexpr std::size_t blocks(std::size_t count, std::size_t length) { return (count + length - 1) / length; }

  std::size_t rows_, columns_, depth_;
  std::size_t row_step_, row_blocks_, column_blocks_;
  std::size_t split_depth_ = 0, splits_ = 1;
};

}  // namespace curie
