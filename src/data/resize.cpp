#include "data/resize.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "tensor/error.h"

namespace curie {
namespace {

constexpr int kWeightBits = 22;  // 32 less 8 for a pixel less 2 for sums of bicubic weights beyond 1
constexpr int kLowBits = 12;     // a weight is high * 2^12 + low: two 16-bit products in place of one of 32 bits
constexpr std::size_t kBlock = 16;

constexpr std::array<std::string_view, kResamples.size()> kNames = {"nearest", "bilinear", "bicubic", "opencv_nearest",
                                                                    "opencv_linear"};

double bilinear(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic with a = -1/2 (R. Keys, IEEE Trans. ASSP 29(6), 1981).
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// (rows, columns, channels) -> (columns, rows, channels), with rows of `source_row` and `target_row` bytes. `channels`
// is a number or, where its loop should vanish, an integral_constant.
template <typename Channels>
void transpose(const std::uint8_t* source, std::size_t source_row, std::size_t rows, std::size_t columns,
               Channels channels, std::uint8_t* target, std::size_t target_row) {
  constexpr std::size_t kTile = 16;  // keeps the written lines of a tile in the first-level cache
  for (std::size_t column0 = 0; column0 < columns; column0 += kTile) {
    const std::size_t column1 = std::min(columns, column0 + kTile);
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t column = column0; column < column1; ++column) {
        for (std::size_t c = 0; c < channels; ++c) {
          target[column * target_row + row * channels + c] = source[row * source_row + column * channels + c];
        }
      }
    }
  }
}

void transpose_pixels(const std::uint8_t* source, std::size_t source_row, std::size_t rows, std::size_t columns,
                      std::size_t channels, std::uint8_t* target, std::size_t target_row) {
  using One = std::integral_constant<std::size_t, 1>;
  using Three = std::integral_constant<std::size_t, 3>;
  if (channels == 1) return transpose(source, source_row, rows, columns, One{}, target, target_row);
  if (channels == 3) return transpose(source, source_row, rows, columns, Three{}, target, target_row);
  transpose(source, source_row, rows, columns, channels, target, target_row);
}

std::size_t padded(std::size_t bytes) { return (bytes + kBlock - 1) / kBlock * kBlock; }

}  // namespace

std::string_view name_of(Resample filter) { return kNames[static_cast<std::size_t>(filter)]; }

Resample resample_from_name(std::string_view name) {
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  CURIE_CHECK(found != kNames.end(), usage, "resample: expected {}, got \"{}\"", fmt::join(kNames, ", "), name);
  return static_cast<Resample>(found - kNames.begin());
}

Resizer::Axis Resizer::make_axis(int in, int out, Resample filter) {
  Axis axis;
  const double scale = static_cast<double>(in) / out;
  if (filter == Resample::nearest) {
    // Pillow adds the scale up rather than multiplying it; where a centre falls on a pixel's edge, rounding decides.
    double centre = scale * 0.5;
    for (int x = 0; x < out; ++x, centre += scale) axis.nearest.push_back(std::min(static_cast<int>(centre), in - 1));
    return axis;
  }
  if (filter == Resample::opencv_nearest) {
    axis.nearest = opencv_nearest(in, out);
    return axis;
  }
  const bool cubic = filter == Resample::bicubic;
  const double stretch = std::max(scale, 1.0);
  const double support = (cubic ? 2.0 : 1.0) * stretch;
  const double shrink = 1.0 / stretch;
  std::vector<double> exact;
  for (int x = 0; x < out; ++x) {
    const double centre = (x + 0.5) * scale;
    const int first = std::max(static_cast<int>(centre - support + 0.5), 0);
    const int last = std::min(static_cast<int>(centre + support + 0.5), in);
    exact.clear();
    double sum = 0.0;
    for (int i = first; i < last; ++i) {
      const double at = (i - centre + 0.5) * shrink;
      exact.push_back(cubic ? bicubic(at) : bilinear(at));
      sum += exact.back();
    }
    axis.taps.push_back({first, last - first, axis.weights.size()});
    for (double weight : exact) {
      if (sum != 0.0) weight /= sum;
      const double scaled = weight * (1 << kWeightBits);
      axis.weights.push_back(static_cast<std::int32_t>(scaled + (weight < 0 ? -0.5 : 0.5)));
    }
  }
  return axis;
}

