#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "ops/backend.h"
#include "support/backend.h"
#include "support/guarded_tensor.h"
#include "support/reference.h"
#include "support/reference_conv.h"
#include "support/targets.h"
#include "tensor/random.h"

namespace curie {
namespace {

using test::GuardedTensor;
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
      shape(1, 9, 10, 1, 40, 3, 1, 1, 1, 9, 10, 3),     // ... padded, windows of three
      shape(2, 9, 9, 1, 6, 5, 1, 0, 0, 5, 5, 2),        // one channel, larger filters
      shape(1, 14, 13, 1, 20, 5, 1, 2, 1, 14, 11, 3),   // ... padded, windows of three
      shape(1, 4, 4, 1, 130, 3, 1, 1, 1, 4, 4, 2),      // ... many filters
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
      shape(9, 17, 17, 2, 3, 2, 1, 0, 0, 16, 16, 2),    // more windows than one partial sum takes
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

using Values = std::vector<float>;
using Bytes = std::vector<std::uint8_t>;

struct Inputs {
  Values x, w, bias, dy;
};

Inputs random_inputs(const ConvPoolShape& s, bool integers) {
  const auto make = [&](std::size_t size, int limit, unsigned stream) {
    return integers ? test::random_integers(size, stream, limit) : test::random_values(size, stream);
  };
  return {make(s.conv.input_elements(), 4, 1), make(s.conv.weight_elements(), 3, 2), make(std::size_t(s.conv.k), 9, 3),
          make(s.output_elements(), 5, 4)};
}

// Where tensors begin: at addresses aligned to their element alone, or to whole vectors.
enum class Placement { unaligned, aligned };

// One shape on one backend. Every argument lies in device memory between guards. The backend is called without the
// checks of ops.h, which refuse some of the shapes above.
class Block {
 public:
  Block(Backend& backend, const ConvPoolShape& shape, Placement placement = Placement::unaligned)
      : backend_(backend), shape_(shape), placement_(placement) {}

  struct Forward {
    Values y;
    Bytes arg_max;
  };
  Forward forward(const Inputs& in, const DropoutSpec& dropout, const StepState& state,
                  float poison = std::numeric_limits<float>::quiet_NaN()) const {
    const GuardedTensor x = holding(in.x), w = holding(in.w), bias = holding(in.bias);
    const GuardedTensor y = filled(shape_.output_elements(), poison), arg_max = bytes();
    const GuardedTensor memory = scratch();
    const test::OnDevice<StepState> on_device(backend_, state);
    backend_.conv_pool_forward(shape_, at(x), at(w), at(bias), dropout, on_device.address(), at(y), bytes_at(arg_max),
                               as_scratch(memory));
    for (const GuardedTensor* each : {&x, &w, &bias, &y, &arg_max, &memory}) CHECK(each->intact());
    return {y.values(), arg_max.values<std::uint8_t>()};
  }

  // Neither bias nor state nor arg-max.
  Values inference(const Inputs& in) const {
    const GuardedTensor x = holding(in.x), w = holding(in.w);
    const GuardedTensor y = filled(shape_.output_elements()), memory = scratch();
    backend_.conv_pool_forward(shape_, at(x), at(w), nullptr, {}, nullptr, at(y), nullptr, as_scratch(memory));
    for (const GuardedTensor* each : {&x, &w, &y, &memory}) CHECK(each->intact());
    return y.values();
  }

  struct Backward {
    Values dx, dw, dbias;
  };
  Backward backward(const Inputs& in, const Forward& forward, float rate,
                    float poison = std::numeric_limits<float>::quiet_NaN()) const {
    const GuardedTensor x = holding(in.x), w = holding(in.w), y = holding(forward.y), dy = holding(in.dy);
    const GuardedTensor arg_max = bytes(forward.arg_max);
    const GuardedTensor dx = filled(in.x.size(), poison), dw = filled(in.w.size(), poison);
    const GuardedTensor dbias = filled(in.bias.size(), poison), memory = scratch();
    backend_.conv_pool_backward(shape_, at(x), at(w), at(y), bytes_at(arg_max), rate, at(dy), at(dx), at(dw), at(dbias),
                                as_scratch(memory));
    for (const GuardedTensor* each : {&x, &w, &y, &dy, &arg_max, &dx, &dw, &dbias, &memory}) CHECK(each->intact());
    return {dx.values(), dw.values(), dbias.values()};
  }

