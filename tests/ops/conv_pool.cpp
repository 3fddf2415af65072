#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "ops/backend.h"
#include "support/backend.h"
#include "support/guarded.h"
#include "support/reference_conv.h"
#include "support/targets.h"
#include "tensor/random.h"

namespace curie {
namespace {

using test::test_backend;

ConvPoolShape shape(int n, int h, int w, int c, int k, int filter, int stride, int pad_top, int pad_left, int p, int q,
                    int pool) {
  ConvPoolShape result;
  Conv2dShape& conv = result.conv;
  conv.n = n, conv.h = h, conv.w = w, conv.c = c;
  conv.k = k, conv.r = filter, conv.s = filter;
  conv.stride_h = stride, conv.stride_w = stride;
  conv.pad_top = pad_top, conv.pad_left = pad_left;
  conv.p = p, conv.q = q;
  result.pool = pool;
  return result;
}

std::vector<ConvPoolShape> edge_shapes() {
  return {
      shape(1, 2, 2, 1, 1, 1, 1, 0, 0, 2, 2, 2),        // one window
      shape(3, 12, 12, 1, 32, 3, 1, 0, 0, 10, 10, 2),   // first convolution of covid-cnn-64
      shape(2, 11, 9, 1, 33, 3, 1, 0, 0, 9, 7, 2),      // ... with a ragged number of filters and of windows
      shape(2, 8, 9, 1, 15, 3, 2, 0, 0, 3, 4, 3),       // ... with stride and another window
      shape(2, 15, 15, 32, 64, 3, 1, 0, 0, 13, 13, 2),  // second convolution, one row and column left out
      shape(2, 20, 21, 3, 6, 5, 1, 0, 0, 16, 17, 8),    // wide windows
      shape(1, 6, 6, 3, 17, 3, 1, 1, 1, 6, 6, 2),       // padded
      shape(1, 7, 8, 2, 5, 3, 2, 0, 1, 4, 4, 2),        // strided, padded on some sides
      shape(1, 9, 9, 4, 31, 2, 1, 1, 0, 10, 9, 3),      // window of three, asymmetric padding
      shape(1, 5, 5, 2, 3, 2, 1, 3, 3, 10, 10, 2),      // padding beyond the filter
      shape(1, 18, 18, 2, 3, 3, 1, 0, 0, 16, 16, 16),   // 256 positions in a window
      shape(1, 4, 5, 40, 20, 4, 1, 2, 2, 5, 6, 2),      // four filter rows, several vectors a row
      shape(1, 4, 4, 300, 34, 3, 1, 1, 1, 4, 4, 2),     // filters too large for one pass
      shape(2, 4, 4, 256, 260, 3, 1, 1, 1, 4, 4, 2),    // few partial sums, filters in groups
      shape(40, 4, 4, 2, 3, 2, 1, 0, 0, 3, 3, 2),       // more images than partial sums
      shape(1, 3, 3, 2, 4, 2, 1, 0, 0, 2, 2, 3),        // no window fits
  };
}

std::string name_of(const ConvPoolShape& shape) {
  const Conv2dShape& s = shape.conv;
  std::string text;
  for (int value : {s.n, s.h, s.w, s.c, s.k, s.r, s.s, s.stride_h, s.pad_top, s.pad_left, s.p, s.q, shape.pool}) {
    text += std::to_string(value) + ' ';
  }
  return text;
}

struct Forward {
  GuardedFloats y;
  Guarded<std::uint8_t> arg_max;
};

struct Inputs {
  GuardedFloats x, w, bias, dy;
};

Inputs random_inputs(const ConvPoolShape& s, bool integers) {
  const auto make = [&](std::size_t size, int limit, unsigned seed) {
    return integers ? random_integers(size, limit, seed) : random_floats(size, seed);
  };
  return {make(s.conv.input_elements(), 4, 1), make(s.conv.weight_elements(), 3, 2), make(std::size_t(s.conv.k), 9, 3),
          make(s.output_elements(), 5, 4)};
}

// Scratch of exactly the bytes asked for, at an address that is aligned to nothing, full of NaN.
struct Workspace {
  explicit Workspace(std::size_t bytes) : memory(bytes + 4, std::byte{0xFF}) {}
  Scratch scratch() { return {memory.data() + 4, memory.size() - 4}; }
  std::vector<std::byte> memory;
};

Forward run_forward(Backend& backend, const ConvPoolShape& s, Inputs& in, const DropoutSpec& dropout,
                    const StepState& state, float poison = std::numeric_limits<float>::quiet_NaN()) {
  Forward result{poisoned(s.output_elements(), poison), {s.output_elements(), 255}};
  Workspace workspace(backend.scratch_bytes(s));
  backend.conv_pool_forward(s, in.x.data(), in.w.data(), in.bias.data(), dropout, &state, result.y.data(),
                            result.arg_max.data(), workspace.scratch());
  return result;
}

struct Backward {
  GuardedFloats dx, dw, dbias;
};

Backward run_backward(Backend& backend, const ConvPoolShape& s, Inputs& in, Forward& forward, float rate,
                      float poison = std::numeric_limits<float>::quiet_NaN()) {
  Backward result{poisoned(s.conv.input_elements(), poison), poisoned(s.conv.weight_elements(), poison),
                  poisoned(std::size_t(s.conv.k), poison)};
  Workspace workspace(backend.scratch_bytes(s));
  backend.conv_pool_backward(s, in.x.data(), in.w.data(), forward.y.data(), forward.arg_max.data(), rate, in.dy.data(),
                             result.dx.data(), result.dw.data(), result.dbias.data(), workspace.scratch());
  return result;
}

template <typename T>
bool equal(std::span<const float> actual, const std::vector<T>& expected) {
  if (actual.size() != expected.size()) return false;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (static_cast<T>(actual[i]) != expected[i]) return false;
  }
  return true;
}

// What conv_pool_forward promises, from the exact maxima: every float operation of it, once.
std::vector<float> expected_output(const std::vector<double>& maximum, const DropoutSpec& dropout,
                                   const StepState& state) {
  const RandomStream stream{dropout.seed, dropout.stream, state.step};
  const float scale = 1.0f / (1.0f - dropout.rate);
  std::vector<float> y(maximum.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const bool keep = stream.bits(i) >= drop_threshold(dropout.rate);
    y[i] = keep ? static_cast<float>(std::max(maximum[i], 0.0)) * scale : 0.0f;
  }
  return y;
}

TEST_CASE("fused forward and backward of integers are exact, on every instruction set") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    const StepState state{.step = 17};
    for (const ConvPoolShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      CHECK(backend->fuses(s));
      Inputs in = random_inputs(s, true);
      const auto z = reference::forward(s.conv, in.x.span(), in.w.span(), in.bias.span()).value;
      const reference::Pooled pooled = reference::max_pool(s, z);
      for (const float rate : {0.0f, 0.5f}) {
        CAPTURE(rate);
        const DropoutSpec dropout{rate, 0x123456789ABCDEFull, 5};
        const float poison = rate == 0.0f ? std::numeric_limits<float>::quiet_NaN() : INFINITY;
        Forward forward = run_forward(*backend, s, in, dropout, state, poison);
        CHECK(equal(forward.y.span(), expected_output(pooled.maximum, dropout, state)));
        CHECK(std::equal(pooled.position.begin(), pooled.position.end(), forward.arg_max.span().begin()));
        CHECK(forward.y.guards_intact());
        CHECK(forward.arg_max.guards_intact());

        const std::vector<double> dz =
            reference::unpool(s, forward.y.span(), forward.arg_max.span(), 1.0f / (1.0f - rate), in.dy.span());
        const Backward backward = run_backward(*backend, s, in, forward, rate, poison);
        CHECK(equal(backward.dw.span(), reference::weight_gradient(s.conv, in.x.span(), dz).value));
        CHECK(equal(backward.dx.span(), reference::input_gradient(s.conv, dz, in.w.span()).value));
        CHECK(equal(backward.dbias.span(), reference::bias_gradient(s.conv, dz).value));
        CHECK(backward.dx.guards_intact());
        CHECK(backward.dw.guards_intact());
        CHECK(backward.dbias.guards_intact());

        GuardedFloats dw = poisoned(s.conv.weight_elements());
        Workspace workspace(backend->scratch_bytes(s));
        backend->conv_pool_backward(s, in.x.data(), in.w.data(), forward.y.data(), forward.arg_max.data(), rate,
                                    in.dy.data(), nullptr, dw.data(), nullptr, workspace.scratch());
        CHECK(same_bits(dw.span(), backward.dw.span()));
      }
    }
  });
}

