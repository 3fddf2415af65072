#include "data/resize_opencv.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace curie {
namespace {

constexpr int kWeightBits = 11;

// OpenCV inverts the ratio of the extents rather than dividing the other way round; the last bit decides at edges.
double scale_of(int in, int out) { return 1.0 / (static_cast<double>(out) / in); }

bool is_two(double scale) { return std::abs(scale - 2.0) < std::numeric_limits<double>::epsilon(); }

}  // namespace

std::vector<int> opencv_nearest(int in, int out) {
  const double scale = scale_of(in, out);
  std::vector<int> inputs;
  for (int x = 0; x < out; ++x) inputs.push_back(std::min(static_cast<int>(std::floor(x * scale)), in - 1));
  return inputs;
}

// Beyond the first and last centre the horizontal pass takes the border's pixel with all the weight, the vertical pass
// the border's row twice with the weights as they fall: the sum is rounded in two parts, so the difference shows.
std::vector<OpencvLinear::Tap> OpencvLinear::make_taps(int in, int out, bool vertical) {
  const double scale = scale_of(in, out);
  std::vector<Tap> taps;
  for (int x = 0; x < out; ++x) {
    const auto at = static_cast<float>((x + 0.5) * scale - 0.5);
    int first = static_cast<int>(std::floor(at));
    float fraction = at - static_cast<float>(first);
    if (!vertical && (first < 0 || first >= in - 1)) fraction = 0.0f;
    const auto weight = [](float exact) { return static_cast<std::int32_t>(std::lrint(exact * (1 << kWeightBits))); };
    taps.push_back(
        {std::clamp(first, 0, in - 1), std::clamp(first + 1, 0, in - 1), weight(1.0f - fraction), weight(fraction)});
  }
  return taps;
}

OpencvLinear::OpencvLinear(int in_width, int in_height, int out_width, int out_height)
    : in_width_(static_cast<std::size_t>(in_width)),
      out_width_(static_cast<std::size_t>(out_width)),
      out_height_(static_cast<std::size_t>(out_height)),
      half_(is_two(scale_of(in_width, out_width)) && is_two(scale_of(in_height, out_height))),
      horizontal_(make_taps(in_width, out_width, false)),
      vertical_(make_taps(in_height, out_height, true)) {}

void OpencvLinear::run_half(const std::uint8_t* source, std::size_t channels, std::uint8_t* target) const {
  const std::size_t row = in_width_ * channels;
  for (std::size_t y = 0; y < out_height_; ++y) {
    const std::uint8_t* upper = source + 2 * y * row;
    const std::uint8_t* lower = upper + row;
    for (std::size_t x = 0; x < out_width_; ++x) {
      for (std::size_t c = 0; c < channels; ++c) {
        const std::size_t left = 2 * x * channels + c;
        const std::size_t right = left + channels;
        *target++ = static_cast<std::uint8_t>((upper[left] + upper[right] + lower[left] + lower[right] + 2) >> 2);
      }
    }
  }
}

void OpencvLinear::combine_columns(const std::uint8_t* row, std::size_t channels, std::int32_t* sums) const {
  for (const Tap& tap : horizontal_) {
    const std::uint8_t* left = row + static_cast<std::size_t>(tap.first) * channels;
    const std::uint8_t* right = row + static_cast<std::size_t>(tap.second) * channels;
    for (std::size_t c = 0; c < channels; ++c) *sums++ = left[c] * tap.weight0 + right[c] * tap.weight1;
  }
}

void OpencvLinear::run(const std::uint8_t* source, std::size_t channels, std::uint8_t* target) {
  if (half_) return run_half(source, channels, target);
  const std::size_t width = out_width_ * channels;
  int held[2] = {-1, -1};  // which rows of the source rows_ holds
  for (std::vector<std::int32_t>& row : rows_) row.resize(width);
  const auto hold = [&](int slot, int y) {
    if (held[slot] == y) return;
    combine_columns(source + static_cast<std::size_t>(y) * in_width_ * channels, channels, rows_[slot].data());
    held[slot] = y;
  };
  for (const Tap& tap : vertical_) {
    if (held[1] == tap.first) {  // the lower row of the output before
      std::swap(rows_[0], rows_[1]);
      std::swap(held[0], held[1]);
    }
    hold(0, tap.first);
    hold(1, tap.second);
    const std::int32_t* upper = rows_[0].data();
    const std::int32_t* lower = rows_[1].data();
    for (std::size_t i = 0; i < width; ++i) {
      const std::int32_t sum = ((tap.weight0 * (upper[i] >> 4)) >> 16) + ((tap.weight1 * (lower[i] >> 4)) >> 16);
      target[i] = static_cast<std::uint8_t>((sum + 2) >> 2);
    }
    target += width;
  }
}

}  // namespace curie
