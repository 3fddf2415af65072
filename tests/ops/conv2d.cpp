#include "ops/conv2d.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/backend.h"
#include "support/reference.h"
#include "support/reference_conv.h"
#include "support/targets.h"

// The GPU's choice of kernels is plain C++; here it gets a namespace of its own.
#define CURIE_GPU planned
#include "cuda/conv2d_plan.h"

namespace curie::test {
namespace loops = curie::reference;
namespace {

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
      // Channels in fours, which GPUs read as vectors: 63, 64 and 65 pixels, around the tiles of filters and depth.
      shape(1, 7, 9, 12, 60, 1, 1, 1, 1, 0, 0, 7, 9),     // one less than a tile
      shape(1, 8, 8, 16, 64, 1, 1, 1, 1, 0, 0, 8, 8),     // a tile
      shape(1, 5, 13, 20, 68, 1, 1, 1, 1, 0, 0, 5, 13),   // one more
      shape(2, 9, 10, 8, 12, 3, 3, 2, 2, 1, 1, 5, 5),     // stride 2 with padding
      shape(1, 11, 10, 4, 8, 2, 2, 3, 4, 0, 0, 4, 3),     // stride beyond the filter
      shape(3, 13, 13, 4, 32, 3, 3, 1, 1, 1, 1, 13, 13),  // pixels cut into parts for the weight gradient
      // Few channels.
      shape(3, 16, 16, 1, 33, 3, 3, 1, 1, 0, 0, 14, 14),  // the same; a filter more than a warp has lanes
      shape(2, 20, 21, 3, 8, 5, 5, 2, 1, 2, 0, 10, 17),   // 75 taps
      shape(1, 12, 12, 3, 4, 10, 10, 1, 1, 0, 0, 3,
            3),  // filters of more taps than the GPU's kernel for few channels takes
  };
}

// Shapes large enough for the GPU's larger tiles; few products each.
std::vector<Conv2dShape> large_shapes() {
  return {shape(1, 130, 130, 4, 36, 1, 1, 1, 1, 0, 0, 130, 130), shape(1, 130, 130, 36, 4, 1, 1, 1, 1, 0, 0, 130, 130),
          shape(1, 92, 93, 4, 132, 1, 1, 1, 1, 0, 0, 92, 93), shape(1, 1, 1, 16896, 128, 1, 1, 1, 1, 0, 0, 1, 1)};
}

enum class Place { unaligned, aligned };  // where arrays begin: one element behind a vector's boundary, or at it

struct Inputs {
  Values x, w, bias, dy;
};
Inputs random_integer_inputs(const Conv2dShape& s, std::uint32_t stream) {
  return {random_integers(s.input_elements(), stream, 4), random_integers(s.weight_elements(), stream + 1, 3),
          random_integers(std::size_t(s.k), stream + 2, 9), random_integers(s.output_elements(), stream + 3, 5)};
}
Inputs random_real_inputs(const Conv2dShape& s, std::uint32_t stream) {
  return {random_values(s.input_elements(), stream), random_values(s.weight_elements(), stream + 1),
          random_values(std::size_t(s.k), stream + 2), random_values(s.output_elements(), stream + 3)};
}

struct Results {
  Values y, dx, dw, dbias;
};

struct Setting {
  Activation activation = Activation::none;
  float poison = std::nanf("");
  Place place = Place::unaligned;
  bool bias = true;
};

GuardedTensor filled(Backend& backend, std::size_t count, const Setting& setting) {
  const GuardedTensor array =
      setting.place == Place::unaligned ? blank(backend, count) : GuardedTensor(backend, {static_cast<int>(count)});
  array.fill(setting.poison);
  return array;
}

float* address(const GuardedTensor& array) { return reinterpret_cast<float*>(array.tensor.raw()); }

