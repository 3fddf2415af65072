#include "cpu/backend.h"
#include "ops/warp_image.h"

namespace curie {

void CpuBackend::warp_u8(const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps,
                         const std::uint8_t* images, const float* offset, const float* factor, float* y) {
  pool_.run(shape.count, [&](int i, int) {
    const std::uint8_t* image = images + static_cast<std::size_t>(rows[i]) * shape.sample();
    warp_image(shape, warps[i], image, offset, factor, y + static_cast<std::size_t>(i) * shape.sample());
  });
}

}  // namespace curie
