#include <doctest/doctest.h>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"

namespace curie::test {
namespace {

const float kNaN = std::nanf("");

// Lengths around vectors of 4, 8 and 16 lanes and around one task's piece of 16,384.
const std::size_t kLengths[] = {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 16383, 16384, 16401};

// The distance from |value| to the next float32.
double ulp(double value) {
  const auto rounded = static_cast<float>(std::abs(value));
  return static_cast<double>(std::nextafter(rounded, kInfinity)) - rounded;
}

Values forward(Backend& backend, Activation activation, const Values& values) {
  const GuardedTensor x = holding(backend, values), y = blank(backend, values.size());
  ops::activation_forward(backend, activation, x.tensor, y.tensor);
  CHECK(same_bits(x.values(), values));
  ops::activation_forward(backend, activation, x.tensor, x.tensor);  // in place
  CHECK(same_bits(x.values(), y.values()));
  CHECK(x.intact());
  CHECK(y.intact());
  return y.values();
}

Values backward(Backend& backend, Activation activation, const Values& y_values, const Values& dy_values) {
  const GuardedTensor y = holding(backend, y_values), dy = holding(backend, dy_values),
                      dx = blank(backend, y_values.size());
  ops::activation_backward(backend, activation, y.tensor, dy.tensor, dx.tensor);
  ops::activation_backward(backend, activation, y.tensor, dy.tensor, dy.tensor);
  CHECK(same_bits(dy.values(), dx.values()));
  for (const GuardedTensor* each : {&y, &dy, &dx}) CHECK(each->intact());
  return dx.values();
}

double exact(Activation activation, double x) {
  if (activation == Activation::sigmoid) return 1.0 / (1.0 + std::exp(-x));
  if (activation == Activation::tanh) return std::tanh(x);
  return x < 0.0 ? 0.0 : x;
}

}  // namespace

TEST_CASE("relu, sigmoid and tanh are rounded once") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const Activation activation : {Activation::relu, Activation::sigmoid, Activation::tanh}) {
      CAPTURE(name_of(activation));
      for (const std::size_t length : kLengths) {
        const Values x = random_values(length, 1, -9.0f, 9.0f);
        Doubles want, bound;
        for (const float value : x) {
          want.push_back(exact(activation, value));
          bound.push_back(0.5001 * ulp(want.back()));  // half an ulp for the rounding to float32
        }
        CHECK(outside(forward(*backend, activation, x), want, bound) == "");
      }
      // From tiny to huge, where tanh x is x and where sigmoid and tanh are flat.
      Values x{0.0f, -0.0f};
      for (float size = 1e-38f; size < 1e38f; size *= 3.7f) x.insert(x.end(), {size, -size});
      const Values y = forward(*backend, activation, x);
      for (std::size_t i = 0; i < x.size(); ++i) {
        CAPTURE(x[i]);
        const double want = exact(activation, x[i]);
        CHECK(std::abs(y[i] - want) <= 0.5001 * ulp(want));
      }
    }
  });
}

TEST_CASE("infinities reach the limits and NaN stays NaN") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(1);
    const Values x{kInfinity, -kInfinity, kNaN, 1e4f, -1e4f};
    CHECK(std::isnan(forward(*backend, Activation::relu, x)[2]));
    CHECK(forward(*backend, Activation::relu, x)[0] == kInfinity);
    for (const std::size_t position : {0, 8, 16}) {  // in a whole vector and behind it
      Values wide(17, 0.25f);
      wide[position] = kNaN;
      for (const Activation activation : {Activation::relu, Activation::sigmoid, Activation::tanh}) {
        const Values y = forward(*backend, activation, wide);
        for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i == position));
      }
    }
    const Values sigmoid = forward(*backend, Activation::sigmoid, x), tanh = forward(*backend, Activation::tanh, x);
    CHECK(sigmoid[0] == 1.0f);
    CHECK(sigmoid[1] == 0.0f);
    CHECK(sigmoid[3] == 1.0f);
    CHECK(sigmoid[4] == 0.0f);
    CHECK(tanh[0] == 1.0f);
    CHECK(tanh[1] == -1.0f);
    CHECK(tanh[3] == 1.0f);
    CHECK(tanh[4] == -1.0f);
  });
}

TEST_CASE("gradients in terms of the output") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const std::size_t length : kLengths) {
      const Values dy = random_values(length, 2), y = random_values(length, 3, 0.0f, 1.0f);
      Values signs = random_integers(length, 4, 1);  // -1, 0, 1
      const Values relu = backward(*backend, Activation::relu, signs, dy);
      for (std::size_t i = 0; i < length; ++i) CHECK(relu[i] == (signs[i] > 0.0f ? dy[i] : 0.0f));
      Doubles sigmoid, tanh, bound;
      for (std::size_t i = 0; i < length; ++i) {
        sigmoid.push_back(double(dy[i]) * y[i] * (1.0 - y[i]));
        tanh.push_back(double(dy[i]) * (1.0 - double(y[i]) * y[i]));
        bound.push_back(5 * kUnit * (std::abs(tanh.back())));  // at most four roundings; 1 - y^2 >= y (1 - y)
      }
      CHECK(outside(backward(*backend, Activation::sigmoid, y, dy), sigmoid, bound) == "");
      CHECK(outside(backward(*backend, Activation::tanh, y, dy), tanh, bound) == "");
    }
  });
}

