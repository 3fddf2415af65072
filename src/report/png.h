// Small images inside the page.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace curie {

// The image as "data:image/png;base64,...". `pixels` holds height * width * channels values, rows first; 1 channel
// (grey) or 3 (RGB). Throws Error(usage) for other sizes.
std::string png_data_uri(std::span<const std::uint8_t> pixels, int width, int height, int channels);

std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace curie
