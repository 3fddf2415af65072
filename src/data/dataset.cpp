#include "data/dataset.h"

#include <cstring>

#include "tensor/error.h"

namespace curie {

std::vector<int> LabelledImages::class_counts() const {
  std::vector<int> counts(class_names.size(), 0);
  for (const std::int32_t label : labels) {
    CURIE_CHECK(label >= 0 && static_cast<std::size_t>(label) < counts.size(), data,
                "expected labels from 0 to {}, one for each class, got {}", static_cast<int>(counts.size()) - 1, label);
    ++counts[static_cast<std::size_t>(label)];
  }
  return counts;
}

LabelledImages LabelledImages::select(std::span<const int> indices) const {
  LabelledImages chosen;
  chosen.class_names = class_names;
  chosen.labels.reserve(indices.size());
  chosen.sources.reserve(sources.empty() ? 0 : indices.size());
  chosen.pixels = Tensor::zeros(sample_shape().with_batch(static_cast<int>(indices.size())), pixels.dtype());
  const std::size_t bytes = sample_shape().elements() * size_of(pixels.dtype());
  std::byte* out = chosen.pixels.raw();
  for (const int index : indices) {
    CURIE_CHECK(index >= 0 && index < size(), usage, "select: expected indices from 0 to {}, got {}", size() - 1,
                index);
    const auto i = static_cast<std::size_t>(index);
    std::memcpy(out, pixels.raw() + i * bytes, bytes);
    out += bytes;
    chosen.labels.push_back(labels[i]);
    if (!sources.empty()) chosen.sources.push_back(sources[i]);
  }
  return chosen;
}

ImageDataset::ImageDataset(const LabelledImages& images) : images_(&images) {
  const Tensor& pixels = images.pixels;
  CURIE_CHECK(pixels.defined() && pixels.device().host_readable(), usage,
              "a data set needs its pixels in host memory: copy them there first");
  CURIE_CHECK(pixels.shape().rank() >= 2 && pixels.shape()[0] == images.size(), usage,
              "a data set of {} labels needs pixels of ({}, ...), got {}", images.size(), images.size(),
              to_string(pixels.shape()));
  CURIE_CHECK(pixels.dtype() == DType::u8 || pixels.dtype() == DType::f32, usage,
              "a data set needs pixels of u8 or f32, got {}", name_of(pixels.dtype()));
}

int ImageDataset::size() const { return images_->size(); }

Shape ImageDataset::sample_shape() const { return images_->sample_shape(); }

DType ImageDataset::dtype() const { return images_->pixels.dtype(); }

std::int32_t ImageDataset::label(int index) const {
  CURIE_ASSERT(index >= 0 && index < size(), "sample {} of {}", index, size());
  return images_->labels[static_cast<std::size_t>(index)];
}

void ImageDataset::read(int index, int /*epoch*/, std::byte* out) const {
  CURIE_ASSERT(index >= 0 && index < size(), "sample {} of {}", index, size());
  const std::size_t bytes = sample_shape().elements() * size_of(dtype());
  std::memcpy(out, images_->pixels.raw() + static_cast<std::size_t>(index) * bytes, bytes);
}

}  // namespace curie
