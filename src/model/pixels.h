// Device memory through which 8-bit samples reach a network, and the table that makes floats of them.
#pragma once

#include <vector>

#include "model/normalization.h"
#include "ops/backend.h"
#include "tensor/tensor.h"

namespace curie {

class PixelStaging {
 public:
  // Room for `batch` samples of shape `sample`, (..., channels).
  PixelStaging(Backend& backend, const Shape& sample, int batch, const Normalization& normalization);
  static std::size_t bytes(const Shape& sample, int batch);  // of the pixels; the table's few are not counted

  // Copies host samples, u8 (n, sample...), to the device.
  void send(Backend& backend, const Tensor& pixels);
  // The n samples sent last, as floats, f32 or bf16: (n, sample...).
  void normalize(Backend& backend, int n, const Tensor& floats) const;
  // The same of samples of a data set on the device; rows: i32, on the device.
  void gather(Backend& backend, const Tensor& rows, const Tensor& data_set, const Tensor& floats) const;

 private:
  int channels_;
  std::size_t pixels_of_one_;
  Tensor pixels_, table_;
};

// Sends host samples of f32 to where a network reads them, in the element type that it reads.
class RoundedSamples {
 public:
  void send(Backend& backend, const Tensor& samples, const Tensor& input);

 private:
  std::vector<Bf16> rounded_;  // of the largest batch so far
};

}  // namespace curie