TEST_CASE("inference needs neither arg-max nor state, and the bias is optional") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    for (const ConvPoolShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      Inputs in = random_inputs(s, true);
      GuardedFloats y = poisoned(s.output_elements());
      Workspace workspace(backend->scratch_bytes(s));
      backend->conv_pool_forward(s, in.x.data(), in.w.data(), nullptr, {}, nullptr, y.data(), nullptr,
                                 workspace.scratch());
      const auto z = reference::forward(s.conv, in.x.span(), in.w.span(), {}).value;
      CHECK(equal(y.span(), expected_output(reference::max_pool(s, z).maximum, {}, {})));
      CHECK(y.guards_intact());
    }
  });
}

TEST_CASE("dropout keeps exactly the elements that the random stream says") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    const StepState state{.step = 4000000000u};
    for (const ConvPoolShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      Inputs in = random_inputs(s, true);
      for (float& value : in.x.span()) value = 0.0f;
      for (float& value : in.bias.span()) value = 3.0f;
      for (const float rate : {0.1f, 0.3f, 0.9f}) {
        const DropoutSpec dropout{rate, 0xFEDCBA9876543210ull, 0xFFFFFFFFu};
        const Forward forward = run_forward(*backend, s, in, dropout, state);
        CHECK(equal(forward.y.span(), expected_output(std::vector(s.output_elements(), 3.0), dropout, state)));
      }
    }
  });
}