  // Neither the input's nor the bias's gradient.
  Values weight_gradient(const Inputs& in, const Forward& forward, float rate) const {
    const GuardedTensor x = holding(in.x), w = holding(in.w), y = holding(forward.y), dy = holding(in.dy);
    const GuardedTensor arg_max = bytes(forward.arg_max), dw = filled(in.w.size()), memory = scratch();
    backend_.conv_pool_backward(shape_, at(x), at(w), at(y), bytes_at(arg_max), rate, at(dy), nullptr, at(dw), nullptr,
                                as_scratch(memory));
    for (const GuardedTensor* each : {&dw, &memory}) CHECK(each->intact());
    return dw.values();
  }

 private:
  GuardedTensor place(std::size_t count, DType type = DType::f32) const {
    return placement_ == Placement::aligned ? GuardedTensor(backend_, {static_cast<int>(count)}, type)
                                            : test::blank(backend_, count, type);
  }
  GuardedTensor holding(const Values& values) const {
    const GuardedTensor tensor = place(values.size());
    tensor.set(values);
    return tensor;
  }
  GuardedTensor filled(std::size_t count, float value = std::numeric_limits<float>::quiet_NaN()) const {
    return holding(Values(count, value));
  }
  GuardedTensor bytes() const { return place(shape_.output_elements(), DType::u8); }
  GuardedTensor bytes(const Bytes& values) const {
    const GuardedTensor tensor = bytes();
    tensor.set(values);
    return tensor;
  }
  // Of the bytes asked for, full of NaN.
  GuardedTensor scratch() const { return place((backend_.scratch_bytes(shape_) + 3) / 4); }
  Scratch as_scratch(const GuardedTensor& memory) const {
    return {memory.tensor.raw(), backend_.scratch_bytes(shape_)};
  }

  static float* at(const GuardedTensor& tensor) { return reinterpret_cast<float*>(tensor.tensor.raw()); }
  static std::uint8_t* bytes_at(const GuardedTensor& tensor) {
    return reinterpret_cast<std::uint8_t*>(tensor.tensor.raw());
  }

  Backend& backend_;
  ConvPoolShape shape_;
  Placement placement_;
};

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

// Forward and backward of integers, which are exact in any order and in TF32.
void check_exact(Backend& backend, const ConvPoolShape& s, Placement placement) {
  const StepState state{.step = 17};
  const Block block(backend, s, placement);
  const Inputs in = random_inputs(s, true);
  const auto z = reference::forward(s.conv, in.x, in.w, in.bias).value;
  const reference::Pooled pooled = reference::max_pool(s, z);
  for (const float rate : {0.0f, 0.5f}) {
    CAPTURE(rate);
    const DropoutSpec dropout{rate, 0x123456789ABCDEFull, 5};
    const float poison = rate == 0.0f ? std::numeric_limits<float>::quiet_NaN() : INFINITY;
    const Block::Forward forward = block.forward(in, dropout, state, poison);
    CHECK(equal(forward.y, expected_output(pooled.maximum, dropout, state)));
    CHECK(std::equal(pooled.position.begin(), pooled.position.end(), forward.arg_max.begin()));

    const std::vector<double> dz = reference::unpool(s, forward.y, forward.arg_max, 1.0f / (1.0f - rate), in.dy);
    const Block::Backward backward = block.backward(in, forward, rate, poison);
    CHECK(equal(backward.dw, reference::weight_gradient(s.conv, in.x, dz).value));
    CHECK(equal(backward.dx, reference::input_gradient(s.conv, dz, in.w).value));
    CHECK(equal(backward.dbias, reference::bias_gradient(s.conv, dz).value));
    CHECK(test::same_bits(block.weight_gradient(in, forward, rate), backward.dw));
  }
}

TEST_CASE("fused forward and backward of integers are exact, on every instruction set") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    for (const ConvPoolShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      CHECK(backend->fuses(s));
      check_exact(*backend, s, Placement::unaligned);
      if (s.conv.c % 4 == 0 || s.conv.c == 1) check_exact(*backend, s, Placement::aligned);
    }
  });
}

