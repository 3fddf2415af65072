#include "report/png.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "tensor/error.h"

namespace curie {

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

namespace {

std::vector<std::uint8_t> encode(std::span<const std::uint8_t> pixels, int width, int height, int channels) {
  CURIE_CHECK(width >= 1 && height >= 1 && (channels == 1 || channels == 3), usage,
              "picture: expected at least 1 x 1 pixels of 1 or 3 channels, got {} x {} of {}", width, height, channels);
  const std::size_t row = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  CURIE_CHECK(pixels.size() == row * static_cast<std::size_t>(height), usage,
              "picture: expected {} values for {} x {} pixels of {} channels, got {}",
              row * static_cast<std::size_t>(height), width, height, channels, pixels.size());
  std::vector<std::uint8_t> file;
  const auto append = [](void* context, void* data, int size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    static_cast<std::vector<std::uint8_t>*>(context)->insert(static_cast<std::vector<std::uint8_t>*>(context)->end(),
                                                             bytes, bytes + size);
  };
  const int written =
      stbi_write_png_to_func(append, &file, width, height, channels, pixels.data(), static_cast<int>(row));
  CURIE_CHECK(written != 0, out_of_memory, "picture: no memory for a PNG of {} x {} pixels", width, height);
  return file;
}

}  // namespace

std::vector<std::uint8_t> png_file(const Picture& picture) {
  return encode(picture.pixels, picture.width, picture.height, picture.channels);
}

std::string png_data_uri(std::span<const std::uint8_t> pixels, int width, int height, int channels) {
  return "data:image/png;base64," + base64(encode(pixels, width, height, channels));
}

std::string png_data_uri(const Picture& picture) {
  return png_data_uri(picture.pixels, picture.width, picture.height, picture.channels);
}

}  // namespace curie
