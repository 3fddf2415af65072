// Convolution as a matrix product: rows are the n*p*q pixels of y, columns the k filters, and the depth are the r*s*c
// taps of a filter. The matrix of patches, x's part of each pixel, exists only as addresses.
#pragma once

#include "cuda/device.cuh"
#include "ops/conv2d.h"

namespace curie::CURIE_GPU::ladder {

// Below 2^31: index arithmetic in 32 bits, since a GPU divides 64 by a subroutine.
__host__ __device__ __forceinline__ int pixels_of(const Conv2dShape& shape) { return shape.n * shape.p * shape.q; }
__host__ __device__ __forceinline__ int taps_of(const Conv2dShape& shape) { return shape.r * shape.s * shape.c; }

// A pixel of y as the place in x where its patch begins; padding may put it outside.
struct Corner {
  const float* image;  // null: there is no such pixel
  int row, column;

  __device__ __forceinline__ Corner(const Conv2dShape& shape, const float* x, int pixel)
      : image(pixel < pixels_of(shape) ? x + std::size_t(pixel / shape.q / shape.p) * shape.h * shape.w * shape.c
                                       : nullptr),
        row(pixel / shape.q % shape.p * shape.stride_h - shape.pad_top),
        column(pixel % shape.q * shape.stride_w - shape.pad_left) {}

  // The address of what tap `tap` multiplies, null where that is 0: outside the image, beyond the last tap or pixel.
  __device__ __forceinline__ const float* at(const Conv2dShape& shape, int tap) const {
    const int channel = tap % shape.c, y = row + tap / shape.c / shape.s, x = column + tap / shape.c % shape.s;
    const bool inside = image != nullptr && tap < taps_of(shape) && y >= 0 && y < shape.h && x >= 0 && x < shape.w;
    return inside ? image + (std::size_t(y) * shape.w + x) * shape.c + channel : nullptr;
  }
};

// The same of filters, whose taps are contiguous.
__device__ __forceinline__ const float* weight_at(const Conv2dShape& shape, const float* w, int filter, int tap) {
  const bool inside = filter < shape.k && tap < taps_of(shape);
  return inside ? w + std::size_t(filter) * taps_of(shape) + tap : nullptr;
}

}  // namespace curie::CURIE_GPU::ladder
