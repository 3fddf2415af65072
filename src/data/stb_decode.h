// The only door to stb_image (Sean Barrett, public domain), which is compiled in one file with internal linkage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace curie {

struct StbImage {
  int width = 0, height = 0, channels = 0;                                  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
  std::unique_ptr<std::uint8_t, void (*)(void*)> pixels{nullptr, nullptr};  // (height, width, channels)
  const char* failure = nullptr;  // why there are no pixels, in the decoder's words; null when all is well
};

// Extents only, or extents and pixels. 16-bit samples become their high byte, palettes become RGB. `file` holds at most
// INT_MAX bytes.
StbImage stb_measure(std::span<const std::byte> file);
StbImage stb_decode(std::span<const std::byte> file);

}  // namespace curie
