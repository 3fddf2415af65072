// Sizes and working memory of the pooled gradient (conv_pool_backward.cpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/conv2d_weights.h"
#include "cpu/conv_pool.h"

namespace curie {

struct PooledPlan {
  ConvPoolShape shape;
  GradientPlan gradient;
  int run = 0;         // values of a filter row: s * c
  int band_rows = 0;   // rows of windows whose entries are collected at a time
  int group_rows = 0;  // rows of windows whose weight gradient is summed at a time
  int strip_columns = 0;
  std::size_t strip_floats = 0;  // of a worker: the padded input of a group; 0: read in place
  bool single_channel = false;   // see conv_pool_single-inl.h

  explicit PooledPlan(const ConvPoolShape& pooled);
  std::size_t band_entries() const { return std::size_t(band_rows) * shape.out_w() * shape.conv.k; }
  std::size_t band_positions() const { return std::size_t(band_rows) * shape.out_w() * shape.pool * shape.pool; }
  std::size_t group_windows() const { return std::size_t(group_rows) * shape.out_w(); }
};

// The entries of a band, position by position: (row, column, position in the window). Entry i of position j, starts[j]
// <= i < starts[j + 1], says that filter filters[i] has the gradient values[i] there.
struct Entries {
  int* starts;
  std::uint32_t* filters;
  float* values;
};

// The entries of a group filter by filter: filter o has counts[o] entries from o * group_windows() on; offsets: where
// its input begins.
struct EntriesByFilter {
  int* counts;
  std::uint32_t* offsets;
  float* values;
};

// Of one worker.
struct PooledScratch {
  Entries entries;
  EntriesByFilter by_filter;
  float* strip;
  float* patch;  // one filter row
};

}  // namespace curie
