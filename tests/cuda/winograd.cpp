// Winograd's method against the definition, summed in double. It is called by itself, for shapes that the plan would
// leave to other kernels.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "cuda/conv2d_winograd.h"
#include "device_array.h"
#include "support/reference_conv.h"
#include "support/square_conv.h"

namespace curie::CURIE_GPU {
namespace {

using Values = std::vector<float>;
using test::square_conv;

constexpr std::size_t kGuard = 64;  // elements before and behind an output
constexpr float kUntouched = 12345.0f;

// Rounding, in units of 2^-24 of the largest sum of magnitudes of an output's products: an output that sees few pixels
// takes part in its tile's rounding. Measured on these shapes: 28 at most.
constexpr double kRounding = 64.0;

Values uniform(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> values(-1.0f, 1.0f);
  Values result(count);
  for (float& value : result) value = values(random);
  return result;
}

Conv2dShape oblong(int n, int h, int w, int c, int k, int pad_top, int pad_left, int p, int q) {
  Conv2dShape shape = square_conv(n, h, c, k, 3);
  shape.w = w, shape.pad_top = pad_top, shape.pad_left = pad_left, shape.p = p, shape.q = q;
  return shape;
}

std::vector<Conv2dShape> shapes() {
  return {
      square_conv(1, 6, 4, 4, 3),            // one tile
      square_conv(2, 14, 64, 68, 3, 1, 1),   // tiles that reach over the image's end
      square_conv(3, 4, 132, 128, 3, 1, 1),  // outputs of one tile; channels that end within a step
      square_conv(1, 3, 8, 12, 3, 1, 1),     // fewer outputs than a tile's
      square_conv(1, 1, 4, 8, 3, 1, 1),      // an image of one pixel
      oblong(2, 9, 6, 12, 20, 1, 0, 9, 4),   // extents and padding differ
      oblong(1, 5, 11, 4, 8, 2, 3, 7, 13),   // padding beyond the filter
      oblong(2, 13, 12, 8, 8, 0, 0, 6, 7),   // part of the image is not read
      square_conv(37, 6, 8, 64, 3, 1, 1),    // more tiles than a product's rows
  };
}

std::string name_of(const Conv2dShape& s) {
  std::string text;
  for (const int value : {s.n, s.h, s.w, s.c, s.k, s.pad_top, s.pad_left, s.p, s.q})
    text += std::to_string(value) + ' ';
  return text;
}

// Output elements of the correlation, from memory full of another number, guards around it.
Values run(Runtime& runtime, const Correlation& correlation, bool along_depth, const Values& x, const Values& w,
           const Values& bias, bool relu, std::size_t count, std::size_t together) {
  REQUIRE(winograd_takes(correlation));
  WinogradPlan plan = plan_winograd(correlation);
  if (together > 0) plan.together = std::min(together, plan.together);
  const DeviceArray<float> input(runtime, x), filters(runtime, w), shift(runtime, bias);
  const DeviceArray<float> y(runtime, Values(count + 2 * kGuard, kUntouched));
  const DeviceArray<float> scratch(runtime, Values(plan.floats, std::nanf("")));
  start_winograd(runtime.stream(), plan, correlation, along_depth,
                 {input.data(), filters.data(), bias.empty() ? nullptr : shift.data(), relu, y.data() + kGuard},
                 scratch.data());
  const Values all = y.values();
  const auto untouched = [](float value) { return value == kUntouched; };
  CHECK(std::all_of(all.begin(), all.begin() + kGuard, untouched));
  CHECK(std::all_of(all.end() - kGuard, all.end(), untouched));
  return {all.begin() + kGuard, all.end() - kGuard};
}

void check_close(const Values& found, const reference::Sums& exact, bool relu) {
  const double scale = *std::max_element(exact.magnitude.begin(), exact.magnitude.end()) * 0x1p-24;
  double worst = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double wanted = relu ? std::max(exact.value[i], 0.0) : exact.value[i];
    worst = std::max(worst, std::abs(static_cast<double>(found[i]) - wanted) / scale);
    CHECK(!std::isnan(found[i]));
  }
  CAPTURE(worst);
  CHECK(worst <= kRounding);
}

}  // namespace

TEST_CASE("winograd: the convolution, with and without bias and ReLU") {
  Runtime runtime(0);
  for (const Conv2dShape& s : shapes()) {
    CAPTURE(name_of(s));
    const Values x = uniform(s.input_elements(), 1), w = uniform(s.weight_elements(), 2),
                 bias = uniform(static_cast<std::size_t>(s.k), 3);
    const Correlation correlation = forward_correlation(s);
    check_close(run(runtime, correlation, true, x, w, bias, true, s.output_elements(), 0),
                reference::forward(s, x, w, bias), true);
    // In rounds of a few tiles, the last one smaller.
    check_close(run(runtime, correlation, true, x, w, {}, false, s.output_elements(), 5),
                reference::forward(s, x, w, {}), false);
  }
}

TEST_CASE("winograd: the input gradient") {
  Runtime runtime(0);
  for (const Conv2dShape& s : shapes()) {
    CAPTURE(name_of(s));
    const Values dy = uniform(s.output_elements(), 4), w = uniform(s.weight_elements(), 2);
    const std::vector<double> wide(dy.begin(), dy.end());
    check_close(run(runtime, input_gradient_correlation(s, 0, 0), false, dy, w, {}, false, s.input_elements(), 7),
                reference::input_gradient(s, wide, w), false);
  }
}

TEST_CASE("winograd: a NaN reaches the outputs of its tile and no other") {
  Runtime runtime(0);
  const Conv2dShape s = square_conv(2, 12, 8, 8, 3, 1, 1);
  Values x = uniform(s.input_elements(), 1);
  const Values w = uniform(s.weight_elements(), 2);
  x[std::size_t(5 * 12 + 1) * 8] = std::nanf("");  // row 5, column 1 of the first image
  const Values y = run(runtime, forward_correlation(s), true, x, w, {}, false, s.output_elements(), 0);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t pixel = i / 8, row = pixel / 12 % 12, column = pixel % 12;
    const bool reached = pixel < 144 && row >= 4 && row < 8 && column < 4;
    if (std::isnan(y[i]) != reached) {
      CAPTURE(i);
      CHECK(std::isnan(y[i]) == reached);
    }
  }
}

}  // namespace curie::CURIE_GPU