TEST_CASE("fused forward and backward of integers are exact on tensor cores") {
  if (test::cpu_under_test()) {
    MESSAGE("skipped: the CPU has no tensor cores");
    return;
  }
  const auto backend = test::test_backend(2, Math::tf32);
  for (const ConvPoolShape& s : edge_shapes()) {
    CAPTURE(name_of(s));
    check_exact(*backend, s, s.conv.k % 2 == 0 ? Placement::aligned : Placement::unaligned);
  }
}

TEST_CASE("inference needs neither arg-max nor state, and the bias is optional") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    for (const ConvPoolShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      const Inputs in = random_inputs(s, true);
      const auto z = reference::forward(s.conv, in.x, in.w, {}).value;
      CHECK(equal(Block(*backend, s).inference(in), expected_output(reference::max_pool(s, z).maximum, {}, {})));
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
      for (float& value : in.x) value = 0.0f;
      for (float& value : in.bias) value = 3.0f;
      for (const float rate : {0.1f, 0.3f, 0.9f}) {
        const DropoutSpec dropout{rate, 0xFEDCBA9876543210ull, 0xFFFFFFFFu};
        const Block::Forward forward = Block(*backend, s).forward(in, dropout, state);
        CHECK(equal(forward.y, expected_output(std::vector<double>(s.output_elements(), 3.0), dropout, state)));
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
      for (float& value : in.x) value = 1.0f;
      const Block::Forward forward = Block(*backend, s).forward(in, {}, {});
      for (const std::uint8_t position : forward.arg_max) CHECK(position == 0);
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
        in.x[at] = nan;
        in.x[(at * 5 + 7) % 36] = nan;
        const auto z = reference::forward(s.conv, in.x, in.w, in.bias).value;
        const reference::Pooled pooled = reference::max_pool(s, z);
        const DropoutSpec dropout{0.4f, 9, 1};
        const Block::Forward forward = Block(*backend, s).forward(in, dropout, {});
        bool right = true;
        for (std::size_t i = 0; i < pooled.maximum.size(); ++i) {
          const bool keep = RandomStream{9, 1, 0}.bits(i) >= drop_threshold(0.4f);
          right &= std::isnan(forward.y[i]) == (keep && std::isnan(pooled.maximum[i]));
          right &= forward.arg_max[i] == pooled.position[i];
        }
        CHECK(right);
      }
    }
  });
}

// A gradient is a sum of at most `terms` products, each of a once-rounded factor and with that relative error.
bool near(std::span<const float> actual, const reference::Sums& expected, double terms, double product_error) {
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double bound = ((terms + 3) * 0x1p-24 + product_error) * expected.magnitude[i];
    if (!(std::abs(static_cast<double>(actual[i]) - expected.value[i]) <= bound)) return false;
  }
  return true;
}