TEST_CASE("of equal values the first one takes the gradient") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(1);
    for (const int pool : {2, 3}) {
      const ConvPoolShape s = shape(1, 8, 8, 1, 20, 3, 1, 0, 0, 6, 6, pool);
      Inputs in = random_inputs(s, true);
      for (float& value : in.x.span()) value = 1.0f;
      const Forward forward = run_forward(*backend, s, in, {}, {});
      for (const std::uint8_t position : forward.arg_max.span()) CHECK(position == 0);
    }
  });
}

TEST_CASE("NaN propagates through pooling, ReLU and kept dropout") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for_each_target([nan](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(1);
    for (const int pool : {2, 3}) {
      const ConvPoolShape s = shape(1, 6, 6, 1, 20, 1, 1, 0, 0, 6, 6, pool);
      for (int at = 0; at < 36; ++at) {
        Inputs in = random_inputs(s, true);
        in.x.data()[at] = nan;
        in.x.data()[(at * 5 + 7) % 36] = nan;
        const auto z = reference::forward(s.conv, in.x.span(), in.w.span(), in.bias.span()).value;
        const reference::Pooled pooled = reference::max_pool(s, z);
        const DropoutSpec dropout{0.4f, 9, 1};
        const Forward forward = run_forward(*backend, s, in, dropout, {});
        bool right = true;
        for (std::size_t i = 0; i < pooled.maximum.size(); ++i) {
          const bool keep = RandomStream{9, 1, 0}.bits(i) >= drop_threshold(0.4f);
          right &= std::isnan(forward.y.span()[i]) == (keep && std::isnan(pooled.maximum[i]));
          right &= forward.arg_max.span()[i] == pooled.position[i];
        }
        CHECK(right);
      }
    }
  });
}

// A gradient is a sum of at most `terms` products, each of a once-rounded factor.
bool near(std::span<const float> actual, const reference::Sums& expected, double terms) {
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double bound = (terms + 3) * 0x1p-24 * expected.magnitude[i];
    if (!(std::abs(static_cast<double>(actual[i]) - expected.value[i]) <= bound)) return false;
  }
  return true;
}

