// Fully connected layer; weights (in, out) as Keras stores them.
//
//   y[n,o] = activation(bias[o] + sum over i of x[n,i] * w[i,o])
//   dx[n,i] = sum over o of dy[n,o] * w[i,o];  dw[i,o] = sum over n of x[n,i] * dy[n,o];  dbias[o] = sum over n of
//   dy[n,o]
#pragma once

#include <compare>
#include <cstddef>

namespace curie {

struct DenseShape {
  int n = 0, in = 0, out = 0;
  double flops() const { return 2.0 * n * in * out; }
  auto operator<=>(const DenseShape&) const = default;
};

}  // namespace curie