// All three directions. The methods of the backend are called, since some of the shapes are such that ops:: refuses.
Results run_all(Backend& backend, const Conv2dShape& s, const Inputs& inputs, const Setting& setting = {}) {
  const GuardedTensor x = filled(backend, inputs.x.size(), setting), w = filled(backend, inputs.w.size(), setting);
  const GuardedTensor dy = filled(backend, inputs.dy.size(), setting);
  const GuardedTensor bias = filled(backend, inputs.bias.size(), setting);
  x.set(inputs.x), w.set(inputs.w), dy.set(inputs.dy), bias.set(inputs.bias);
  const GuardedTensor y = filled(backend, inputs.dy.size(), setting), dx = filled(backend, inputs.x.size(), setting);
  const GuardedTensor dw = filled(backend, inputs.w.size(), setting);
  const GuardedTensor dbias = filled(backend, inputs.bias.size(), setting);
  // Exactly the bytes asked for, at an address that is aligned to nothing, and never cleared.
  const std::size_t bytes = backend.scratch_bytes(s);
  const GuardedTensor memory(backend, {static_cast<int>(bytes) + 4}, DType::u8);
  const Scratch scratch{memory.tensor.raw() + 4, bytes};
  backend.conv2d_forward(s, address(x), address(w), setting.bias ? address(bias) : nullptr, setting.activation,
                         address(y), scratch);
  backend.conv2d_backward_input(s, address(dy), address(w), address(dx), scratch);
  backend.conv2d_backward_weights(s, address(x), address(dy), address(dw), setting.bias ? address(dbias) : nullptr,
                                  scratch);
  for (const GuardedTensor* each : {&x, &w, &dy, &bias, &y, &dx, &dw, &dbias, &memory}) CHECK(each->intact());
  CHECK(same_bits(x.values(), inputs.x));
  CHECK(same_bits(w.values(), inputs.w));
  CHECK(same_bits(dy.values(), inputs.dy));
  return {y.values(), dx.values(), dw.values(), dbias.values()};
}

std::string name_of(const Conv2dShape& s) {
  std::string text;
  for (int value : {s.n, s.h, s.w, s.c, s.k, s.r, s.s, s.stride_h, s.stride_w, s.pad_top, s.pad_left, s.p, s.q}) {
    text += std::to_string(value) + ' ';
  }
  return text;
}

bool equal(const Values& actual, const Doubles& expected) { return widen(actual) == expected; }

// A sum of `terms` products in any order: each rounds at most terms + 1 times, by 2^-24 of the magnitudes at most.
// `unit` is what each product may lack beside that.
bool near(const Values& actual, const loops::Sums& expected, double terms, double unit = 0.0) {
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double bound = ((terms + 2) * kUnit + unit) * expected.magnitude[i];
    if (!(std::abs(static_cast<double>(actual[i]) - expected.value[i]) <= bound)) return false;
  }
  return true;
}

struct Expected {
  loops::Sums y, dx, dw, dbias;
};
Expected expect(const Conv2dShape& s, const Inputs& inputs) {
  const Doubles dy = widen(inputs.dy);
  return {loops::forward(s, inputs.x, inputs.w, inputs.bias), loops::input_gradient(s, dy, inputs.w),
          loops::weight_gradient(s, inputs.x, dy), loops::bias_gradient(s, dy)};
}

void check_exact(const Results& actual, const Expected& expected) {
  CHECK(equal(actual.y, expected.y.value));
  CHECK(equal(actual.dx, expected.dx.value));
  CHECK(equal(actual.dw, expected.dw.value));
  CHECK(equal(actual.dbias, expected.dbias.value));
}

void check_near(const Conv2dShape& s, const Results& actual, const Expected& expected, double unit) {
  const double taps = double(s.r) * s.s;
  const double pixels = double(s.n) * s.p * s.q;
  CHECK(near(actual.y, expected.y, taps * s.c, unit));
  CHECK(near(actual.dx, expected.dx, taps * s.k, unit));
  CHECK(near(actual.dw, expected.dw, pixels, unit));
  CHECK(near(actual.dbias, expected.dbias, pixels));
}

// Math::tf32 on a device that has it; null, with a message, on one that computes exactly.
std::unique_ptr<Backend> tf32_backend() {
  if (cpu_under_test()) {
    MESSAGE("skipped: the CPU has no tf32 arithmetic");
    return nullptr;
  }
  return test_backend(2, Math::tf32);
}

const Setting kSettings[] = {{}, {.poison = kInfinity}, {.place = Place::aligned}};

}  // namespace

TEST_CASE("convolutions of integers are exact, on every instruction set and however their memory was filled") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    for (const Conv2dShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      const Inputs inputs = random_integer_inputs(s, 1);
      const Expected expected = expect(s, inputs);
      for (const Setting& setting : kSettings) check_exact(run_all(*backend, s, inputs, setting), expected);
    }
  });
}

