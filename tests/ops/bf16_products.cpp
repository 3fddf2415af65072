// Convolution, the fused block and dense layers on bfloat16, against loops in double on the rounded operands. Products
// of two bfloat16 are exact in float32, so the bounds are those of float32 sums and of one rounding of the result.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "ops/ops.h"
#include "support/bf16.h"
#include "support/reference_conv.h"
#include "support/square_conv.h"

namespace curie::test {
namespace loops = curie::reference;
namespace {

std::string name_of(const Conv2dShape& s) {
  std::string text;
  for (int value : {s.n, s.h, s.w, s.c, s.k, s.r, s.s, s.stride_h, s.stride_w, s.pad_top, s.pad_left, s.p, s.q}) {
    text += std::to_string(value) + ' ';
  }
  return text;
}

std::vector<Conv2dShape> shapes() {
  return {
      square_conv(2, 9, 1, 32, 3),          // grey images
      square_conv(1, 11, 3, 9, 5, 2, 2),    // three channels, ragged filters
      square_conv(1, 7, 4, 12, 3, 1, 1),    // channels in fours, not in eights
      square_conv(2, 6, 8, 16, 3, 1, 1),    // in eights: tensor cores
      square_conv(1, 9, 16, 40, 3, 1, 0),   // more filters than a narrow tile
      square_conv(1, 5, 72, 136, 3, 1, 1),  // ... than a tile of 128
      square_conv(3, 9, 8, 24, 3, 2, 1),    // stride 2
      square_conv(1, 9, 8, 8, 2, 3, 0),     // stride beyond the filter
      square_conv(1, 3, 264, 64, 3, 1, 1),  // few pixels, many taps: cut into parts
      square_conv(5, 13, 8, 32, 3, 1, 1),   // pixels cut into parts for the weight gradient
  };
}

struct Inputs {
  Values x, w, bias, dy;
};
Inputs make_inputs(const Conv2dShape& s, bool integers) {
  if (integers) {
    return {random_integers(s.input_elements(), 1, 4), random_integers(s.weight_elements(), 2, 3),
            random_integers(std::size_t(s.k), 3, 9), random_integers(s.output_elements(), 4, 5)};
  }
  return {rounded(random_values(s.input_elements(), 1)), rounded(random_values(s.weight_elements(), 2)),
          random_values(std::size_t(s.k), 3), rounded(random_values(s.output_elements(), 4))};
}

struct Results {
  Values y, dx, dw, dbias;
};
Results run(Backend& backend, const Conv2dShape& s, const Inputs& in, Activation activation, bool aligned) {
  const GuardedTensor x = bf16_holding(backend, in.x, aligned), w = bf16_holding(backend, in.w, aligned);
  const GuardedTensor dy = bf16_holding(backend, in.dy, aligned), bias = holding(backend, in.bias);
  const GuardedTensor y = bf16_blank(backend, in.dy.size(), aligned), dx = bf16_blank(backend, in.x.size(), aligned);
  const GuardedTensor dw = blank(backend, in.w.size()), dbias = blank(backend, in.bias.size());
  const GuardedTensor memory = scratch_for(backend, s);
  ops::conv2d_forward(backend, s, x.tensor, w.tensor, bias.tensor, activation, y.tensor, as_scratch(memory));
  ops::conv2d_backward_input(backend, s, dy.tensor, w.tensor, dx.tensor, as_scratch(memory));
  ops::conv2d_backward_weights(backend, s, x.tensor, dy.tensor, dw.tensor, dbias.tensor, as_scratch(memory));
  CHECK(memory.intact());
  return {values_of(y), values_of(dx), values_of(dw), values_of(dbias)};
}

// Sums of float32 in any order, and what the factors and the result may lack beside that.
std::string far_from(const loops::Sums& expected, const Values& actual, double terms, double factor, double result) {
  Doubles bound;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    bound.push_back(((terms + 2) * kUnit + factor) * expected.magnitude[i] * (1 + result) +
                    result * std::abs(expected.value[i]));
  }
  return outside(actual, expected.value, bound);
}

ConvPoolShape pooled(const Conv2dShape& conv, int pool) { return {.conv = conv, .pool = pool}; }

}  // namespace

TEST_CASE("bf16: convolutions of integers are exact sums, rounded once") {
  const auto backend = bf16_backend();
  if (backend == nullptr) return;
  for (const Conv2dShape& s : shapes()) {
    CAPTURE(name_of(s));
    const Inputs in = make_inputs(s, true);
    const Doubles dy = widen(in.dy);
    Values y = narrow(loops::forward(s, in.x, in.w, in.bias).value);
    for (float& value : y) value = std::max(value, 0.0f);
    for (const bool aligned : {true, false}) {
      CAPTURE(aligned);
      const Results actual = run(*backend, s, in, Activation::relu, aligned);
      CHECK(same_bits(actual.y, rounded(y)));
      CHECK(widen(actual.dx) == widen(rounded(narrow(loops::input_gradient(s, dy, in.w).value))));
      CHECK(widen(actual.dw) == loops::weight_gradient(s, in.x, dy).value);
      CHECK(widen(actual.dbias) == loops::bias_gradient(s, dy).value);
    }
  }
}

