// Data sets that look otherwise than the images they are made of.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "data/augmented_dataset.h"
#include "data/dataset.h"

namespace curie::test {

// The same samples, but nobody can know that they stay the same: as those of an augmented data set.
class Streamed final : public Dataset {
 public:
  explicit Streamed(const LabelledImages& images) : data_(images) {}
  int size() const override { return data_.size(); }
  Shape sample_shape() const override { return data_.sample_shape(); }
  DType dtype() const override { return data_.dtype(); }
  std::int32_t label(int index) const override { return data_.label(index); }
  void read(int index, int epoch, std::byte* out) const override { data_.read(index, epoch, out); }

 private:
  ImageDataset data_;
};

// The same samples as floats, already divided by 255.
class Floats final : public Dataset {
 public:
  // `fixed`: they are known to be the same in every epoch.
  explicit Floats(const LabelledImages& images, bool fixed = false)
      : data_(images), floats_(Tensor::zeros(images.pixels.shape())), fixed_(fixed) {
    const auto pixels = images.pixels.host<std::uint8_t>();
    std::transform(pixels.begin(), pixels.end(), floats_.host<float>().begin(),
                   [](std::uint8_t v) { return static_cast<float>(v / 255.0); });
  }
  int size() const override { return data_.size(); }
  Shape sample_shape() const override { return data_.sample_shape(); }
  DType dtype() const override { return DType::f32; }
  std::int32_t label(int index) const override { return data_.label(index); }
  void read(int index, int, std::byte* out) const override {
    const Tensor row = floats_.rows(index, 1);
    std::memcpy(out, row.raw(), row.bytes());
  }
  const Tensor* all_samples() const override { return fixed_ ? &floats_ : nullptr; }

 private:
  ImageDataset data_;
  Tensor floats_;
  bool fixed_;
};

// An augmented data set whose samples are made on the host, whatever the device could do.
class MadeOnHost final : public Dataset {
 public:
  explicit MadeOnHost(const AugmentedDataset& data) : data_(&data) {}
  int size() const override { return data_->size(); }
  Shape sample_shape() const override { return data_->sample_shape(); }
  DType dtype() const override { return data_->dtype(); }
  std::int32_t label(int index) const override { return data_->label(index); }
  void read(int index, int epoch, std::byte* out) const override { data_->read(index, epoch, out); }

 private:
  const AugmentedDataset* data_;
};

}  // namespace curie::test