TEST_CASE("bias and bias gradient are optional, and ReLU is fused") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    for (const Conv2dShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      const Inputs inputs = random_integer_inputs(s, 5);
      std::vector<double> expected = loops::forward(s, inputs.x, inputs.w, {}).value;
      for (double& value : expected) value = std::max(value, 0.0);
      for (const Place place : {Place::unaligned, Place::aligned}) {
        const Results actual =
            run_all(*backend, s, inputs, {.activation = Activation::relu, .place = place, .bias = false});
        CHECK(equal(actual.y, expected));
        CHECK(equal(actual.dw, loops::weight_gradient(s, inputs.x, widen(inputs.dy)).value));
        CHECK(std::all_of(actual.dbias.begin(), actual.dbias.end(), [](float value) { return std::isnan(value); }));
      }
    }
  });
}

TEST_CASE("convolutions of random numbers stay within the rounding of their sums") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    for (const Conv2dShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      const Inputs inputs = random_real_inputs(s, 11);
      const Expected expected = expect(s, inputs);
      for (const Place place : {Place::unaligned, Place::aligned}) {
        check_near(s, run_all(*backend, s, inputs, {.place = place}), expected, 0.0);
      }
    }
  });
}

TEST_CASE("results do not depend on the number of threads") {
  for (const Conv2dShape& s : edge_shapes()) {
    CAPTURE(name_of(s));
    const Inputs inputs = random_real_inputs(s, 21);
    const Setting setting{.activation = Activation::relu};
    const auto one = test_backend(1);
    const Results expected = run_all(*one, s, inputs, setting);
    for (const int threads : {2, 3}) {
      const auto backend = test_backend(threads);
      const Results actual = run_all(*backend, s, inputs, setting);
      CHECK(same_bits(actual.y, expected.y));
      CHECK(same_bits(actual.dx, expected.dx));
      CHECK(same_bits(actual.dw, expected.dw));
      CHECK(same_bits(actual.dbias, expected.dbias));
    }
  }
}

TEST_CASE("NaN reaches exactly the outputs that read it, through ReLU too") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(1);
    for (const int channels : {3, 4}) {
      const Conv2dShape s = shape(1, 9, 9, channels, 20, 3, 3, 1, 1, 1, 1, 9, 9);
      Inputs inputs = random_integer_inputs(s, 31);
      inputs.x[std::size_t((4 * 9 + 5) * channels + 1)] = std::nanf("");
      const Results actual = run_all(*backend, s, inputs, {.activation = Activation::relu, .place = Place::aligned});
      for (int p = 0; p < s.p; ++p) {
        for (int q = 0; q < s.q; ++q) {
          for (int k = 0; k < s.k; ++k) {
            const bool reads = std::abs(p - 4) <= 1 && std::abs(q - 5) <= 1;
            CHECK(std::isnan(actual.y[(std::size_t(p) * s.q + q) * s.k + k]) == reads);
          }
        }
      }
    }
  });
}

TEST_CASE("convolutions of many pixels and of many channels are exact") {
  const auto backend = test_backend(2);
  for (const Conv2dShape& s : large_shapes()) {
    CAPTURE(name_of(s));
    const Inputs inputs = random_integer_inputs(s, 41);
    check_exact(run_all(*backend, s, inputs, {.place = Place::aligned}), expect(s, inputs));
  }
}

TEST_CASE("tf32: convolutions of integers are exact, for they fit its mantissa") {
  const auto backend = tf32_backend();
  if (backend == nullptr) return;
  for (const std::vector<Conv2dShape>& shapes : {edge_shapes(), large_shapes()}) {
    for (const Conv2dShape& s : shapes) {
      CAPTURE(name_of(s));
      const Inputs inputs = random_integer_inputs(s, 51);
      check_exact(run_all(*backend, s, inputs, {.place = Place::aligned}), expect(s, inputs));
    }
  }
}

