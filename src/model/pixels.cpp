#include "model/pixels.h"

#include <algorithm>

#include "ops/ops.h"

namespace curie {

PixelStaging::PixelStaging(Backend& backend, const Shape& sample, int batch, const Normalization& normalization)
    : channels_(sample[-1]), pixels_of_one_(sample.elements() / static_cast<std::size_t>(sample[-1])) {
  pixels_ = device_zeros(backend, sample.with_batch(batch), DType::u8);
  table_ = on_device(backend, normalization.table(channels_));
}

std::size_t PixelStaging::bytes(const Shape& sample, int batch) {
  return sample.elements() * static_cast<std::size_t>(batch);
}

void PixelStaging::send(Backend& backend, const Tensor& pixels) {
  CURIE_ASSERT(pixels.dtype() == DType::u8 && pixels.bytes() <= pixels_.bytes(), "the staging memory is for {} bytes",
               pixels_.bytes());
  backend.copy_to_device(pixels_.raw(), pixels.raw(), pixels.bytes());
}

void PixelStaging::normalize(Backend& backend, int n, const Tensor& floats) const {
  ops::normalize_u8(backend, pixels_of_one_ * static_cast<std::size_t>(n), channels_, pixels_.rows(0, n), table_,
                    floats);
}

void PixelStaging::gather(Backend& backend, const Tensor& rows, const Tensor& data_set, const Tensor& floats) const {
  ops::gather_normalize_u8(backend, pixels_of_one_, channels_, rows, data_set, table_, floats);
}

void RoundedSamples::send(Backend& backend, const Tensor& samples, const Tensor& input) {
  if (input.dtype() == DType::f32) {
    backend.copy_to_device(input.raw(), samples.raw(), samples.bytes());
    return;
  }
  rounded_.resize(std::max(rounded_.size(), samples.elements()));
  const std::span<const float> values = samples.host<float>();
  std::transform(values.begin(), values.end(), rounded_.begin(), to_bf16);
  backend.copy_to_device(input.raw(), std::as_bytes(std::span(rounded_)).data(), input.bytes());
}

}  // namespace curie
