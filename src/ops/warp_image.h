// The warp of one image on the host (ops/warp.h): what the CPU backend and the data sets run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ops/warp.h"

namespace curie {
namespace warp_detail {

// `channels` is a number or, where its loop should vanish, an integral_constant.
template <WarpSampling kSampling, typename Channels>
void warp_pixels(const WarpShape& shape, const WarpMatrix& matrix, const std::uint8_t* image, Channels channels,
                 const float* offset, const float* factor, float* out) {
  const auto step = static_cast<std::ptrdiff_t>(channels);
  const std::ptrdiff_t stride = step * shape.width;
  WarpShape plain = shape;
  plain.sampling = kSampling;  // known to the compiler from here on
  for (int r = 0; r < shape.height; ++r) {
    std::int64_t row = matrix.row_per_row * r + matrix.row_origin;
    std::int64_t column = matrix.column_per_row * r + matrix.column_origin;
    for (int q = 0; q < shape.width; ++q) {
      const WarpPlace place = warp_place(plain, row, column);
      const std::uint8_t* top = image + place.top * stride;
      const std::uint8_t* bottom = image + place.bottom * stride;
      const std::ptrdiff_t left = place.left * step, right = place.right * step;
      for (std::ptrdiff_t c = 0; c < step; ++c) {
        float value = shape.fill;
        if (!place.filled) {
          value = kSampling == WarpSampling::nearest
                      ? static_cast<float>(top[left + c])
                      : warp_value(place, top[left + c], top[right + c], bottom[left + c], bottom[right + c]);
        }
        *out++ = (value - offset[c]) * factor[c];
      }
      row += matrix.row_per_column;
      column += matrix.column_per_column;
    }
  }
}

}  // namespace warp_detail

// image and out: (height, width, channels). shape.count is not looked at.
inline void warp_image(const WarpShape& shape, const WarpMatrix& matrix, const std::uint8_t* image, const float* offset,
                       const float* factor, float* out) {
  const auto run = [&](auto channels) {
    if (shape.sampling == WarpSampling::nearest) {
      warp_detail::warp_pixels<WarpSampling::nearest>(shape, matrix, image, channels, offset, factor, out);
    } else {
      warp_detail::warp_pixels<WarpSampling::linear>(shape, matrix, image, channels, offset, factor, out);
    }
  };
  if (shape.channels == 1) return run(std::integral_constant<int, 1>());
  if (shape.channels == 3) return run(std::integral_constant<int, 3>());
  run(shape.channels);
}

}  // namespace curie