TEST_CASE("tf32: convolutions of random numbers stay within the rounding of their operands and sums") {
  const auto backend = tf32_backend();
  if (backend == nullptr) return;
  const auto exact = test_backend();
  for (const Conv2dShape& s : edge_shapes()) {
    CAPTURE(name_of(s));
    const Inputs inputs = random_real_inputs(s, 61);
    const Results actual = run_all(*backend, s, inputs, {.activation = Activation::none, .place = Place::aligned});
    check_near(s, actual, expect(s, inputs), 0x1p-10);  // two operands, 2^-11 each
    if (libraries_under_test()) continue;
    const Results float32 = run_all(*exact, s, inputs, {.place = Place::aligned});
    const bool suits = s.n > 0 && s.c % 4 == 0 && s.k % 4 == 0;
    CHECK(same_bits(actual.y, float32.y) != suits);
    CHECK(same_bits(actual.dx, float32.dx) != suits);
    CHECK(same_bits(actual.dw, float32.dw) != suits);
    CHECK(same_bits(actual.dbias, float32.dbias));
  }
}

TEST_CASE("winograd: within its rounding where the plan takes it, and the same bits as exact elsewhere") {
  if (cpu_under_test()) {
    MESSAGE("skipped: the CPU has no winograd arithmetic");
    return;
  }
  const auto backend = test_backend(2, Math::winograd);
  const auto exact = test_backend();
  std::vector<Conv2dShape> shapes = edge_shapes();
  shapes.push_back(shape(16, 8, 8, 128, 128, 3, 3, 1, 1, 1, 1, 8, 8));
  for (const Conv2dShape& s : shapes) {
    CAPTURE(name_of(s));
    const Inputs inputs = random_real_inputs(s, 71);
    const Setting setting{.activation = Activation::none, .place = Place::aligned};
    const Results actual = run_all(*backend, s, inputs, setting);
    const bool taken = s.n == 16;
    if (taken) check_near(s, actual, expect(s, inputs), 0x1p-17);
    if (libraries_under_test()) continue;
    const Results float32 = run_all(*exact, s, inputs, setting);
    CHECK(same_bits(actual.y, float32.y) != taken);
    CHECK(same_bits(actual.dx, float32.dx) != taken);
    CHECK(same_bits(actual.dw, float32.dw));
    CHECK(same_bits(actual.dbias, float32.dbias));
    const Results unaligned = run_all(*backend, s, inputs, {.activation = Activation::none});
    if (taken) CHECK(same_bits(unaligned.y, float32.y));
  }
}

TEST_CASE("the GPU's plan cuts the pixels of a weight gradient into whole parts and chooses kernels by shape") {
  using namespace planned;
  for (const std::vector<Conv2dShape>& shapes : {edge_shapes(), large_shapes()}) {
    for (const Conv2dShape& s : shapes) {
      CAPTURE(name_of(s));
      const WeightSplits parts = split_pixels(s);
      const std::size_t pixels = std::size_t(s.n) * s.p * s.q;
      CHECK(parts.splits >= 1);
      CHECK(parts.pixels % 64 == 0);
      CHECK(parts.splits * parts.pixels >= pixels);
      CHECK((parts.splits == 1 || (parts.splits - 1) * parts.pixels < pixels));
    }
  }
  const Conv2dShape first = shape(256, 64, 64, 1, 32, 3, 3, 1, 1, 0, 0, 62, 62);
  const Conv2dShape second = shape(256, 31, 31, 32, 64, 3, 3, 1, 1, 0, 0, 29, 29);
  const Conv2dShape late = shape(8, 59, 59, 256, 256, 3, 3, 1, 1, 1, 1, 59, 59);
  CHECK(plan_forward(first, Math::tf32, false).kernel == Kernel::few_channels);
  CHECK(plan_weights(first, Math::tf32, false).kernel == Kernel::few_channels);
  CHECK(plan_forward(second, Math::exact, true).tile == Tile::tall);
  CHECK(plan_forward(second, Math::exact, false).tile == Tile::square);
  CHECK(plan_forward(second, Math::tf32, true).kernel == Kernel::tf32);
  CHECK(plan_forward(second, Math::tf32, false).kernel == Kernel::float32);
  CHECK(plan_input_gradient(second, Math::exact, true).tile == Tile::narrow);
  CHECK(plan_weights(second, Math::exact, true).splits == 52);
  CHECK(plan_forward(late, Math::exact, true).tile == Tile::large);
}

}  // namespace curie::test
