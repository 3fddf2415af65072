// The pooled weight gradient of 3 x 3 filters over one channel, as first layers on grey images have: a filter row is
// three values, too few for a vector, so that vectors run over filters. All nine sums stay in registers; each of the
// positions of a window is visited with the gradients of the filters that chose another one set to 0.
#if defined(CURIE_CPU_CONV_POOL_SINGLE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CURIE_CPU_CONV_POOL_SINGLE_INL_H_
#undef CURIE_CPU_CONV_POOL_SINGLE_INL_H_
#else
#define CURIE_CPU_CONV_POOL_SINGLE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "cpu/conv_pool_entries-inl.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

// Adds the gradient of filters first .. first + kVectors * kLanes (the last vector holds `valid`) over one image to
// sums (10, kVectors * kLanes): nine weights and the bias.
template <int kVectors>
void add_single_channel(const PooledPlan& plan, const PooledGradient& gradient, std::size_t image, int first, int valid,
                        float* to) {
  const FloatTag d;
  const PositionTag dp;
  const Conv2dShape& conv = plan.shape.conv;
  const int pool = plan.shape.pool;
  const std::size_t x_row = std::size_t(conv.w);
  const float* x = gradient.x + image * conv.h * x_row;
  FloatVec sums[10][kVectors];
  CURIE_UNROLL
  for (int i = 0; i < 10; ++i) {
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[i][v] = hn::Load(d, to + (i * kVectors + v) * kLanes);
  }
  for (int row = 0; row < plan.shape.out_h(); ++row) {
    for (int column = 0; column < plan.shape.out_w(); ++column) {
      const std::size_t window = (image * plan.shape.out_h() + row) * plan.shape.out_w() + column;
      const std::size_t element = window * conv.k + first;
      FloatVec dy[kVectors];
      PositionVec chosen[kVectors];
      CURIE_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        const int lanes = v + 1 < kVectors ? kLanes : valid;
        dy[v] = passing_gradient(gradient, element + v * kLanes, lanes);
        chosen[v] = load_positions(gradient.arg_max + element + v * kLanes, lanes);
        sums[9][v] = hn::Add(sums[9][v], dy[v]);
      }
      for (int y = 0; y < pool; ++y) {
        const float* from =
            x + std::size_t(row * pool + y) * conv.stride_h * x_row + std::size_t(column) * pool * conv.stride_w;
        for (int i = 0; i < pool; ++i, from += conv.stride_w) {
          FloatVec here[kVectors];
          CURIE_UNROLL
          for (int v = 0; v < kVectors; ++v) {
            const auto mask = hn::Eq(chosen[v], hn::Set(dp, y * pool + i));
            here[v] = hn::IfThenElseZero(hn::RebindMask(d, mask), dy[v]);
          }
          CURIE_UNROLL
          for (int tap = 0; tap < 9; ++tap) {
            const FloatVec value = hn::Set(d, from[tap / 3 * x_row + tap % 3]);
            CURIE_UNROLL
            for (int v = 0; v < kVectors; ++v) sums[tap][v] = hn::MulAdd(value, here[v], sums[tap][v]);
          }
        }
      }
    }
  }
  CURIE_UNROLL
  for (int i = 0; i < 10; ++i) {
    CURIE_UNROLL
    for (int v = 0; v < kVectors; ++v) hn::Store(sums[i][v], d, to + (i * kVectors + v) * kLanes);
  }
}

// Overwrites partial (filters, 9) and bias_partial for the images of a chunk.
inline void sum_single_channel(const PooledPlan& plan, const PooledGradient& gradient, Range images, int first_filter,
                               int filters, float* partial, float* bias_partial) {
  constexpr int kMost = kManyRegisters ? 2 : 1;
  for (int done = 0; done < filters; done += kMost * kLanes) {
    const int left = std::min(filters - done, kMost * kLanes);
    const int vectors = left > kLanes ? 2 : 1;
    const int valid = left - (vectors - 1) * kLanes;
    HWY_ALIGN float sums[10 * kMaxBlock] = {};
    for (std::size_t image = images.first; image < images.last; ++image) {
      if (vectors == 2) {
        add_single_channel<kMost>(plan, gradient, image, first_filter + done, valid, sums);
      } else {
        add_single_channel<1>(plan, gradient, image, first_filter + done, valid, sums);
      }
    }
    for (int o = 0; o < left; ++o) {
      for (int tap = 0; tap < 9; ++tap) partial[(done + o) * 9 + tap] = sums[tap * vectors * kLanes + o];
      bias_partial[done + o] = sums[9 * vectors * kLanes + o];
    }
  }
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
