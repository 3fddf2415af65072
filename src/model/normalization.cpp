#include "model/normalization.h"

#include <nlohmann/json.hpp>

namespace curie {

Tensor Normalization::table(int channels) const {
  const auto per_channel = [channels](const std::vector<double>& values) {
    return values.empty() || values.size() == static_cast<std::size_t>(channels);
  };
  CURIE_CHECK(divisor != 0.0, usage, "normalization: expected a divisor other than 0");
  CURIE_CHECK(per_channel(mean) && per_channel(stddev), usage,
              "normalization: expected a mean and a standard deviation for each of {} channels, got {} and {}",
              channels, mean.size(), stddev.size());
  Tensor table = Tensor::zeros(Shape{channels, 256});
  const std::span<float> values = table.host<float>();
  for (int channel = 0; channel < channels; ++channel) {
    const auto c = static_cast<std::size_t>(channel);
    const double shift = mean.empty() ? 0.0 : mean[c];
    const double scale = stddev.empty() ? 1.0 : stddev[c];
    CURIE_CHECK(scale > 0.0, usage, "normalization: expected standard deviations above 0, got {}", scale);
    for (std::size_t v = 0; v < 256; ++v) {
      values[c * 256 + v] = static_cast<float>((static_cast<double>(v) / divisor - shift) / scale);
    }
  }
  return table;
}

nlohmann::json to_json(const Normalization& normalization) {
  return {{"divisor", normalization.divisor}, {"mean", normalization.mean}, {"stddev", normalization.stddev}};
}

Normalization normalization_from_json(const nlohmann::json& json) {
  return {.divisor = json.at("divisor").get<double>(),
          .mean = json.at("mean").get<std::vector<double>>(),
          .stddev = json.at("stddev").get<std::vector<double>>()};
}

}  // namespace curie
