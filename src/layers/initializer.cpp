#include "layers/initializer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "tensor/error.h"

namespace curie {
namespace {

using Kind = Initializer::Kind;

// Standard deviation of a standard normal distribution cut off at -2 and 2: dividing by it restores the wanted one.
constexpr double kTruncatedStddev = 0.87962566103423978;

constexpr std::array<std::pair<Kind, std::string_view>, 9> kNames = {{{Kind::zeros, "zeros"},
                                                                      {Kind::ones, "ones"},
                                                                      {Kind::constant, "constant"},
                                                                      {Kind::glorot_uniform, "glorot_uniform"},
                                                                      {Kind::glorot_normal, "glorot_normal"},
                                                                      {Kind::he_uniform, "he_uniform"},
                                                                      {Kind::he_normal, "he_normal"},
                                                                      {Kind::he_normal_fan_out, "he_normal_fan_out"},
                                                                      {Kind::pytorch_uniform, "pytorch_uniform"}}};

void fill_uniform(const RandomStream& stream, double limit, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>((2.0 * static_cast<double>(stream.uniform(i)) - 1.0) * limit);
  }
}

double truncated_normal(RandomStream stream, std::uint64_t i) {
  for (;; ++stream.step) {
    const double value = normal(stream, i);
    if (std::abs(value) <= 2.0) return value;
  }
}

}  // namespace

void Initializer::fill(const RandomStream& stream, Fans fans, std::span<float> values) const {
  CURIE_ASSERT(fans.in >= 1 && fans.out >= 1, "fans of {} and {}", fans.in, fans.out);
  const double in = fans.in;
  const double out = fans.out;
  const auto fill_truncated = [&](double variance) {
    const double stddev = std::sqrt(variance) / kTruncatedStddev;
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(stddev * truncated_normal(stream, i));
    }
  };
  switch (kind) {
    case Kind::zeros:
      std::fill(values.begin(), values.end(), 0.0f);
      break;
    case Kind::ones:
      std::fill(values.begin(), values.end(), 1.0f);
      break;
    case Kind::constant:
      std::fill(values.begin(), values.end(), value);
      break;
    case Kind::glorot_uniform:
      fill_uniform(stream, std::sqrt(6.0 / (in + out)), values);
      break;
    case Kind::glorot_normal:
      fill_truncated(2.0 / (in + out));
      break;
    case Kind::he_uniform:
      fill_uniform(stream, std::sqrt(6.0 / in), values);
      break;
    case Kind::he_normal:
      fill_truncated(2.0 / in);
      break;
    case Kind::he_normal_fan_out: {
      const double stddev = std::sqrt(2.0 / out);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(stddev * normal(stream, i));
      break;
    }
    case Kind::pytorch_uniform:
      fill_uniform(stream, 1.0 / std::sqrt(in), values);
      break;
  }
}

std::string Initializer::name() const {
  if (kind == Kind::constant) return fmt::format("constant({})", value);
  const auto found = std::find_if(kNames.begin(), kNames.end(), [&](const auto& entry) { return entry.first == kind; });
  CURIE_ASSERT(found != kNames.end(), "initializer number {} has no name", static_cast<int>(kind));
  return std::string(found->second);
}

Initializer Initializer::from_name(std::string_view name) {
  constexpr std::string_view kConstant = "constant(";
  if (name.starts_with(kConstant) && name.ends_with(")")) {
    const std::string_view digits = name.substr(kConstant.size(), name.size() - kConstant.size() - 1);
    Initializer constant = {Kind::constant};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), constant.value);
    CURIE_CHECK(error == std::errc() && end == digits.data() + digits.size() && std::isfinite(constant.value), file,
                "initializer: expected constant(<finite number>), got \"{}\"", name.substr(0, 60));
    return constant;
  }
  for (const auto& [kind, known] : kNames) {
    if (known == name && kind != Kind::constant) return {kind};
  }
  std::string names;
  for (const auto& entry : kNames) names += fmt::format("{}{}", names.empty() ? "" : ", ", entry.second);
  throw_error(ErrorKind::file, fmt::format("initializer: expected one of {}, got \"{}\"", names, name.substr(0, 60)));
}

}  // namespace curie
