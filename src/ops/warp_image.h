// The warp of one image on the host (ops/warp.h): what the CPU backend and the data sets run.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ops/warp.h"

namespace curie {
namespace warp_detail {

// out = finish(v, channel). `channels` is a number or, where its loop should vanish, an integral_constant.
template <WarpSampling kSampling, typename Channels, typename Finish>
void warp_pixels(const WarpShape& shape, const WarpMatrix& matrix, const std::uint8_t* image, Channels channels,
                 const Finish& finish, float* out) {
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
        *out++ = finish(value, c);
      }
      row += matrix.row_per_column;
      column += matrix.column_per_column;
    }
  }
}

template <typename Finish>
void warp_with(const WarpShape& shape, const WarpMatrix& matrix, const std::uint8_t* image, const Finish& finish,
               float* out) {
  const auto run = [&](auto channels) {
    if (shape.sampling == WarpSampling::nearest) {
      warp_pixels<WarpSampling::nearest>(shape, matrix, image, channels, finish, out);
    } else {
      warp_pixels<WarpSampling::linear>(shape, matrix, image, channels, finish, out);
    }
  };
  if (shape.channels == 1) return run(std::integral_constant<int, 1>());
  if (shape.channels == 3) return run(std::integral_constant<int, 3>());
  run(shape.channels);
}

// From v to y, in place.
inline void finish_sample(const WarpShape& shape, const ImageWarp& warp, const float* offset, const float* factor,
                          float* values) {
  const std::size_t count = shape.sample();
  WarpSample sample{.shift = warp.shift, .brightness = warp.brightness};
  if (shape.shift == WarpShift::own_range) {
    const auto range = std::minmax_element(values, values + count);
    sample.low = *range.first;
    sample.high = *range.second;
  }
  for (std::size_t i = 0; i < count; ++i) values[i] = warp_tone(shape, sample, values[i]);
  if (shape.samplewise != WarpSamplewise::none) {
    std::uint64_t sum = 0, squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t units = warp_units(values[i]);
      sum += units;
      squares += units * units;
    }
    set_moments(
        shape, sum, squares, [](double value) { return std::sqrt(value); }, sample);
  }
  const auto channels = static_cast<std::size_t>(shape.channels);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = warp_output(shape, sample, values[i], offset[i % channels], factor[i % channels]);
  }
}

}  // namespace warp_detail

// image and out: (height, width, channels). shape.count is not looked at.
inline void warp_image(const WarpShape& shape, const ImageWarp& warp, const std::uint8_t* image, const float* offset,
                       const float* factor, float* out) {
  if (shape.keeps_tone()) {
    const auto scaled = [=](float value, std::ptrdiff_t c) { return (value - offset[c]) * factor[c]; };
    return warp_detail::warp_with(shape, warp.matrix, image, scaled, out);
  }
  warp_detail::warp_with(
      shape, warp.matrix, image, [](float value, std::ptrdiff_t) { return value; }, out);
  warp_detail::finish_sample(shape, warp, offset, factor, out);
}

}  // namespace curie
