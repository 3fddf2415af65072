// Labelled samples in memory and the interface through which training reads any data set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace curie {

// n samples of one shape, each with a class. Pixels are u8 (n, h, w, c) or f32.
struct LabelledImages {
  Tensor pixels;
  std::vector<std::int32_t> labels;  // class numbers, 0 .. class_names.size() - 1
  std::vector<std::string> class_names;
  std::vector<std::string> sources;  // per sample: "COVID/COVID-11.jpg", "synthetic: COVID/a.jpg + COVID/b.jpg", ...

  int size() const { return static_cast<int>(labels.size()); }
  Shape sample_shape() const { return pixels.shape().sample(); }
  std::vector<int> class_counts() const;
  LabelledImages select(std::span<const int> indices) const;  // copies the chosen samples, in that order
};

class AugmentedDataset;

// Random access to samples; `read` may be called from several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int size() const = 0;
  virtual Shape sample_shape() const = 0;
  virtual DType dtype() const = 0;  // u8 or f32
  virtual std::int32_t label(int index) const = 0;
  // Writes sample `index` as seen in `epoch` (augmentation may differ) to `out`, sample_shape().elements() values.
  virtual void read(int index, int epoch, std::byte* out) const = 0;
  // All samples in one host tensor (size, sample...), where they are the same in every epoch: a device may keep a copy.
  // Null otherwise.
  virtual const Tensor* all_samples() const { return nullptr; }
  // The data set itself where its samples are warps of images that stay the same: a device may keep a copy of those and
  // warp them there. Null otherwise.
  virtual const AugmentedDataset* augmented() const { return nullptr; }
};

// A Dataset over LabelledImages, which must outlive it.
class ImageDataset final : public Dataset {
 public:
  explicit ImageDataset(const LabelledImages& images);
  int size() const override;
  Shape sample_shape() const override;
  DType dtype() const override;
  std::int32_t label(int index) const override;
  void read(int index, int epoch, std::byte* out) const override;
  const Tensor* all_samples() const override { return &images_->pixels; }

 private:
  const LabelledImages* images_;
};

}  // namespace curie
