// The operations once more, as plain loops in double apart from the product, and what tests of operations share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "ops/dense.h"
#include "ops/pool.h"
#include "support/backend.h"
#include "support/guarded_tensor.h"

namespace curie::test {

inline constexpr double kUnit = 0x1p-24;  // unit roundoff of float32

using Values = std::vector<float>;
using Doubles = std::vector<double>;

inline Doubles widen(std::span<const float> values) { return {values.begin(), values.end()}; }
inline Doubles absolute(std::span<const float> values) {
  Doubles result = widen(values);
  for (double& value : result) value = std::abs(value);
  return result;
}
inline Values narrow(std::span<const double> values) {
  Values result;
  for (const double value : values) result.push_back(static_cast<float>(value));
  return result;
}

// Integers from -limit to limit: sums of products stay exact in float32 while they stay below 2^24.
inline Values random_integers(std::size_t count, std::uint32_t stream, int limit) {
  const RandomStream random{.seed = 22, .stream = stream};
  Values values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] =
        static_cast<float>(static_cast<int>(below(random, i, static_cast<std::uint32_t>(2 * limit + 1))) - limit);
  }
  return values;
}

// Empty when every |got - want| is within its bound; otherwise the first that is not. NaN fails.
inline std::string outside(std::span<const float> got, std::span<const double> want, std::span<const double> bound) {
  if (got.size() != want.size() || got.size() != bound.size()) return "sizes differ";
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!(std::abs(static_cast<double>(got[i]) - want[i]) <= bound[i])) {
      return "[" + std::to_string(i) + "] is " + std::to_string(got[i]) + ", expected " + std::to_string(want[i]) +
             " within " + std::to_string(bound[i] * 1e6) + "e-6";
    }
  }
  return {};
}

// Backend memory of that many elements, all bytes 0xff: NaN in f32. It begins `elements_before()` elements behind an
// aligned address.
inline GuardedTensor blank(Backend& backend, std::size_t count, DType type = DType::f32) {
  const int elements = static_cast<int>(count), before = elements_before();
  GuardedTensor guarded(backend, {elements + before}, type);
  guarded.tensor = guarded.tensor.rows(before, elements);
  return guarded;
}
// The same with these values.
inline GuardedTensor holding(Backend& backend, std::span<const float> values) {
  GuardedTensor guarded = blank(backend, values.size());
  guarded.set(values);
  return guarded;
}

// Aligned scratch memory of exactly the size that the backend asks for.
template <typename ShapeType>
GuardedTensor scratch_for(Backend& backend, const ShapeType& shape) {
  return GuardedTensor(backend, {static_cast<int>(backend.scratch_bytes(shape))}, DType::u8);
}
inline Scratch as_scratch(const GuardedTensor& memory) { return {memory.tensor.raw(), memory.tensor.bytes()}; }

namespace reference {

// --- dense ----------------------------------------------------------------------------------------------------------
inline Doubles dense_forward(const DenseShape& shape, const Doubles& x, const Doubles& w, const Doubles& bias) {
  Doubles y;
  for (int n = 0; n < shape.n; ++n) {
    for (int o = 0; o < shape.out; ++o) {
      double sum = bias.empty() ? 0.0 : bias[std::size_t(o)];
      for (int i = 0; i < shape.in; ++i) sum += x[std::size_t(n) * shape.in + i] * w[std::size_t(i) * shape.out + o];
      y.push_back(sum);
    }
  }
  return y;
}

inline Doubles dense_backward_input(const DenseShape& shape, const Doubles& dy, const Doubles& w) {
  Doubles dx;
  for (int n = 0; n < shape.n; ++n) {
    for (int i = 0; i < shape.in; ++i) {
      double sum = 0.0;
      for (int o = 0; o < shape.out; ++o) sum += dy[std::size_t(n) * shape.out + o] * w[std::size_t(i) * shape.out + o];
      dx.push_back(sum);
    }
  }
  return dx;
}

inline Doubles dense_backward_weights(const DenseShape& shape, const Doubles& x, const Doubles& dy) {
  Doubles dw;
  for (int i = 0; i < shape.in; ++i) {
    for (int o = 0; o < shape.out; ++o) {
      double sum = 0.0;
      for (int n = 0; n < shape.n; ++n) sum += x[std::size_t(n) * shape.in + i] * dy[std::size_t(n) * shape.out + o];
      dw.push_back(sum);
    }
  }
  return dw;
}

inline Doubles column_sums(int rows, int columns, const Doubles& values) {
  Doubles sums(std::size_t(columns), 0.0);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) sums[std::size_t(c)] += values[std::size_t(r) * columns + c];
  }
  return sums;
}

// --- pooling --------------------------------------------------------------------------------------------------------
enum class Pooling { max, average, l2 };

// Calls visit(output index, input index, cell number, cells that count) for each cell inside the image of each window.
template <typename Visit>
void for_cells(const PoolShape& s, const Visit& visit) {
  for (int n = 0; n < s.n; ++n) {
    for (int p = 0; p < s.p; ++p) {
      for (int q = 0; q < s.q; ++q) {
        int inside = 0;
        for (int pass = 0; pass < 2; ++pass) {
          for (int r = 0; r < s.window_h; ++r) {
            for (int t = 0; t < s.window_w; ++t) {
              const int row = p * s.stride_h + r - s.pad_top, column = q * s.stride_w + t - s.pad_left;
              if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
              if (pass == 0) {
                ++inside;
                continue;
              }
              for (int c = 0; c < s.c; ++c) {
                visit(((std::size_t(n) * s.p + p) * s.q + q) * s.c + c,
                      ((std::size_t(n) * s.h + row) * s.w + column) * s.c + c, r * s.window_w + t,
                      s.count_padding ? s.window_h * s.window_w : inside);
              }
            }
          }
        }
      }
    }
  }
}

struct Pooled {
  Doubles y;
  std::vector<std::uint8_t> arg_max;
};

inline Pooled pool_forward(Pooling kind, const PoolShape& shape, const Values& x) {
  const double start = kind == Pooling::max ? -std::numeric_limits<double>::infinity() : 0.0;
  Pooled result{Doubles(shape.output_elements(), start), std::vector<std::uint8_t>(shape.output_elements(), 0)};
  for_cells(shape, [&](std::size_t out, std::size_t in, int cell, int cells) {
    const double value = x[in];
    double& y = result.y[out];
    if (kind == Pooling::average) y += value / cells;
    if (kind == Pooling::l2) y += value * value;
    if (kind == Pooling::max && (value > y || (std::isnan(value) && !std::isnan(y)))) {
      y = value;
      result.arg_max[out] = static_cast<std::uint8_t>(cell);
    }
  });
  if (kind == Pooling::l2) {
    for (double& y : result.y) y = std::sqrt(y);
  }
  return result;
}

inline Doubles pool_backward(Pooling kind, const PoolShape& shape, const Values& x, const Pooled& forward,
                             const Values& dy) {
  Doubles dx(shape.input_elements(), 0.0);
  for_cells(shape, [&](std::size_t out, std::size_t in, int cell, int cells) {
    const double gradient = dy[out];
    if (kind == Pooling::average) dx[in] += gradient / cells;
    if (kind == Pooling::l2 && forward.y[out] != 0.0) dx[in] += gradient * x[in] / forward.y[out];
    if (kind == Pooling::max && forward.arg_max[out] == cell) dx[in] += gradient;
  });
  return dx;
}

}  // namespace reference
}  // namespace curie::test
