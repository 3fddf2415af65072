// Affine warps of 8-bit images. A thread makes one pixel of the output with all its channels; neighbouring threads
// write neighbouring pixels and mostly read neighbouring ones. Where pixels depend on their whole image, a block makes
// an image: it samples it up to three times, since what was sampled would not fit the block and costs little to make
// again.
#include "cuda/kernels.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256, kImageBlock = 512;
constexpr int kGridLimit = 65535;  // in y

// Calls visit(v, channel) for each channel of a pixel of the output.
template <typename Visit>
__device__ __forceinline__ void sample_pixel(const WarpShape& shape, const WarpMatrix& m, const std::uint8_t* image,
                                             int pixel, const Visit& visit) {
  const int r = pixel / shape.width, q = pixel % shape.width;
  const int channels = shape.channels;
  const WarpPlace place = warp_place(shape, m.row_per_row * r + m.row_per_column * q + m.row_origin,
                                     m.column_per_row * r + m.column_per_column * q + m.column_origin);
  const auto at = [&](int row, int column) {
    return image + (static_cast<std::size_t>(row) * shape.width + column) * channels;
  };
  for (int c = 0; c < channels; ++c) {
    float value = shape.fill;
    if (!place.filled && shape.sampling == WarpSampling::nearest) {
      value = at(place.top, place.left)[c];
    } else if (!place.filled) {
      value = warp_value(place, at(place.top, place.left)[c], at(place.top, place.right)[c],
                         at(place.bottom, place.left)[c], at(place.bottom, place.right)[c]);
    }
    visit(value, c);
  }
}

// blockIdx.y: which image of the batch.
template <typename T>
__global__ void __launch_bounds__(kBlock)
    warp_kernel(WarpShape shape, const std::int32_t* __restrict__ rows, const ImageWarp* __restrict__ warps,
                const std::uint8_t* __restrict__ images, const float* __restrict__ offset,
                const float* __restrict__ factor, T* __restrict__ y) {
  const int pixel = static_cast<int>(blockIdx.x * kBlock + threadIdx.x);
  if (pixel >= shape.height * shape.width) return;
  for (int i = static_cast<int>(blockIdx.y); i < shape.count; i += static_cast<int>(gridDim.y)) {
    const ImageWarp& warp = warps[i];
    const WarpSample sample{.shift = warp.shift, .brightness = warp.brightness};
    T* out = y + static_cast<std::size_t>(i) * shape.sample() + static_cast<std::size_t>(pixel) * shape.channels;
    sample_pixel(
        shape, warp.matrix, images + static_cast<std::size_t>(rows[i]) * shape.sample(), pixel,
        [&](float value, int c) { out[c] = rounded<T>((warp_tone(shape, sample, value) - offset[c]) * factor[c]); });
  }
}

struct ImagePartials {
  BlockPartials<float, kImageBlock> low, high;
  BlockPartials<std::uint64_t, kImageBlock> sum, squares;
};

// blockIdx.x: which image of the batch.
template <typename T>
__global__ void __launch_bounds__(kImageBlock, 1)
    warp_image_kernel(WarpShape shape, const std::int32_t* __restrict__ rows, const ImageWarp* __restrict__ warps,
                      const std::uint8_t* __restrict__ images, const float* __restrict__ offset,
                      const float* __restrict__ factor, T* __restrict__ y) {
  ImagePartials& partials = shared<ImagePartials>();
  const std::size_t i = blockIdx.x;
  const ImageWarp& warp = warps[i];
  const std::uint8_t* image = images + static_cast<std::size_t>(rows[i]) * shape.sample();
  const int pixels = shape.height * shape.width;
  // visit(v, pixel, channel)
  const auto each = [&](const auto& visit) {
    for (int pixel = static_cast<int>(threadIdx.x); pixel < pixels; pixel += kImageBlock) {
      sample_pixel(shape, warp.matrix, image, pixel, [&](float value, int c) { visit(value, pixel, c); });
    }
  };
  WarpSample sample{.shift = warp.shift, .brightness = warp.brightness};
  if (shape.shift == WarpShift::own_range) {
    float low = -INFINITY, high = -INFINITY;  // low: of -v
    each([&](float value, int, int) {
      low = Maximum::of(low, -value);
      high = Maximum::of(high, value);
    });
    sample.low = -block_reduce<Maximum>(low, partials.low);
    sample.high = block_reduce<Maximum>(high, partials.high);
  }
  if (shape.samplewise != WarpSamplewise::none) {
    std::uint64_t sum = 0, squares = 0;
    each([&](float value, int, int) {
      const std::uint64_t units = warp_units(warp_tone(shape, sample, value));
      sum += units;
      squares += units * units;
    });
    sum = block_reduce<Sum>(sum, partials.sum);
    squares = block_reduce<Sum>(squares, partials.squares);
    set_moments(
        shape, sum, squares, [](double value) { return sqrt(value); }, sample);
  }
  each([&](float value, int pixel, int c) {
    const std::size_t at = static_cast<std::size_t>(pixel) * shape.channels + c;
    y[i * shape.sample() + at] =
        rounded<T>(warp_output(shape, sample, warp_tone(shape, sample, value), offset[c], factor[c]));
  });
}

}  // namespace

template <typename T>
void warp_u8(Stream stream, const WarpShape& shape, const std::int32_t* rows, const ImageWarp* warps,
             const std::uint8_t* images, const float* offset, const float* factor, T* y) {
  const std::size_t pixels = static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
  if (shape.count == 0 || pixels == 0) return;
  if (shape.needs_image()) {
    launch({.name = "warp_image_u8", .grid = dim3(shape.count), .block = kImageBlock, .stream = stream},
           warp_image_kernel<T>, shape, rows, warps, images, offset, factor, y);
    return;
  }
  launch({.name = "warp_u8",
          .grid = dim3(blocks_for(pixels, kBlock), min(shape.count, kGridLimit)),
          .block = kBlock,
          .stream = stream},
         warp_kernel<T>, shape, rows, warps, images, offset, factor, y);
}

template void warp_u8(Stream, const WarpShape&, const std::int32_t*, const ImageWarp*, const std::uint8_t*,
                      const float*, const float*, float*);
template void warp_u8(Stream, const WarpShape&, const std::int32_t*, const ImageWarp*, const std::uint8_t*,
                      const float*, const float*, Bf16*);

}  // namespace curie::CURIE_GPU
