// Shapes of convolutions, written short.
#pragma once

#include "ops/conv2d.h"

namespace curie::test {

// Square filters and images, padded alike on all sides.
constexpr Conv2dShape square_conv(int n, int size, int c, int k, int filter, int stride = 1, int pad = 0) {
  const int out = (size + 2 * pad - filter) / stride + 1;
  return {.n = n,
          .h = size,
          .w = size,
          .c = c,
          .k = k,
          .r = filter,
          .s = filter,
          .stride_h = stride,
          .stride_w = stride,
          .pad_top = pad,
          .pad_left = pad,
          .p = out,
          .q = out};
}

}  // namespace curie::test
