// A data set whose samples are drawn anew in every epoch.
#pragma once

#include <span>
#include <vector>

#include "data/augmentation.h"
#include "data/dataset.h"

namespace curie {

// Pixels between 0 and 255 become (v - offset[c]) * factor[c], or first of all, with the mean and the deviation of each
// sample as it is after augmentation, v - mean or (v - mean) / (deviation + 255e-6): Keras' samplewise_center and
// samplewise_std_normalization (which implies the former). Then offset and factor act on what that gives: grey levels
// or, standardized, plain numbers, so pixel_scale(1, {}, {}, channels) leaves those alone.
struct PixelScale {
  std::vector<float> offset, factor;
  WarpSamplewise samplewise = WarpSamplewise::none;
};
// (v / divisor - mean[c]) / stddev[c]; empty lists: 0 and 1. Throws Error(usage) for lists of another length than
// `channels`, a divisor of 0 or a standard deviation that is not above 0.
PixelScale pixel_scale(double divisor, std::span<const double> mean, std::span<const double> stddev, int channels);

// Warps of LabelledImages (u8), which must outlive it: float samples, scaled already, so that a network takes them as
// they are. A sample depends on (seed, epoch, index) alone. Samplewise scaling is the data set's, not the network's:
// validation and test images need an AugmentedDataset of their own, with an Augmentation{} that changes nothing, and a
// model's own Normalization (u8 images, `curie predict`) does not repeat it.
class AugmentedDataset final : public Dataset {
 public:
  // Throws Error(usage) for images that are not u8 (n, h, w, c) in host memory and for an augmentation that cannot
  // work.
  AugmentedDataset(const LabelledImages& images, const Augmentation& augmentation, PixelScale scale,
                   std::uint64_t seed);

  int size() const override { return images_->size(); }
  Shape sample_shape() const override { return images_->sample_shape(); }
  DType dtype() const override { return DType::f32; }
  std::int32_t label(int index) const override;
  void read(int index, int epoch, std::byte* out) const override;
  const AugmentedDataset* augmented() const override { return this; }

  // What a device needs to make the same samples from a copy of the images (ops::warp_u8).
  const Tensor& images() const { return images_->pixels; }
  const WarpShape& shape() const { return shape_; }
  const PixelScale& scale() const { return scale_; }
  ImageWarp warp(int index, int epoch) const;

 private:
  const LabelledImages* images_;
  Augmentation augmentation_;
  PixelScale scale_;
  std::uint64_t seed_;
  WarpShape shape_;
};

}  // namespace curie