TEST_CASE("softmax and log-softmax") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const int classes : {1, 2, 3, 4, 16, 512, 513, 4096, 4099}) {
    for (const int rows : {1, classes > 1000 ? 3 : 33}) {
      CAPTURE(classes);
      const std::size_t count = std::size_t(rows) * classes, width = std::size_t(classes);
      const Values x_values = random_values(count, 1, -6.0f, 6.0f), dy_values = random_values(count, 2);
      const GuardedTensor x = holding(*backend, x_values), dy = holding(*backend, dy_values);
      const GuardedTensor y = blank(*backend, count), log_y = blank(*backend, count);
      const GuardedTensor dx = blank(*backend, count), log_dx = blank(*backend, count);
      ops::softmax_forward(*backend, rows, classes, x.tensor, y.tensor);
      ops::log_softmax_forward(*backend, rows, classes, x.tensor, log_y.tensor);
      ops::softmax_backward(*backend, rows, classes, y.tensor, dy.tensor, dx.tensor);
      ops::log_softmax_backward(*backend, rows, classes, log_y.tensor, dy.tensor, log_dx.tensor);
      const Values found = y.values(), log_found = log_y.values(), dx_found = dx.values(),
                   log_dx_found = log_dx.values();
      for (std::size_t row = 0; row < count; row += width) {
        double sum = 0.0, dot = 0.0, total = 0.0;
        for (std::size_t c = row; c < row + width; ++c) sum += std::exp(double(x_values[c]));
        for (std::size_t c = row; c < row + width; ++c) {
          const double p = std::exp(double(x_values[c])) / sum;
          dot += p * dy_values[c];
          total += dy_values[c];
        }
        for (std::size_t c = row; c < row + width; ++c) {
          const double p = std::exp(double(x_values[c])) / sum, log_p = x_values[c] - std::log(sum);
          // Two roundings of p; log p is about 1 to 18 and rounded once; dy is below 1.
          CHECK(std::abs(found[c] - p) <= 2.01 * kUnit * p);
          CHECK(std::abs(log_found[c] - log_p) <= 1.01 * kUnit * std::abs(log_p) + 1e-14);
          CHECK(std::abs(dx_found[c] - p * (dy_values[c] - dot)) <= 8 * kUnit * p);
          // exp amplifies the rounding of log p by |log p|.
          CHECK(std::abs(log_dx_found[c] - (dy_values[c] - p * total)) <=
                kUnit * (1.01 * (std::abs(log_p) + 1.0) * p * std::abs(total) + 1.01));
        }
      }
      const Values in_place = y.values(), log_in_place = log_y.values(), dx_values = dx.values();
      ops::softmax_forward(*backend, rows, classes, x.tensor, x.tensor);
      CHECK(same_bits(x.values(), in_place));
      x.set(x_values);
      ops::log_softmax_forward(*backend, rows, classes, x.tensor, x.tensor);
      CHECK(same_bits(x.values(), log_in_place));
      ops::softmax_backward(*backend, rows, classes, y.tensor, dy.tensor, dy.tensor);
      CHECK(same_bits(dy.values(), dx_values));
      for (const GuardedTensor* each : {&x, &dy, &y, &log_y, &dx, &log_dx}) CHECK(each->intact());
    }
  }
}

TEST_CASE("softmax of logits of ten thousand, and of NaN") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const GuardedTensor x = holding(*backend, Values{1e4f, -1e4f, 1e4f, 1.0f, kNaN, 2.0f, kNaN, 1.0f, 2.0f});
  const GuardedTensor y = blank(*backend, 9), log_y = blank(*backend, 9);
  ops::softmax_forward(*backend, 3, 3, x.tensor, y.tensor);
  ops::log_softmax_forward(*backend, 3, 3, x.tensor, log_y.tensor);
  CHECK(y.values()[0] == 0.5f);
  CHECK(y.values()[1] == 0.0f);
  CHECK(y.values()[2] == 0.5f);
  CHECK(log_y.values()[1] == doctest::Approx(-2e4 - std::log(2.0)));
  for (std::size_t i = 3; i < 9; ++i) {
    CHECK(std::isnan(y.values()[i]));
    CHECK(std::isnan(log_y.values()[i]));
  }
}

}  // namespace curie::test
