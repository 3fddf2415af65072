#include "ops/conv2d.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "ops/backend.h"
#include "support/backend.h"
#include "support/guarded.h"
#include "support/reference_conv.h"
#include "support/targets.h"

namespace curie {
namespace {

using test::test_backend;

Conv2dShape shape(int n, int h, int w, int c, int k, int r, int s, int stride_h, int stride_w, int pad_top,
                  int pad_left, int p, int q) {
  Conv2dShape result;
  result.n = n, result.h = h, result.w = w, result.c = c;
  result.k = k, result.r = r, result.s = s;
  result.stride_h = stride_h, result.stride_w = stride_w;
  result.pad_top = pad_top, result.pad_left = pad_left;
  result.p = p, result.q = q;
  return result;
}

std::vector<Conv2dShape> edge_shapes() {
  return {
      shape(1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1),        // one value
      shape(2, 1, 1, 3, 5, 3, 3, 1, 1, 1, 1, 1, 1),        // an image of one pixel, all taps but one outside
      shape(3, 8, 8, 1, 32, 3, 3, 1, 1, 0, 0, 6, 6),       // one channel
      shape(2, 9, 7, 3, 6, 5, 5, 1, 1, 0, 0, 5, 3),        // fewer filters than lanes
      shape(1, 6, 6, 2, 15, 3, 3, 1, 1, 1, 1, 6, 6),       // a lane less than a vector
      shape(1, 6, 6, 2, 16, 1, 1, 1, 1, 0, 0, 6, 6),       // 1x1
      shape(1, 6, 6, 4, 17, 3, 3, 1, 1, 1, 1, 6, 6),       // a lane more
      shape(1, 5, 33, 8, 33, 1, 3, 1, 1, 0, 1, 5, 33),     // a filter of one row; three blocks of one vector
      shape(2, 5, 40, 4, 31, 3, 1, 1, 1, 1, 0, 5, 40),     // ... of one column
      shape(2, 7, 7, 3, 8, 7, 7, 2, 2, 3, 3, 4, 4),        // stem of a residual net
      shape(2, 8, 8, 5, 9, 1, 1, 2, 2, 0, 0, 4, 4),        // stride without overlap: inputs nobody reads
      shape(1, 11, 10, 2, 3, 2, 2, 3, 4, 0, 0, 4, 3),      // stride beyond the filter, ragged
      shape(1, 7, 9, 3, 4, 3, 3, 2, 1, 0, 2, 3, 9),        // different strides, padding on one side
      shape(1, 6, 6, 2, 4, 3, 3, 2, 2, 0, 0, 3, 3),        // TensorFlow's same: padding below and right only
      shape(1, 4, 4, 2, 3, 2, 2, 1, 1, 3, 2, 9, 7),        // padding beyond the filter
      shape(1, 12, 13, 2, 3, 3, 3, 1, 1, 0, 0, 5, 6),      // outputs that leave part of the image unread
      shape(2, 14, 14, 64, 64, 3, 3, 1, 1, 0, 0, 12, 12),  // covid-cnn-64, third convolution
      shape(1, 5, 5, 300, 40, 3, 3, 1, 1, 1, 1, 5, 5),     // filters worked through in several passes
      shape(2, 4, 4, 128, 130, 3, 3, 1, 1, 1, 1, 4, 4),    // several blocks of filters
      shape(40, 3, 4, 2, 3, 2, 2, 1, 1, 0, 0, 2, 3),       // more images than partial sums
      shape(0, 4, 4, 2, 3, 2, 2, 1, 1, 0, 0, 3, 3),        // no image
  };
}

struct Results {
  GuardedFloats y, dx, dw, dbias;
  bool guards_intact() const {
    return y.guards_intact() && dx.guards_intact() && dw.guards_intact() && dbias.guards_intact();
  }
};

Results run_all(Backend& backend, const Conv2dShape& s, GuardedFloats& x, GuardedFloats& w, GuardedFloats& bias,
                GuardedFloats& dy, Activation activation, float poison = std::numeric_limits<float>::quiet_NaN()) {
  Results results{poisoned(s.output_elements(), poison), poisoned(s.input_elements(), poison),
                  poisoned(s.weight_elements(), poison), poisoned(std::size_t(s.k), poison)};
  // Exactly the bytes asked for, at an address that is aligned to nothing, and never cleared.
  std::vector<std::byte> memory(backend.scratch_bytes(s) + 4, std::byte{0xFF});
  const Scratch scratch{memory.data() + 4, memory.size() - 4};
  backend.conv2d_forward(s, x.data(), w.data(), bias.data(), activation, results.y.data(), scratch);
  backend.conv2d_backward_input(s, dy.data(), w.data(), results.dx.data(), scratch);
  backend.conv2d_backward_weights(s, x.data(), dy.data(), results.dw.data(), results.dbias.data(), scratch);
  return results;
}

std::string name_of(const Conv2dShape& s) {
  std::string text;
  for (int value : {s.n, s.h, s.w, s.c, s.k, s.r, s.s, s.stride_h, s.stride_w, s.pad_top, s.pad_left, s.p, s.q}) {
    text += std::to_string(value) + ' ';
  }
  return text;
}

std::vector<double> doubles(std::span<const float> values) { return {values.begin(), values.end()}; }

bool equal(std::span<const float> actual, const std::vector<double>& expected) {
  if (actual.size() != expected.size()) return false;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (static_cast<double>(actual[i]) != expected[i]) return false;
  }
  return true;
}

// A sum of `terms` products in any order: each rounds at most terms + 1 times, by 2^-24 of the magnitudes at most.
bool near(std::span<const float> actual, const reference::Sums& expected, double terms) {
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double bound = (terms + 2) * 0x1p-24 * expected.magnitude[i];
    if (!(std::abs(static_cast<double>(actual[i]) - expected.value[i]) <= bound)) return false;
  }
  return true;
}

