// Small labelled images that a tiny network learns in a few steps: class c is bright in the c-th vertical stripe.
#pragma once

#include "data/dataset.h"
#include "tensor/random.h"

namespace curie::test {

inline LabelledImages blobs(int count, int size = 8, int classes = 2, std::uint64_t seed = 1) {
  LabelledImages images;
  images.pixels = Tensor::zeros({count, size, size, 1}, DType::u8);
  const RandomStream noise{.seed = seed};
  const std::span<std::uint8_t> pixels = images.pixels.host<std::uint8_t>();
  std::size_t at = 0;
  for (int n = 0; n < count; ++n) {
    const int label = n % classes;
    images.labels.push_back(label);
    images.sources.push_back("blob " + std::to_string(n));
    for (int row = 0; row < size; ++row) {
      for (int column = 0; column < size; ++column, ++at) {
        const bool lit = column * classes / size == label;
        pixels[at] = static_cast<std::uint8_t>(below(noise, at, 120) + (lit ? 100u : 0u));
      }
    }
  }
  for (int c = 0; c < classes; ++c) images.class_names.push_back("class " + std::to_string(c));
  return images;
}

}  // namespace curie::test