TEST_CASE("bf16: convolutions of random numbers stay within the rounding of sums and results") {
  const auto backend = bf16_backend();
  if (backend == nullptr) return;
  for (const Conv2dShape& s : shapes()) {
    CAPTURE(name_of(s));
    const Inputs in = make_inputs(s, false);
    const Doubles dy = widen(in.dy);
    const double taps = double(s.r) * s.s, pixels = double(s.n) * s.p * s.q;
    const Results actual = run(*backend, s, in, Activation::none, true);
    CHECK(far_from(loops::forward(s, in.x, in.w, in.bias), actual.y, taps * s.c, 0, kBf16Unit) == "");
    CHECK(far_from(loops::input_gradient(s, dy, in.w), actual.dx, taps * s.k, 0, kBf16Unit) == "");
    CHECK(far_from(loops::weight_gradient(s, in.x, dy), actual.dw, pixels, 0, 0) == "");
    CHECK(far_from(loops::bias_gradient(s, dy), actual.dbias, pixels, 0, 0) == "");
  }
}

TEST_CASE("bf16: the fused block agrees with convolution, ReLU, pooling and dropout apart") {
  const auto backend = bf16_backend();
  if (backend == nullptr) return;
  for (const ConvPoolShape& s : {pooled(square_conv(2, 12, 1, 32, 3), 2), pooled(square_conv(1, 9, 1, 6, 5, 1, 1), 3),
                                 pooled(square_conv(1, 9, 3, 10, 3, 1, 1), 2), pooled(square_conv(2, 9, 8, 64, 3), 2),
                                 pooled(square_conv(1, 8, 40, 72, 3, 1, 1), 2)}) {
    for (const bool integers : {true, false}) {
      CAPTURE(name_of(s.conv));
      CAPTURE(integers);
      Inputs in = make_inputs(s.conv, integers);
      in.dy.resize(s.output_elements());
      const float rate = 0.5f, scale = 2.0f;  // by a power of two nothing is rounded
      const DropoutSpec dropout{rate, 7, 3};
      const StepState state{.step = 5};
      const OnDevice<StepState> on_device(*backend, state);
      const GuardedTensor x = bf16_holding(*backend, in.x, true), w = bf16_holding(*backend, in.w, true);
      const GuardedTensor bias = holding(*backend, in.bias), dy = bf16_holding(*backend, in.dy, true);
      const GuardedTensor y = bf16_blank(*backend, in.dy.size(), true);
      const GuardedTensor arg_max = blank(*backend, in.dy.size(), DType::u8), memory = scratch_for(*backend, s);
      ops::conv_pool_forward(*backend, s, x.tensor, w.tensor, bias.tensor, dropout, on_device.address(), y.tensor,
                             arg_max.tensor, as_scratch(memory));
      const loops::Sums z = loops::forward(s.conv, in.x, in.w, in.bias);
      const loops::Pooled maxima = loops::max_pool(s, z.value);
      const RandomStream random{dropout.seed, dropout.stream, state.step};
      const Values y_found = values_of(y);
      Doubles expected, bound;
      const double taps = double(s.conv.r) * s.conv.s * s.conv.c;
      loops::for_each_window_value(s, [&](std::size_t window, int position, std::size_t output) {
        if (position != maxima.position[window]) return;
        const bool kept = random.bits(window) >= drop_threshold(rate);
        expected.resize(in.dy.size());
        bound.resize(in.dy.size());
        expected[window] = kept ? scale * std::max(maxima.maximum[window], 0.0) : 0.0;
        // Another position may win where maxima lie closer than the sums' rounding: no more than twice that apart.
        bound[window] = integers ? 0.0 : scale * 2 * (taps + 2) * kUnit * z.magnitude[output];
        bound[window] += kBf16Unit * (std::abs(expected[window]) + bound[window]);
      });
      CHECK(outside(y_found, expected, bound) == "");

      const GuardedTensor dx = bf16_blank(*backend, in.x.size(), true), dw = blank(*backend, in.w.size());
      const GuardedTensor dbias = blank(*backend, in.bias.size());
      ops::conv_pool_backward(*backend, s, x.tensor, w.tensor, y.tensor, arg_max.tensor, rate, dy.tensor, dx.tensor,
                              dw.tensor, dbias.tensor, as_scratch(memory));
      const Doubles dz = loops::unpool(s, y_found, arg_max.values<std::uint8_t>(), scale, in.dy);
      const double pixels = double(s.conv.n) * s.conv.p * s.conv.q, filters = double(s.conv.r) * s.conv.s * s.conv.k;
      const double none = integers ? -2 : 0;  // sums of integers lack nothing
      CHECK(far_from(loops::input_gradient(s.conv, dz, in.w), values_of(dx), integers ? none : filters, 0, kBf16Unit) ==
            "");
      CHECK(far_from(loops::weight_gradient(s.conv, in.x, dz), values_of(dw), integers ? none : pixels, 0, 0) == "");
      CHECK(far_from(loops::bias_gradient(s.conv, dz), values_of(dbias), integers ? none : pixels, 0, 0) == "");
      CHECK(memory.intact());
    }
  }
}