TEST_CASE("random numbers: outputs and gradients stay within the rounding of their sums") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    const StepState state{.step = 2};
    const DropoutSpec dropout{0.3f, 77, 8};
    for (const ConvPoolShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      Inputs in = random_inputs(s, false);
      Forward forward = run_forward(*backend, s, in, dropout, state);
      const reference::Sums z = reference::forward(s.conv, in.x.span(), in.w.span(), in.bias.span());
      const double taps = double(s.conv.r) * s.conv.s;
      // The value at the position that was taken, and the greatest one, differ by rounding alone.
      std::vector<double> taken(s.output_elements()), bound(s.output_elements());
      reference::for_each_window_value(s, [&](std::size_t window, int position, std::size_t output) {
        if (forward.arg_max.span()[window] == position) taken[window] = z.value[output];
        bound[window] = std::max(bound[window], (taps * s.conv.c + 2) * 0x1p-24 * z.magnitude[output]);
      });
      const std::vector<double> maximum = reference::max_pool(s, z.value).maximum;
      const std::vector<float> y = expected_output(maximum, dropout, state);
      const double scale = static_cast<double>(1.0f / (1.0f - dropout.rate));
      bool right = true;
      for (std::size_t i = 0; i < maximum.size(); ++i) {
        right &= std::abs(taken[i] - maximum[i]) <= 2 * bound[i];
        // The product with the scale rounds once more, in the expected value and in the actual one.
        const double error = std::abs(static_cast<double>(forward.y.span()[i]) - static_cast<double>(y[i]));
        right &= error <= scale * bound[i] + 2 * 0x1p-24 * std::abs(static_cast<double>(y[i]));
        right &= (forward.y.span()[i] == 0.0f) >= (y[i] == 0.0f && maximum[i] > bound[i]);
      }
      CHECK(right);

      const std::vector<double> dz =
          reference::unpool(s, forward.y.span(), forward.arg_max.span(), 1.0f / (1.0f - dropout.rate), in.dy.span());
      const Backward backward = run_backward(*backend, s, in, forward, dropout.rate);
      const double windows = double(s.conv.n) * s.out_h() * s.out_w();
      CHECK(near(backward.dw.span(), reference::weight_gradient(s.conv, in.x.span(), dz), windows));
      CHECK(near(backward.dx.span(), reference::input_gradient(s.conv, dz, in.w.span()), taps * s.conv.k));
      CHECK(near(backward.dbias.span(), reference::bias_gradient(s.conv, dz), windows));
    }
  });
}

TEST_CASE("results of the fused block do not depend on the number of threads") {
  const StepState state{.step = 3};
  const DropoutSpec dropout{0.25f, 5, 6};
  for (const ConvPoolShape& s : edge_shapes()) {
    CAPTURE(name_of(s));
    Inputs in = random_inputs(s, false);
    const auto one = test_backend(1);
    Forward forward = run_forward(*one, s, in, dropout, state);
    const Backward backward = run_backward(*one, s, in, forward, dropout.rate);
    for (const int threads : {2, 3}) {
      const auto backend = test_backend(threads);
      Forward other = run_forward(*backend, s, in, dropout, state);
      CHECK(same_bits(other.y.span(), forward.y.span()));
      CHECK(std::equal(other.arg_max.span().begin(), other.arg_max.span().end(), forward.arg_max.span().begin()));
      const Backward gradients = run_backward(*backend, s, in, other, dropout.rate);
      CHECK(same_bits(gradients.dx.span(), backward.dx.span()));
      CHECK(same_bits(gradients.dw.span(), backward.dw.span()));
      CHECK(same_bits(gradients.dbias.span(), backward.dbias.span()));
    }
  }
}

TEST_CASE("a window of one position or of more than a byte can number is not fused") {
  const auto backend = test_backend(1);
  CHECK_FALSE(backend->fuses(shape(1, 20, 20, 1, 1, 1, 1, 0, 0, 20, 20, 1)));
  CHECK_FALSE(backend->fuses(shape(1, 20, 20, 1, 1, 1, 1, 0, 0, 20, 20, 17)));
}

}  // namespace
}  // namespace curie
