// The entries that carry a gradient, found from the pooled gradient, the pooled output and the arg-max.
#if defined(CURIE_CPU_CONV_POOL_ENTRIES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CURIE_CPU_CONV_POOL_ENTRIES_INL_H_
#undef CURIE_CPU_CONV_POOL_ENTRIES_INL_H_
#else
#define CURIE_CPU_CONV_POOL_ENTRIES_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cpu/conv2d_tile-inl.h"
#include "cpu/conv_pool_plan.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

using FilterTag = hn::RebindToUnsigned<FloatTag>;
using PositionTag = hn::RebindToSigned<FloatTag>;
using PositionVec = hn::Vec<PositionTag>;

HWY_INLINE PositionVec load_positions(const std::uint8_t* arg_max, int valid) {
  const PositionTag d;
  const hn::Rebind<std::uint8_t, PositionTag> d8;
  if (valid >= kLanes) return hn::PromoteTo(d, hn::LoadU(d8, arg_max));
  HWY_ALIGN std::uint8_t lanes[HWY_MAX_BYTES] = {};
  std::copy_n(arg_max, valid, lanes);
  return hn::PromoteTo(d, hn::Load(d8, lanes));
}

// The gradient that reaches the convolution: 0 in lanes where none passes.
HWY_INLINE FloatVec passing_gradient(const PooledGradient& gradient, std::size_t element, int valid) {
  const FloatTag d;
  const auto count = static_cast<std::size_t>(valid);
  const FloatVec y = load_up_to(d, gradient.y + element, count);
  const FloatVec dy = hn::Mul(load_up_to(d, gradient.dy + element, count), hn::Set(d, gradient.scale));
  return hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), dy);
}

// Rows first_row .. last_row of windows of an image, filters first_filter .. + filters; entries count filters from 0.
// Adds the bias gradient to bias_partial (filters), unless that is null.
inline void collect_entries(const PooledPlan& plan, const PooledGradient& gradient, std::size_t image, int first_row,
                            int last_row, int first_filter, int filters, float* bias_partial, const Entries& entries) {
  const FloatTag d;
  const FilterTag df;
  const PositionTag dp;
  const int out_w = plan.shape.out_w();
  const std::size_t all_filters = std::size_t(plan.shape.conv.k);
  const int positions = plan.shape.pool * plan.shape.pool;
  int* start = entries.starts;
  std::size_t count = 0;
  for (int row = first_row; row < last_row; ++row) {
    for (int column = 0; column < out_w; ++column) {
      const std::size_t window = (image * plan.shape.out_h() + row) * out_w + column;
      const std::size_t element = window * all_filters + first_filter;
      if (bias_partial != nullptr) {
        for (int k = 0; k < filters; k += kLanes) {
          const int valid = std::min(kLanes, filters - k);
          const auto lanes = static_cast<std::size_t>(valid);
          const FloatVec sum =
              hn::Add(load_up_to(d, bias_partial + k, lanes), passing_gradient(gradient, element + k, valid));
          store_up_to(sum, d, bias_partial + k, lanes);
        }
      }
      for (int position = 0; position < positions; ++position) {
        *start++ = static_cast<int>(count);
        for (int k = 0; k < filters; k += kLanes) {
          const int valid = std::min(kLanes, filters - k);
          const FloatVec y = load_up_to(d, gradient.y + element + k, static_cast<std::size_t>(valid));
          const auto here = hn::Eq(load_positions(gradient.arg_max + element + k, valid), hn::Set(dp, position));
          const auto chosen = hn::And(hn::Gt(y, hn::Zero(d)), hn::RebindMask(d, here));
          const FloatVec value = passing_gradient(gradient, element + k, valid);
          const auto filter = hn::Iota(df, static_cast<std::uint32_t>(k));
          // Whole vectors are written; what lies behind the chosen ones is overwritten by the next.
          hn::StoreU(hn::Compress(value, chosen), d, entries.values + count);
          hn::StoreU(hn::Compress(filter, hn::RebindMask(df, chosen)), df, entries.filters + count);
          count += hn::CountTrue(d, chosen);
        }
      }
    }
  }
  *start = static_cast<int>(count);
}

// Rows first_row .. last_row of the band, by filter. x_row: floats of an input row.
inline void sort_by_filter(const PooledPlan& plan, const Entries& entries, int first_row, int last_row, int filters,
                           std::size_t x_row, const EntriesByFilter& by_filter) {
  const Conv2dShape& conv = plan.shape.conv;
  const int pool = plan.shape.pool;
  const std::size_t capacity = plan.group_windows();
  const std::size_t window_floats = std::size_t(pool) * conv.stride_w * conv.c;
  std::fill_n(by_filter.counts, filters, 0);
  const int* start = entries.starts + std::size_t(first_row) * plan.shape.out_w() * pool * pool;
  for (int row = 0; row < last_row - first_row; ++row) {
    for (int column = 0; column < plan.shape.out_w(); ++column) {
      for (int y = 0; y < pool; ++y) {
        const std::size_t row_offset = std::size_t(row * pool + y) * conv.stride_h * x_row + column * window_floats;
        for (int x = 0; x < pool; ++x, ++start) {
          const auto offset = static_cast<std::uint32_t>(row_offset + std::size_t(x) * conv.stride_w * conv.c);
          for (int i = start[0]; i < start[1]; ++i) {
            const std::uint32_t filter = entries.filters[i];
            const std::size_t at = filter * capacity + by_filter.counts[filter]++;
            by_filter.offsets[at] = offset;
            by_filter.values[at] = entries.values[i];
          }
        }
      }
    }
  }
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