TEST_CASE("bf16: dense layers, with outputs in bf16 or float32") {
  const auto backend = bf16_backend();
  if (backend == nullptr) return;
  for (const DenseShape& s : {DenseShape{.n = 3, .in = 37, .out = 1}, DenseShape{.n = 9, .in = 40, .out = 3},
                              DenseShape{.n = 6, .in = 33, .out = 10}, DenseShape{.n = 5, .in = 64, .out = 16},
                              DenseShape{.n = 70, .in = 72, .out = 136}, DenseShape{.n = 33, .in = 1024, .out = 40},
                              DenseShape{.n = 300, .in = 16, .out = 8}}) {
    for (const DType type : {DType::bf16, DType::f32}) {
      CAPTURE(s.n);
      CAPTURE(s.in);
      CAPTURE(s.out);
      CAPTURE(name_of(type));
      const std::size_t outputs = std::size_t(s.n) * s.out;
      const Values x = rounded(random_values(std::size_t(s.n) * s.in, 1));
      const Values w = rounded(random_values(std::size_t(s.in) * s.out, 2)),
                   bias = random_values(std::size_t(s.out), 3);
      Values dy = random_values(outputs, 4);
      if (type == DType::bf16) dy = rounded(dy);
      const auto place = [&](std::size_t count) { return GuardedTensor(*backend, {static_cast<int>(count)}, type); };
      const GuardedTensor on_x = bf16_holding(*backend, x, true), on_w = bf16_holding(*backend, w, true);
      const GuardedTensor on_bias = holding(*backend, bias), y = place(outputs);
      const GuardedTensor on_dy = type == DType::bf16 ? bf16_holding(*backend, dy, true) : holding(*backend, dy);
      const GuardedTensor dx = bf16_blank(*backend, x.size(), true), dw = blank(*backend, w.size());
      const GuardedTensor dbias = blank(*backend, bias.size()), memory = scratch_for(*backend, s);
      ops::dense_forward(*backend, s, on_x.tensor, on_w.tensor, on_bias.tensor, Activation::none, y.tensor,
                         as_scratch(memory));
      ops::dense_backward_input(*backend, s, on_dy.tensor, on_w.tensor, dx.tensor, as_scratch(memory));
      ops::dense_backward_weights(*backend, s, on_x.tensor, on_dy.tensor, dw.tensor, dbias.tensor, as_scratch(memory));
      CHECK(memory.intact());
      const auto check = [&](const GuardedTensor& found, const Doubles& expected, const Doubles& magnitude, int terms,
                             double result) {
        Doubles bound;
        for (std::size_t i = 0; i < expected.size(); ++i) {
          bound.push_back((terms + 2) * kUnit * magnitude[i] * (1 + result) + result * std::abs(expected[i]));
        }
        CHECK(outside(values_of(found), expected, bound) == "");
      };
      const double result = type == DType::bf16 ? kBf16Unit : 0.0;
      namespace dense_loops = reference;
      check(y, dense_loops::dense_forward(s, widen(x), widen(w), widen(bias)),
            dense_loops::dense_forward(s, absolute(x), absolute(w), absolute(bias)), s.in, result);
      check(dx, dense_loops::dense_backward_input(s, widen(dy), widen(w)),
            dense_loops::dense_backward_input(s, absolute(dy), absolute(w)), s.out, kBf16Unit);
      check(dw, dense_loops::dense_backward_weights(s, widen(x), widen(dy)),
            dense_loops::dense_backward_weights(s, absolute(x), absolute(dy)), s.n, 0.0);
      check(dbias, dense_loops::column_sums(s.n, s.out, widen(dy)), dense_loops::column_sums(s.n, s.out, absolute(dy)),
            s.n, 0.0);
    }
  }
}

}  // namespace curie::test
