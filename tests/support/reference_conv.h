// Convolution and convolution + pooling as plain loops over their definition, summed in double: what the tests compare
// with. Each result comes with the sum of the magnitudes of its terms, from which rounding bounds are derived.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ops/conv2d.h"

namespace curie::reference {

struct Sums {
  std::vector<double> value, magnitude;
  explicit Sums(std::size_t size) : value(size), magnitude(size) {}
  void add(std::size_t i, double term) {
    value[i] += term;
    magnitude[i] += std::abs(term);
  }
};

// Calls visit(output, input, weight, filter) with flat indices, once for each product of the convolution.
template <typename Visit>
void for_each_product(const Conv2dShape& shape, Visit visit) {
  for (int n = 0; n < shape.n; ++n)
    for (int p = 0; p < shape.p; ++p)
      for (int q = 0; q < shape.q; ++q)
        for (int r = 0; r < shape.r; ++r)
          for (int s = 0; s < shape.s; ++s) {
            const int y = p * shape.stride_h + r - shape.pad_top;
            const int x = q * shape.stride_w + s - shape.pad_left;
            if (y < 0 || y >= shape.h || x < 0 || x >= shape.w) continue;
            for (int k = 0; k < shape.k; ++k)
              for (int c = 0; c < shape.c; ++c) {
                const std::size_t output = ((std::size_t(n) * shape.p + p) * shape.q + q) * shape.k + k;
                const std::size_t input = ((std::size_t(n) * shape.h + y) * shape.w + x) * shape.c + c;
                const std::size_t weight = ((std::size_t(k) * shape.r + r) * shape.s + s) * shape.c + c;
                visit(output, input, weight);
              }
          }
}

// bias may be empty.
inline Sums forward(const Conv2dShape& shape, std::span<const float> x, std::span<const float> w,
                    std::span<const float> bias) {
  Sums y(shape.output_elements());
  if (!bias.empty()) {
    for (std::size_t i = 0; i < shape.output_elements(); ++i) y.add(i, bias[i % shape.k]);
  }
  for_each_product(shape, [&](std::size_t output, std::size_t input, std::size_t weight) {
    y.add(output, double(x[input]) * w[weight]);
  });
  return y;
}

inline Sums input_gradient(const Conv2dShape& shape, std::span<const double> dy, std::span<const float> w) {
  Sums dx(shape.input_elements());
  for_each_product(
      shape, [&](std::size_t output, std::size_t input, std::size_t weight) { dx.add(input, dy[output] * w[weight]); });
  return dx;
}

inline Sums weight_gradient(const Conv2dShape& shape, std::span<const float> x, std::span<const double> dy) {
  Sums dw(shape.weight_elements());
  for_each_product(shape, [&](std::size_t output, std::size_t input, std::size_t weight) {
    dw.add(weight, double(x[input]) * dy[output]);
  });
  return dw;
}

inline Sums bias_gradient(const Conv2dShape& shape, std::span<const double> dy) {
  Sums dbias(std::size_t(shape.k));
  for (std::size_t i = 0; i < dy.size(); ++i) dbias.add(i % shape.k, dy[i]);
  return dbias;
}

// Calls visit(pooled, position, output): the pooled element, row * pool + column in its window, and the element of the
// convolution's output there, windows in order and positions in order within each.
template <typename Visit>
void for_each_window_value(const ConvPoolShape& shape, Visit visit) {
  const Conv2dShape& conv = shape.conv;
  for (int n = 0; n < conv.n; ++n)
    for (int row = 0; row < shape.out_h(); ++row)
      for (int column = 0; column < shape.out_w(); ++column)
        for (int k = 0; k < conv.k; ++k)
          for (int position = 0; position < shape.pool * shape.pool; ++position) {
            const int p = row * shape.pool + position / shape.pool;
            const int q = column * shape.pool + position % shape.pool;
            const std::size_t pooled = ((std::size_t(n) * shape.out_h() + row) * shape.out_w() + column) * conv.k + k;
            visit(pooled, position, ((std::size_t(n) * conv.p + p) * conv.q + q) * conv.k + k);
          }
}

struct Pooled {
  std::vector<double> maximum;  // of each window: the first one wins, NaN propagates
  std::vector<int> position;
};

inline Pooled max_pool(const ConvPoolShape& shape, std::span<const double> z) {
  Pooled pooled{std::vector<double>(shape.output_elements()), std::vector<int>(shape.output_elements())};
  for_each_window_value(shape, [&](std::size_t window, int position, std::size_t output) {
    if (position == 0 || z[output] > pooled.maximum[window] || std::isnan(z[output])) {
      pooled.maximum[window] = z[output];
      pooled.position[window] = position;
    }
  });
  return pooled;
}

// The gradient at the convolution's output: dy * scale at the arg-max of each window whose y is positive, else 0.
inline std::vector<double> unpool(const ConvPoolShape& shape, std::span<const float> y,
                                  std::span<const std::uint8_t> arg_max, float scale, std::span<const float> dy) {
  std::vector<double> dz(shape.conv.output_elements());
  for_each_window_value(shape, [&](std::size_t window, int position, std::size_t output) {
    if (arg_max[window] == position && y[window] > 0.0f) dz[output] = static_cast<double>(dy[window] * scale);
  });
  return dz;
}

}  // namespace curie::reference
