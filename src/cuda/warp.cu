// Affine warps of 8-bit images. A thread makes one pixel of the output with all its channels; neighbouring threads
// write neighbouring pixels and mostly read neighbouring ones.
#include "cuda/kernels.h"
#include "cuda/launch.cuh"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256;
constexpr int kGridLimit = 65535;  // in y

// blockIdx.y: which image of the batch.
template <typename T>
__global__ void __launch_bounds__(kBlock)
    warp_kernel(WarpShape shape, const std::int32_t* __restrict__ rows, const WarpMatrix* __restrict__ matrices,
                const std::uint8_t* __restrict__ images, const float* __restrict__ offset,
                const float* __restrict__ factor, T* __restrict__ y) {
  const int pixel = static_cast<int>(blockIdx.x * kBlock + threadIdx.x);
  if (pixel >= shape.height * shape.width) return;
  const int r = pixel / shape.width, q = pixel % shape.width;
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  for (int i = static_cast<int>(blockIdx.y); i < shape.count; i += static_cast<int>(gridDim.y)) {
    const WarpMatrix& m = matrices[i];
    const WarpPlace place = warp_place(shape, m.row_per_row * r + m.row_per_column * q + m.row_origin,
                                       m.column_per_row * r + m.column_per_column * q + m.column_origin);
    const std::uint8_t* image = images + static_cast<std::size_t>(rows[i]) * shape.sample();
    const auto at = [&](int row, int column) {
      return image + (static_cast<std::size_t>(row) * shape.width + column) * channels;
    };
    T* out = y + static_cast<std::size_t>(i) * shape.sample() + static_cast<std::size_t>(pixel) * channels;
    for (std::size_t c = 0; c < channels; ++c) {
      float value = shape.fill;
      if (!place.filled && shape.sampling == WarpSampling::nearest) {
        value = at(place.top, place.left)[c];
      } else if (!place.filled) {
        value = warp_value(place, at(place.top, place.left)[c], at(place.top, place.right)[c],
                           at(place.bottom, place.left)[c], at(place.bottom, place.right)[c]);
      }
      out[c] = rounded<T>((value - offset[c]) * factor[c]);
    }
  }
}

}  // namespace

template <typename T>
void warp_u8(Stream stream, const WarpShape& shape, const std::int32_t* rows, const WarpMatrix* matrices,
             const std::uint8_t* images, const float* offset, const float* factor, T* y) {
  const std::size_t pixels = static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
  if (shape.count == 0 || pixels == 0) return;
  launch({.name = "warp_u8",
          .grid = dim3(blocks_for(pixels, kBlock), min(shape.count, kGridLimit)),
          .block = kBlock,
          .stream = stream},
         warp_kernel<T>, shape, rows, matrices, images, offset, factor, y);
}

template void warp_u8(Stream, const WarpShape&, const std::int32_t*, const WarpMatrix*, const std::uint8_t*,
                      const float*, const float*, float*);
template void warp_u8(Stream, const WarpShape&, const std::int32_t*, const WarpMatrix*, const std::uint8_t*,
                      const float*, const float*, Bf16*);

}  // namespace curie::CURIE_GPU