Resizer::Resizer(int in_width, int in_height, int out_width, int out_height, Resample filter)
    : in_width_(in_width), in_height_(in_height), out_width_(out_width), out_height_(out_height), filter_(filter) {
  CURIE_CHECK(in_width >= 1 && in_height >= 1 && out_width >= 1 && out_height >= 1, usage,
              "resize: expected extents of at least 1, got {} x {} to {} x {}", in_width, in_height, out_width,
              out_height);
  if (filter == Resample::opencv_linear) {
    linear_ = OpencvLinear(in_width, in_height, out_width, out_height);
    return;
  }
  horizontal_ = make_axis(in_width, out_width, filter);
  vertical_ = make_axis(in_height, out_height, filter);
}

// Row y of the target is the weighted sum of rows of the source, rounded and clipped. Rows are `row` bytes, a multiple
// of kBlock. The fixed block keeps its sums in registers; every product fits 16 x 16 bits.
void Resizer::combine_rows(const Axis& axis, const std::uint8_t* source, std::size_t row, std::uint8_t* target) {
  for (const Taps& taps : axis.taps) {
    const std::int32_t* weights = axis.weights.data() + taps.offset;
    const std::uint8_t* first = source + static_cast<std::size_t>(taps.first) * row;
    for (std::size_t block = 0; block < row; block += kBlock) {
      std::array<std::int32_t, kBlock> high{};
      std::array<std::int32_t, kBlock> low{};
      const std::uint8_t* pixels = first + block;
      for (int tap = 0; tap < taps.count; ++tap, pixels += row) {
        const auto high_weight = static_cast<std::int16_t>(weights[tap] >> kLowBits);
        const auto low_weight = static_cast<std::int16_t>(weights[tap] & ((1 << kLowBits) - 1));
        for (std::size_t i = 0; i < kBlock; ++i) {
          high[i] += static_cast<std::int16_t>(pixels[i]) * high_weight;
          low[i] += static_cast<std::int16_t>(pixels[i]) * low_weight;
        }
      }
      for (std::size_t i = 0; i < kBlock; ++i) {
        const std::int32_t sum = high[i] * (1 << kLowBits) + low[i] + (1 << (kWeightBits - 1));
        target[block + i] = static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
      }
    }
    target += row;
  }
}

void Resizer::run_nearest(const std::uint8_t* source, std::size_t channels, std::uint8_t* target) const {
  for (const int y : vertical_.nearest) {
    const std::uint8_t* row = source + static_cast<std::size_t>(y) * static_cast<std::size_t>(in_width_) * channels;
    for (const int x : horizontal_.nearest) {
      for (std::size_t c = 0; c < channels; ++c) *target++ = row[static_cast<std::size_t>(x) * channels + c];
    }
  }
}

// Both passes combine whole rows, which suits vector units and any channel count; the picture is turned so that its
// columns are rows during the horizontal pass.
void Resizer::run(const std::uint8_t* source, int channel_count, std::uint8_t* target) {
  CURIE_CHECK(channel_count >= 1, usage, "resize: expected at least one channel, got {}", channel_count);
  const auto channels = static_cast<std::size_t>(channel_count);
  const auto in_width = static_cast<std::size_t>(in_width_);
  const auto in_height = static_cast<std::size_t>(in_height_);
  const auto out_width = static_cast<std::size_t>(out_width_);
  const auto out_height = static_cast<std::size_t>(out_height_);
  if (in_width == out_width && in_height == out_height) {
    std::memcpy(target, source, in_width * in_height * channels);
    return;
  }
  if (filter_ == Resample::opencv_linear) return linear_.run(source, channels, target);
  if (!horizontal_.nearest.empty()) return run_nearest(source, channels, target);

  const std::size_t column = padded(in_height * channels);
  turned_.resize(in_width * column);
  transpose_pixels(source, in_width * channels, in_height, in_width, channels, turned_.data(), column);
  narrowed_.resize(out_width * column);
  combine_rows(horizontal_, turned_.data(), column, narrowed_.data());

  const std::size_t row = padded(out_width * channels);
  upright_.resize((in_height + out_height) * row);
  std::uint8_t* finished = upright_.data() + in_height * row;
  transpose_pixels(narrowed_.data(), column, out_width, in_height, channels, upright_.data(), row);
  combine_rows(vertical_, upright_.data(), row, finished);
  for (std::size_t y = 0; y < out_height; ++y) {
    std::memcpy(target + y * out_width * channels, finished + y * row, out_width * channels);
  }
}

Image resize(const Image& image, int width, int height, Resample filter) {
  Resizer resizer(image.width, image.height, width, height, filter);
  Image result{width, height, image.channels, {}};
  result.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                       static_cast<std::size_t>(image.channels));
  resizer.run(image.pixels.data(), image.channels, result.pixels.data());
  return result;
}

}  // namespace curie
