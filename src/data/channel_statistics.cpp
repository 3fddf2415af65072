#include "data/channel_statistics.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <span>

#include "tensor/error.h"

namespace curie {

ChannelStatistics channel_statistics(const LabelledImages& images, double divisor) {
  const Tensor& pixels = images.pixels;
  CURIE_CHECK(pixels.defined() && pixels.device().host_readable() && pixels.dtype() == DType::u8 &&
                  pixels.shape().rank() == 4 && pixels.elements() > 0,
              usage, "channel statistics: expected u8 images (n, height, width, channels) in host memory, got {} of {}",
              to_string(pixels.shape()), name_of(pixels.dtype()));
  CURIE_CHECK(divisor > 0.0, usage, "channel statistics: expected a divisor above 0, got {}", divisor);
  constexpr double kAdded = 1e-6;
  const auto channels = static_cast<std::size_t>(pixels.shape()[3]);
  const std::span<const std::uint8_t> values = pixels.host<std::uint8_t>();
  std::vector<std::array<std::uint64_t, 256>> counts(channels);
  for (std::size_t i = 0; i < values.size(); ++i) ++counts[i % channels][values[i]];
  const double count = static_cast<double>(values.size() / channels);
  ChannelStatistics result;
  for (const std::array<std::uint64_t, 256>& of_value : counts) {
    double sum = 0.0, squares = 0.0;
    for (std::size_t v = 0; v < of_value.size(); ++v) sum += static_cast<double>(v * of_value[v]);
    const double mean = sum / count;
    for (std::size_t v = 0; v < of_value.size(); ++v) {
      const double away = static_cast<double>(v) - mean;
      squares += static_cast<double>(of_value[v]) * (away * away);
    }
    result.mean.push_back(mean / divisor);
    result.stddev.push_back(std::sqrt(squares / count) / divisor + kAdded);
  }
  return result;
}

}  // namespace curie
