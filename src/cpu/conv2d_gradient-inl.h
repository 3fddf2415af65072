// Adding up partial weight gradients, for the dense and the pooled gradient. A partial is [block][r][column, channel]
// [filter of the block], as the panels of conv2d_tile-inl.h are.
#if defined(CURIE_CPU_CONV2D_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CURIE_CPU_CONV2D_GRADIENT_INL_H_
#undef CURIE_CPU_CONV2D_GRADIENT_INL_H_
#else
#define CURIE_CPU_CONV2D_GRADIENT_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "cpu/conv2d_tile-inl.h"
#include "cpu/conv2d_weights.h"
#include "tensor/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {

// dw[k, r, j] for the filters of one block and one filter row: the sum over chunks, in order.
inline void reduce_weights(const Conv2dShape& shape, const GradientPlan& plan, const float* partials, int block, int r,
                           float* dw) {
  const FloatTag d;
  const int run = shape.s * shape.c;
  const int vectors = vectors_of_block(shape.k, block);
  const int width = vectors * kLanes;
  const int first = block * kBlock;
  const int valid = std::min(width, shape.k - first);
  const std::size_t offset = std::size_t(first) * shape.r * run + std::size_t(r) * run * width;
  for (int j = 0; j < run; ++j) {
    HWY_ALIGN float sums[kMaxBlock];
    for (int v = 0; v < vectors; ++v) {
      const float* from = partials + offset + std::size_t(j) * width + v * kLanes;
      FloatVec sum = hn::Load(d, from);
      for (int chunk = 1; chunk < plan.chunks; ++chunk) {
        sum = hn::Add(sum, hn::Load(d, from + chunk * plan.partial_floats));
      }
      hn::Store(sum, d, sums + v * kLanes);
    }
    float* to = dw + (std::size_t(first) * shape.r + r) * run + j;
    for (int o = 0; o < valid; ++o) to[std::size_t(o) * shape.r * run] = sums[o];
  }
}

// bias_partials: (chunks, bias_floats).
inline void reduce_bias(int filters, int chunks, std::size_t bias_floats, const float* bias_partials, float* dbias) {
  for (int k = 0; k < filters; ++k) {
    float sum = bias_partials[k];
    for (int chunk = 1; chunk < chunks; ++chunk) sum += bias_partials[chunk * bias_floats + k];
    dbias[k] = sum;
  }
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