void check_rounding(Backend& backend, const ConvPoolShape& s, double product_error) {
  const StepState state{.step = 2};
  const DropoutSpec dropout{0.3f, 77, 8};
  const Inputs in = random_inputs(s, false);
  const Block::Forward forward = Block(backend, s).forward(in, dropout, state);
  const reference::Sums z = reference::forward(s.conv, in.x, in.w, in.bias);
  const double taps = double(s.conv.r) * s.conv.s;
  // The value at the position that was taken, and the greatest one, differ by rounding alone.
  std::vector<double> taken(s.output_elements()), bound(s.output_elements());
  reference::for_each_window_value(s, [&](std::size_t window, int position, std::size_t output) {
    if (forward.arg_max[window] == position) taken[window] = z.value[output];
    bound[window] = std::max(bound[window], ((taps * s.conv.c + 2) * 0x1p-24 + product_error) * z.magnitude[output]);
  });
  const std::vector<double> maximum = reference::max_pool(s, z.value).maximum;
  const std::vector<float> y = expected_output(maximum, dropout, state);
  const double scale = static_cast<double>(1.0f / (1.0f - dropout.rate));
  bool right = true;
  for (std::size_t i = 0; i < maximum.size(); ++i) {
    right &= std::abs(taken[i] - maximum[i]) <= 2 * bound[i];
    // The product with the scale rounds once more, in the expected value and in the actual one.
    const double error = std::abs(static_cast<double>(forward.y[i]) - static_cast<double>(y[i]));
    right &= error <= scale * bound[i] + 2 * 0x1p-24 * std::abs(static_cast<double>(y[i]));
    right &= (forward.y[i] == 0.0f) >= (y[i] == 0.0f && maximum[i] > bound[i]);
  }
  CHECK(right);

  const std::vector<double> dz = reference::unpool(s, forward.y, forward.arg_max, 1.0f / (1.0f - dropout.rate), in.dy);
  const Block::Backward backward = Block(backend, s).backward(in, forward, dropout.rate);
  const double windows = double(s.conv.n) * s.out_h() * s.out_w();
  CHECK(near(backward.dw, reference::weight_gradient(s.conv, in.x, dz), windows, product_error));
  CHECK(near(backward.dx, reference::input_gradient(s.conv, dz, in.w), taps * s.conv.k, product_error));
  CHECK(near(backward.dbias, reference::bias_gradient(s.conv, dz), windows, 0));
}

TEST_CASE("random numbers: outputs and gradients stay within the rounding of their sums") {
  for_each_target([](const char* target) {
    CAPTURE(target);
    const auto backend = test_backend(2);
    for (const ConvPoolShape& s : edge_shapes()) {
      CAPTURE(name_of(s));
      check_rounding(*backend, s, 0);
    }
  });
}

TEST_CASE("random numbers on tensor cores: each factor rounded to 10 bits of mantissa") {
  if (test::cpu_under_test()) {
    MESSAGE("skipped: the CPU has no tensor cores");
    return;
  }
  const auto backend = test::test_backend(2, Math::tf32);
  for (const ConvPoolShape& s : edge_shapes()) {
    CAPTURE(name_of(s));
    check_rounding(*backend, s, 0x1.002p-10);
  }
}

TEST_CASE("results of the fused block do not depend on the number of threads") {
  const StepState state{.step = 3};
  const DropoutSpec dropout{0.25f, 5, 6};
  for (const ConvPoolShape& s : edge_shapes()) {
    CAPTURE(name_of(s));
    Inputs in = random_inputs(s, false);
    const auto one = test_backend(1);
    const Block::Forward forward = Block(*one, s).forward(in, dropout, state);
    const Block::Backward backward = Block(*one, s).backward(in, forward, dropout.rate);
    for (const int threads : {2, 3}) {
      const auto backend = test_backend(threads);
      const Block::Forward other = Block(*backend, s).forward(in, dropout, state);
      CHECK(test::same_bits(other.y, forward.y));
      CHECK(std::equal(other.arg_max.begin(), other.arg_max.end(), forward.arg_max.begin()));
      const Block::Backward gradients = Block(*backend, s).backward(in, other, dropout.rate);
      CHECK(test::same_bits(gradients.dx, backward.dx));
      CHECK(test::same_bits(gradients.dw, backward.dw));
      CHECK(test::same_bits(gradients.dbias, backward.dbias));
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
