// The gradient of a convolution in its weights and bias, dense: every output position may carry a gradient.
#pragma once

#include <cstddef>

#include "ops/conv2d.h"
#include "ops/types.h"
#include "tensor/parallel.h"

namespace curie {

std::size_t weight_gradient_bytes(const Conv2dShape& shape, int workers);

// dw and dbias (may be null) are overwritten.
void weight_gradient(const Conv2dShape& shape, const float* x, const float* dy, float* dw, float* dbias,
                     ThreadPool& pool, Scratch scratch);

// Sums over images are taken in `chunks` parts, each with a partial gradient of its own, which are then added in order:
// the result depends on the shape alone. Partials take at most 32 MiB (or one partial, when that is larger). With few
// chunks the filters are dealt out in groups, so that there are about 32 tasks in any case.
struct GradientPlan {
  int units = 0;  // pieces of input to sum over
  int chunks = 0;
  int groups = 0;                  // of whole kMaxBlock filters
  std::size_t partial_floats = 0;  // of one chunk: filters padded to whole blocks, times r * s * c
};
GradientPlan plan_gradient(const Conv2dShape& shape, int units);

}  // namespace curie