TEST_CASE("convolutions of integers are exact, on every instruction set and however their memory was filled") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    for (const Conv2dShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      GuardedFloats x = random_integers(s.input_elements(), 4, 1);
      GuardedFloats w = random_integers(s.weight_elements(), 3, 2);
      GuardedFloats bias = random_integers(std::size_t(s.k), 9, 3);
      GuardedFloats dy = random_integers(s.output_elements(), 5, 4);
      const std::vector<double> dyd = doubles(dy.span());
      for (const float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        const Results actual = run_all(*backend, s, x, w, bias, dy, Activation::none, poison);
        CHECK(equal(actual.y.span(), reference::forward(s, x.span(), w.span(), bias.span()).value));
        CHECK(equal(actual.dx.span(), reference::input_gradient(s, dyd, w.span()).value));
        CHECK(equal(actual.dw.span(), reference::weight_gradient(s, x.span(), dyd).value));
        CHECK(equal(actual.dbias.span(), reference::bias_gradient(s, dyd).value));
        CHECK(actual.guards_intact());
      }
    }
  });
}

TEST_CASE("bias and bias gradient are optional, and ReLU is fused") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    for (const Conv2dShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      GuardedFloats x = random_integers(s.input_elements(), 4, 5);
      GuardedFloats w = random_integers(s.weight_elements(), 3, 6);
      GuardedFloats dy = random_integers(s.output_elements(), 5, 7);
      std::vector<std::byte> memory(backend->scratch_bytes(s));
      const Scratch scratch{memory.data(), memory.size()};
      GuardedFloats y = poisoned(s.output_elements());
      backend->conv2d_forward(s, x.data(), w.data(), nullptr, Activation::relu, y.data(), scratch);
      std::vector<double> expected = reference::forward(s, x.span(), w.span(), {}).value;
      for (double& value : expected) value = std::max(value, 0.0);
      CHECK(equal(y.span(), expected));
      GuardedFloats dw = poisoned(s.weight_elements());
      backend->conv2d_backward_weights(s, x.data(), dy.data(), dw.data(), nullptr, scratch);
      CHECK(equal(dw.span(), reference::weight_gradient(s, x.span(), doubles(dy.span())).value));
      CHECK(y.guards_intact());
      CHECK(dw.guards_intact());
    }
  });
}

TEST_CASE("convolutions of random numbers stay within the rounding of their sums") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    for (const Conv2dShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      GuardedFloats x = random_floats(s.input_elements(), 11);
      GuardedFloats w = random_floats(s.weight_elements(), 12);
      GuardedFloats bias = random_floats(std::size_t(s.k), 13);
      GuardedFloats dy = random_floats(s.output_elements(), 14);
      const std::vector<double> dyd = doubles(dy.span());
      const Results actual = run_all(*backend, s, x, w, bias, dy, Activation::none);
      const double taps = double(s.r) * s.s;
      const double pixels = double(s.n) * s.p * s.q;
      CHECK(near(actual.y.span(), reference::forward(s, x.span(), w.span(), bias.span()), taps * s.c));
      CHECK(near(actual.dx.span(), reference::input_gradient(s, dyd, w.span()), taps * s.k));
      CHECK(near(actual.dw.span(), reference::weight_gradient(s, x.span(), dyd), pixels));
      CHECK(near(actual.dbias.span(), reference::bias_gradient(s, dyd), pixels));
    }
  });
}

TEST_CASE("results do not depend on the number of threads") {
  for (const Conv2dShape& s : edge_shapes()) {
    CAPTURE(name_of(s));
    GuardedFloats x = random_floats(s.input_elements(), 21);
    GuardedFloats w = random_floats(s.weight_elements(), 22);
    GuardedFloats bias = random_floats(std::size_t(s.k), 23);
    GuardedFloats dy = random_floats(s.output_elements(), 24);
    const auto one = test_backend(1);
    const Results expected = run_all(*one, s, x, w, bias, dy, Activation::relu);
    for (const int threads : {2, 3}) {
      const auto backend = test_backend(threads);
      const Results actual = run_all(*backend, s, x, w, bias, dy, Activation::relu);
      CHECK(same_bits(actual.y.span(), expected.y.span()));
      CHECK(same_bits(actual.dx.span(), expected.dx.span()));
      CHECK(same_bits(actual.dw.span(), expected.dw.span()));
      CHECK(same_bits(actual.dbias.span(), expected.dbias.span()));
    }
  }
}

TEST_CASE("NaN reaches exactly the outputs that read it, through ReLU too") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(1);
    const Conv2dShape s = shape(1, 9, 9, 3, 18, 3, 3, 1, 1, 1, 1, 9, 9);
    GuardedFloats x = random_integers(s.input_elements(), 4, 31);
    GuardedFloats w = random_integers(s.weight_elements(), 3, 32);
    GuardedFloats bias = random_integers(std::size_t(s.k), 3, 33);
    GuardedFloats dy = random_integers(s.output_elements(), 3, 34);
    x.data()[(4 * 9 + 5) * 3 + 1] = std::numeric_limits<float>::quiet_NaN();
    const Results actual = run_all(*backend, s, x, w, bias, dy, Activation::relu);
    for (int p = 0; p < s.p; ++p) {
      for (int q = 0; q < s.q; ++q) {
        for (int k = 0; k < s.k; ++k) {
          const bool reads = std::abs(p - 4) <= 1 && std::abs(q - 5) <= 1;
          CHECK(std::isnan(actual.y.span()[(std::size_t(p) * s.q + q) * s.k + k]) == reads);
        }
      }
    }
  });
}

}  // namespace
}  // namespace curie
