#include "layers/initializer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/throws.h"

namespace curie {
namespace {

using Kind = Initializer::Kind;

constexpr Fans kFans{.in = 50, .out = 30};
constexpr int kCount = 100000;

std::vector<float> draw(Kind kind, std::uint64_t seed = 5, std::uint32_t stream = 1, int count = kCount) {
  std::vector<float> values(static_cast<std::size_t>(count));
  Initializer{kind, 0.25f}.fill({.seed = seed, .stream = stream}, kFans, values);
  return values;
}

struct Moments {
  double mean = 0.0, variance = 0.0, fourth = 0.0;
};

Moments moments_of(const std::vector<float>& values) {
  Moments moments;
  const double count = static_cast<double>(values.size());
  for (const float value : values) moments.mean += value / count;
  for (const float value : values) {
    const double square = std::pow(value - moments.mean, 2);
    moments.variance += square / count;
    moments.fourth += square * square / count;
  }
  return moments;
}

// Sample moments lie within five standard errors of the distribution's: the mean's is sqrt(var / n), the variance's
// sqrt((fourth - var^2) / n).
void check_moments(const std::vector<float>& values, double variance) {
  const Moments moments = moments_of(values);
  const double count = static_cast<double>(values.size());
  CHECK(std::abs(moments.mean) < 5.0 * std::sqrt(variance / count));
  CHECK(std::abs(moments.variance - variance) <
        5.0 * std::sqrt((moments.fourth - moments.variance * moments.variance) / count));
}

float largest(const std::vector<float>& values) {
  float largest = 0.0f;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

TEST_CASE("Initializer: zeros, ones, constant") {
  CHECK(draw(Kind::zeros, 0, 0, 3) == std::vector<float>{0, 0, 0});
  CHECK(draw(Kind::ones, 0, 0, 3) == std::vector<float>{1, 1, 1});
  CHECK(draw(Kind::constant, 0, 0, 2) == std::vector<float>{0.25f, 0.25f});
}

TEST_CASE("Initializer: uniform distributions fill their range") {
  const struct {
    Kind kind;
    double limit;
  } cases[] = {{Kind::glorot_uniform, std::sqrt(6.0 / 80.0)},
               {Kind::he_uniform, std::sqrt(6.0 / 50.0)},
               {Kind::pytorch_uniform, 1.0 / std::sqrt(50.0)}};
  for (const auto& each : cases) {
    const Kind kind = each.kind;
    const double limit = each.limit;
    const std::vector<float> values = draw(kind);
    CAPTURE(Initializer{kind}.name());
    CHECK(largest(values) <= static_cast<float>(limit));
    // The chance that none of 100,000 draws lies in the outer thousandth is e^-100.
    CHECK(largest(values) > 0.999 * limit);
    check_moments(values, limit * limit / 3.0);
  }
}

TEST_CASE("Initializer: normal distributions are cut at two standard deviations of the wider normal and keep theirs") {
  constexpr double kShrunk = 0.87962566103423978;
  const struct {
    Kind kind;
    double variance;
  } cases[] = {{Kind::glorot_normal, 2.0 / 80.0}, {Kind::he_normal, 2.0 / 50.0}};
  for (const auto& each : cases) {
    const Kind kind = each.kind;
    const double variance = each.variance;
    const std::vector<float> values = draw(kind);
    CAPTURE(Initializer{kind}.name());
    const double cut = 2.0 * std::sqrt(variance) / kShrunk;
    CHECK(largest(values) <= static_cast<float>(cut));
    CHECK(largest(values) > 0.99 * cut);
    check_moments(values, variance);
  }
}

TEST_CASE("Initializer: torchvision's normal is not cut") {
  const std::vector<float> values = draw(Kind::he_normal_fan_out);
  check_moments(values, 2.0 / 30.0);
  CHECK(largest(values) > 3.5 * std::sqrt(2.0 / 30.0));
}

TEST_CASE("Initializer: a value depends on seed, stream and element only") {
  for (const Kind kind : {Kind::glorot_uniform, Kind::he_normal, Kind::he_normal_fan_out}) {
    const std::vector<float> values = draw(kind, 5, 1, 1000);
    CHECK(draw(kind, 5, 1, 1000) == values);
    CHECK(draw(kind, 6, 1, 1000) != values);
    CHECK(draw(kind, 5, 2, 1000) != values);
    const std::vector<float> longer = draw(kind, 5, 1, 1001);
    CHECK(std::equal(values.begin(), values.end(), longer.begin()));
  }
}

TEST_CASE("Initializer: a truncated normal draws again for the elements beyond the cut, and for no other") {
  const std::vector<float> values = draw(Kind::he_normal, 5, 1, 2000);
  const double stddev = std::sqrt(2.0 / kFans.in) / 0.87962566103423978;
  int again = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    RandomStream stream{.seed = 5, .stream = 1};
    while (std::abs(normal(stream, i)) > 2.0) ++stream.step;
    again += stream.step > 0 ? 1 : 0;
    REQUIRE(values[i] == static_cast<float>(stddev * normal(stream, i)));
  }
  // 4.55 % of a normal distribution lies beyond two standard deviations: 91 expected, standard error 9.3.
  CHECK(again > 45);
  CHECK(again < 138);
}

TEST_CASE("Initializer: names read back") {
  for (const Kind kind : {Kind::zeros, Kind::ones, Kind::glorot_uniform, Kind::glorot_normal, Kind::he_uniform,
                          Kind::he_normal, Kind::he_normal_fan_out, Kind::pytorch_uniform}) {
    CHECK(Initializer::from_name(Initializer{kind}.name()) == Initializer{kind});
  }
  CHECK(Initializer{Kind::constant, 0.1f}.name() == "constant(0.1)");
  CHECK(Initializer::from_name("constant(0.1)") == Initializer{Kind::constant, 0.1f});
  CHECK(Initializer::from_name("constant(-1e-7)") == Initializer{Kind::constant, -1e-7f});
  CHECK_ERROR([] { Initializer::from_name("glorot"); }, file, "expected one of zeros, ones");
  for (const char* bad : {"constant", "constant()", "constant(1", "constant(nan)", "constant(1e99)", "constant(1 )"}) {
    CHECK_ERROR([bad] { Initializer::from_name(bad); }, file, "initializer: expected");
  }
}

}  // namespace
}  // namespace curie
