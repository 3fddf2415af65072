// Which primitives go to NVIDIA's libraries.
#pragma once

#include <span>
#include <string_view>

namespace curie::CURIE_GPU {

struct VendorPrimitives {
  bool convolution = true;
  bool pooling = true;
  bool batch_norm = true;
  bool dense = true;
  constexpr bool any() const { return convolution || pooling || batch_norm || dense; }
  bool operator==(const VendorPrimitives&) const = default;
};

// On a device whose description holds `device`, the libraries were faster at these.
struct Measurement {
  std::string_view device;
  VendorPrimitives faster;
};
// Those of the first measurement that is about the device; none where there is no such measurement.
VendorPrimitives measured_faster(std::span<const Measurement> measurements, std::string_view device);

}  // namespace curie::CURIE_GPU
