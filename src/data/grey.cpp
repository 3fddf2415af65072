#include "data/grey.h"

#include "tensor/error.h"

namespace curie {

Image to_grey(Image image) {
  if (image.channels == 1) return image;
  CURIE_CHECK(image.channels == 3, usage, "to_grey: expected 1 or 3 channels, got {}", image.channels);
  const std::size_t count = image.pixels.size() / 3;
  for (std::size_t i = 0; i < count; ++i) {  // in place: pixel i is written at or before where it is read
    image.pixels[i] = grey_of(image.pixels[3 * i], image.pixels[3 * i + 1], image.pixels[3 * i + 2]);
  }
  image.pixels.resize(count);
  image.channels = 1;
  return image;
}

}  // namespace curie
