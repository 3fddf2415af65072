// Pictures as PNG, in files and inside the page.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "report/picture.h"

namespace curie {

// The image as "data:image/png;base64,...". `pixels` holds height * width * channels values, rows first; 1 channel
// (grey) or 3 (RGB). Throws Error(usage) for other sizes.
std::string png_data_uri(std::span<const std::uint8_t> pixels, int width, int height, int channels);

std::string png_data_uri(const Picture& picture);

// The bytes of the PNG file.
std::vector<std::uint8_t> png_file(const Picture& picture);

std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace curie
