// Batch normalisation over the last axis (Ioffe, Szegedy 2015).
//
//   training:  mean, var (biased) over the rows of each channel;  xhat = (x - mean) / sqrt(var + epsilon);  y = gamma *
//   xhat + beta
//              running = momentum * running + (1 - momentum) * batch statistic   (Keras' sense of momentum)
//              with unbiased_running the running variance takes var * rows / max(rows - 1, 1), as PyTorch and Keras 2
//              do for more than one row
//   inference: the running statistics take the place of the batch's
//   backward:  dbeta = sum dy;  dgamma = sum dy * xhat;  dx = gamma / sqrt(var + eps) * (dy - (dbeta + xhat * dgamma) /
//   rows)
// A null gamma is 1, a null beta is 0. Statistics are summed in double or in groups about their mean, in a fixed order.
#pragma once

#include <compare>

namespace curie {

struct BatchNormShape {
  int rows = 0, channels = 0;  // rows = n * h * w
  float epsilon = 1e-3f;
  float momentum = 0.99f;
  bool unbiased_running = true;
  auto operator<=>(const BatchNormShape&) const = default;
};

}  // namespace curie
