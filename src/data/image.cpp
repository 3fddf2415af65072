#include "data/image.h"

#include <climits>
#include <cstdlib>

#include "data/image_format.h"
#include "data/stb_decode.h"
#include "tensor/error.h"

namespace curie {
namespace {

// (n, channels) -> (n, channels - 1): without the last channel.
void drop_alpha(const std::uint8_t* source, int channels, std::vector<std::uint8_t>& target) {
  const std::size_t kept = static_cast<std::size_t>(channels) - 1;
  const std::size_t pixels = target.size() / kept;
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < kept; ++c) target[i * kept + c] = source[i * (kept + 1) + c];
  }
}

void check(const StbImage& image, ImageFormat format, std::string_view name) {
  CURIE_CHECK(image.failure == nullptr, data, "{}: damaged or unsupported {} image: {}", name, name_of(format),
              image.failure);
}

}  // namespace

Image decode_image(std::span<const std::byte> file, std::string_view name) {
  const ImageFormat format = image_format(file, name);
  CURIE_CHECK(file.size() <= INT_MAX, data, "{}: expected an image file below 2 GiB, got {} bytes", name, file.size());
  check_whole(format, file, name);
  const StbImage extents = stb_measure(file);
  check(extents, format, name);
  // A BMP stored from the top down has a negative height.
  const std::size_t pixels =
      static_cast<std::size_t>(extents.width) * static_cast<std::size_t>(std::abs(std::int64_t{extents.height}));
  CURIE_CHECK(pixels > 0 && pixels <= kMostPixels, data, "{}: expected at most {} pixels, the {} image says {} x {}",
              name, kMostPixels, name_of(format), extents.width, extents.height);

  const StbImage decoded = stb_decode(file);
  check(decoded, format, name);
  CURIE_ASSERT(static_cast<std::size_t>(decoded.width) * static_cast<std::size_t>(decoded.height) == pixels,
               "{}: measured {} pixels, decoded {} x {}", name, pixels, decoded.width, decoded.height);
  Image image;
  image.width = decoded.width;
  image.height = decoded.height;
  const bool alpha = decoded.channels % 2 == 0;
  image.channels = decoded.channels - (alpha ? 1 : 0);
  const std::uint8_t* source = decoded.pixels.get();
  if (alpha) {
    image.pixels.resize(pixels * static_cast<std::size_t>(image.channels));
    drop_alpha(source, decoded.channels, image.pixels);
  } else {
    image.pixels.assign(source, source + pixels * static_cast<std::size_t>(image.channels));
  }
  return image;
}

}  // namespace curie
