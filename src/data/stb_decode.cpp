#include "data/stb_decode.h"

#include <cstdlib>
#include <cstring>

namespace {

// A small file can ask for gigabytes (compressed zeros). The largest honest block is a row-filtered 16-bit RGBA image
// of kMostPixels pixels (data/image.h); stb_image reports a refused block as an error.
constexpr std::size_t kLargestBlock = std::size_t{1} << 30;

// Zero-filled: the decoder leaves pixels unset when a damaged file stops early, and what is read must not depend on
// what was in memory before.
void* allocate(std::size_t bytes) { return bytes <= kLargestBlock ? std::calloc(1, bytes) : nullptr; }

void* resize(void* block, std::size_t bytes) { return bytes <= kLargestBlock ? std::realloc(block, bytes) : nullptr; }

}  // namespace

#define STBI_MALLOC(bytes) allocate(bytes)
#define STBI_REALLOC(block, bytes) resize(block, bytes)
#define STBI_FREE(block) std::free(block)
#define STBI_ASSERT(condition) static_cast<void>(0)
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

namespace curie {
namespace {

const stbi_uc* bytes_of(std::span<const std::byte> file) { return reinterpret_cast<const stbi_uc*>(file.data()); }

}  // namespace

StbImage stb_measure(std::span<const std::byte> file) {
  StbImage image;
  if (stbi_info_from_memory(bytes_of(file), static_cast<int>(file.size()), &image.width, &image.height,
                            &image.channels) == 0) {
    image.failure = stbi_failure_reason();
  }
  return image;
}

StbImage stb_decode(std::span<const std::byte> file) {
  StbImage image;
  image.pixels = {stbi_load_from_memory(bytes_of(file), static_cast<int>(file.size()), &image.width, &image.height,
                                        &image.channels, 0),
                  std::free};
  if (image.pixels == nullptr) image.failure = stbi_failure_reason();
  return image;
}

}  // namespace curie
