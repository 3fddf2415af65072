#include "data/augmented_dataset.h"

#include <utility>

#include "ops/warp_image.h"
#include "tensor/error.h"

namespace curie {

PixelScale pixel_scale(double divisor, std::span<const double> mean, std::span<const double> stddev, int channels) {
  const auto count = static_cast<std::size_t>(channels);
  CURIE_CHECK(divisor != 0.0, usage, "pixel scale: expected a divisor other than 0");
  CURIE_CHECK((mean.empty() || mean.size() == count) && (stddev.empty() || stddev.size() == count), usage,
              "pixel scale: expected a mean and a standard deviation for each of {} channels, got {} and {}", channels,
              mean.size(), stddev.size());
  PixelScale scale;
  for (std::size_t c = 0; c < count; ++c) {
    const double deviation = stddev.empty() ? 1.0 : stddev[c];
    CURIE_CHECK(deviation > 0.0, usage, "pixel scale: expected standard deviations above 0, got {}", deviation);
    scale.offset.push_back(static_cast<float>(mean.empty() ? 0.0 : mean[c] * divisor));
    scale.factor.push_back(static_cast<float>(1.0 / (divisor * deviation)));
  }
  return scale;
}

AugmentedDataset::AugmentedDataset(const LabelledImages& images, const Augmentation& augmentation, PixelScale scale,
                                   std::uint64_t seed)
    : images_(&images), augmentation_(augmentation), scale_(std::move(scale)), seed_(seed) {
  const Tensor& pixels = images.pixels;
  CURIE_CHECK(pixels.defined() && pixels.device().host_readable() && pixels.dtype() == DType::u8 &&
                  pixels.shape().rank() == 4 && pixels.shape()[0] == images.size(),
              usage, "augmentation: expected {} images of u8 (n, height, width, channels) in host memory, got {} of {}",
              images.size(), to_string(pixels.shape()), name_of(pixels.dtype()));
  augmentation_.check();
  shape_ = warp_shape(augmentation_, pixels.shape().sample());
  shape_.samplewise = scale_.samplewise;
  CURIE_CHECK(shape_.samplewise == WarpSamplewise::none || shape_.sample() <= kLargestSamplewise, usage,
              "augmentation: expected samples of at most {} elements for samplewise scaling, got {}",
              kLargestSamplewise, to_string(pixels.shape().sample()));
  const auto channels = static_cast<std::size_t>(shape_.channels);
  CURIE_CHECK(scale_.offset.size() == channels && scale_.factor.size() == channels, usage,
              "augmentation: expected an offset and a factor for each of {} channels, got {} and {}", channels,
              scale_.offset.size(), scale_.factor.size());
}

std::int32_t AugmentedDataset::label(int index) const {
  CURIE_ASSERT(index >= 0 && index < size(), "sample {} of {}", index, size());
  return images_->labels[static_cast<std::size_t>(index)];
}

ImageWarp AugmentedDataset::warp(int index, int epoch) const {
  const Transform drawn = draw_transform(augmentation_, shape_.height, shape_.width, seed_, epoch, index);
  return image_warp(augmentation_.style, drawn, shape_.height, shape_.width);
}

void AugmentedDataset::read(int index, int epoch, std::byte* out) const {
  CURIE_ASSERT(index >= 0 && index < size(), "sample {} of {}", index, size());
  const std::uint8_t* image = images_->pixels.data<std::uint8_t>() + static_cast<std::size_t>(index) * shape_.sample();
  warp_image(shape_, warp(index, epoch), image, scale_.offset.data(), scale_.factor.data(),
             reinterpret_cast<float*>(out));
}

}  // namespace curie
