// Image files in memory: decoding by content, never by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace curie {

struct Image {
  int width = 0, height = 0;
  int channels = 0;                  // 1 grey or 3 RGB
  std::vector<std::uint8_t> pixels;  // (height, width, channels)
};

inline constexpr std::size_t kMostPixels = 100'000'000;  // of one image: a guard against damaged extents

// PNG, JPEG (baseline, progressive, grey, RGB, CMYK) and BMP of any depth: 16-bit samples keep their high byte,
// palettes become RGB, alpha is dropped (as Pillow's convert does: nothing is blended). An orientation in the EXIF data
// is not applied, as in Pillow and Keras. PNG and BMP are exact; JPEG differs from libjpeg's by at most 1 (grey) or 3
// (colour; more in the last but one column of 4:2:2, which the decoder blends wrongly). Throws Error(data) that begins
// with `name` and says what is wrong: empty, not an image, truncated, damaged, unsupported, more than kMostPixels.
Image decode_image(std::span<const std::byte> file, std::string_view name);

}  // namespace curie
