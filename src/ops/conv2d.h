// Two-dimensional convolution (cross-correlation, as every deep-learning library means it), NHWC x KRSC -> NPQK.
//
//   y[n,p,q,k]  = activation(bias[k] + sum over r,s,c of x[n, p*stride_h + r - pad_top, q*stride_w + s - pad_left, c] *
//   w[k,r,s,c]) dx = the gradient of dot(dy, y) in x;  dw[k,r,s,c] = sum over n,p,q of dy[n,p,q,k] * x[...];  dbias[k]
//   = sum of dy[n,p,q,k]
//
// Outside the image x is 0. The gradients are those of the linear part: a fused ReLU's gradient is applied to dy first
// (activation_backward). Every output is overwritten, never added to.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#include "ops/types.h"

namespace curie {

struct Conv2dShape {
  int n = 0, h = 0, w = 0, c = 0;  // input: samples, rows, columns, channels
  int k = 0, r = 0, s = 0;         // filters, their rows and columns
  int stride_h = 1, stride_w = 1;
  int pad_top = 0, pad_left = 0;  // padding below and to the right is what p and q imply
  int p = 0, q = 0;               // output rows and columns

  std::size_t input_elements() const { return std::size_t(n) * h * w * c; }
  std::size_t weight_elements() const { return std::size_t(k) * r * s * c; }
  std::size_t output_elements() const { return std::size_t(n) * p * q * k; }
  double flops() const { return 2.0 * static_cast<double>(output_elements()) * r * s * c; }
  auto operator<=>(const Conv2dShape&) const = default;
};

// Convolution + bias + ReLU + max pool (window = stride = pool, floor) + dropout, in one pass:
//
//   z = conv(x, w) + bias;  m = max over each window of z (first one wins, NaN propagates);  y = keep * scale * relu(m)
//
// Backward starts from the pooled gradient: where y > 0, dy * scale goes to the arg-max position of z, all else is 0,
// so the full-resolution gradient is never written and only one position in pool*pool is computed with.
struct ConvPoolShape {
  Conv2dShape conv;
  int pool = 2;
  int out_h() const { return conv.p / pool; }
  int out_w() const { return conv.q / pool; }
  std::size_t output_elements() const { return std::size_t(conv.n) * out_h() * out_w() * conv.k; }
  auto operator<=>(const ConvPoolShape&) const = default;
};

// Which elements a dropout drops: element i of the tensor is kept when RandomStream{seed, stream, step}.bits(i) is at
// least drop_threshold(rate); kept values are divided by 1 - rate. rate 0: nothing is dropped.
struct DropoutSpec {
  float rate = 0.0f;
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
};

}  // namespace curie
