// Pillow's grey: the L of ITU-R BT.601 in 16-bit fixed point, bit for bit what convert("L") gives.
#pragma once

#include <cstdint>

#include "data/image.h"

namespace curie {

constexpr std::uint8_t grey_of(int red, int green, int blue) {
  return static_cast<std::uint8_t>((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);
}

// One channel. A grey image comes back unchanged.
Image to_grey(Image image);

}  // namespace curie
