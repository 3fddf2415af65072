// Sums, fills, look-ups and gathers.
#include "cuda/floats.cuh"
#include "cuda/kernels.h"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256;
constexpr int kGridLimit = 65535;  // in y

struct Addition {
  __device__ float operator()(float a, float b) const { return a + b; }
};

struct Blend {
  float alpha, beta;
  __device__ float operator()(float a, float b) const { return fmaf(alpha, a, beta * b); }
};

struct Constant {
  float value;
  __device__ float operator()() const { return value; }
};

// A quad's pixels from their channels' tables, 256 floats each. The tables stay in the first-level cache.
template <typename T>
__device__ __forceinline__ void look_up(const Quad& quad, int channels, const std::uint8_t* x, const float* table,
                                        T* y) {
  auto channel = static_cast<int>(quad.first % static_cast<std::size_t>(channels));
  unsigned char pixels[4] = {};
  if (quad.wide) {
    const uchar4 bytes = *reinterpret_cast<const uchar4*>(x + quad.first);
    pixels[0] = bytes.x, pixels[1] = bytes.y, pixels[2] = bytes.z, pixels[3] = bytes.w;
  }
  Floats<4> values{};
  CURIE_UNROLL
  for (int i = 0; i < 4; ++i) {
    if (!quad.wide && i < quad.some) pixels[i] = x[quad.first + i];
    values.of[i] = table[channel * 256 + pixels[i]];
    channel = channel + 1 == channels ? 0 : channel + 1;
  }
  quad.store(y, values);
}

template <typename T>
__global__ void __launch_bounds__(kMapBlock)
    normalize_kernel(std::size_t count, bool wide, int channels, const std::uint8_t* __restrict__ x,
                     const float* __restrict__ table, T* __restrict__ y) {
  const Quad quad(count, wide);
  if (quad.some > 0) look_up(quad, channels, x, table, y);
}

// blockIdx.y: which sample of the batch.
template <typename T>
__global__ void __launch_bounds__(kMapBlock)
    gather_normalize_kernel(int count, std::size_t sample, bool wide, int channels,
                            const std::int32_t* __restrict__ rows, const std::uint8_t* __restrict__ images,
                            const float* __restrict__ table, T* __restrict__ y) {
  const Quad quad(sample, wide);
  if (quad.some == 0) return;
  for (int i = static_cast<int>(blockIdx.y); i < count; i += static_cast<int>(gridDim.y)) {
    look_up(quad, channels, images + static_cast<std::size_t>(rows[i]) * sample, table,
            y + static_cast<std::size_t>(i) * sample);
  }
}

__global__ void __launch_bounds__(kBlock)
    gather_kernel(std::size_t words, std::size_t count, const std::int32_t* __restrict__ rows,
                  const std::uint32_t* __restrict__ x, std::uint32_t* __restrict__ y) {
  const std::size_t i = std::size_t{blockIdx.x} * kBlock + threadIdx.x;
  if (i < count) y[i] = x[static_cast<std::size_t>(rows[i / words]) * words + i % words];
}

__global__ void __launch_bounds__(kBlock)
    gather_rounded_kernel(std::size_t width, std::size_t count, const std::int32_t* __restrict__ rows,
                          const float* __restrict__ x, Bf16* __restrict__ y) {
  const std::size_t i = std::size_t{blockIdx.x} * kBlock + threadIdx.x;
  if (i < count) y[i] = to_bf16(x[static_cast<std::size_t>(rows[i / width]) * width + i % width]);
}

}  // namespace

template <typename T>
void add(Stream stream, std::size_t count, const T* a, const T* b, T* y) {
  map(stream, "add", count, Addition(), y, a, b);
}

void blend(Stream stream, std::size_t count, float alpha, const float* a, float beta, const float* b, float* y) {
  map(stream, "blend", count, Blend{alpha, beta}, y, a, b);
}

void fill(Stream stream, std::size_t count, float value, float* y) { map(stream, "fill", count, Constant{value}, y); }

template <typename T>
void normalize_u8(Stream stream, std::size_t pixels, int channels, const std::uint8_t* x, const float* table, T* y) {
  const std::size_t count = pixels * static_cast<std::size_t>(channels);
  if (count == 0) return;
  launch({.name = "normalize_u8", .grid = quad_blocks(count), .block = kMapBlock, .stream = stream},
         normalize_kernel<T>, count, wide_enough(x, y), channels, x, table, y);
}

template <typename T>
void gather_normalize_u8(Stream stream, int count, std::size_t pixels, int channels, const std::int32_t* rows,
                         const std::uint8_t* images, const float* table, T* y) {
  const std::size_t sample = pixels * static_cast<std::size_t>(channels);
  if (count == 0 || sample == 0) return;
  launch({.name = "gather_normalize_u8",
          .grid = dim3(quad_blocks(sample), min(count, kGridLimit)),
          .block = kMapBlock,
          .stream = stream},
         gather_normalize_kernel<T>, count, sample, sample % kQuad == 0 && wide_enough(images, y), channels, rows,
         images, table, y);
}

void gather_rows(Stream stream, int count, std::size_t words, const std::int32_t* rows, const std::uint32_t* x,
                 std::uint32_t* y) {
  const std::size_t total = static_cast<std::size_t>(count) * words;
  if (total == 0) return;
  launch({.name = "gather_rows", .grid = blocks_for(total, kBlock), .block = kBlock, .stream = stream}, gather_kernel,
         words, total, rows, x, y);
}

void gather_rounded(Stream stream, int count, std::size_t width, const std::int32_t* rows, const float* x, Bf16* y) {
  const std::size_t total = static_cast<std::size_t>(count) * width;
  if (total == 0) return;
  launch({.name = "gather_rounded", .grid = blocks_for(total, kBlock), .block = kBlock, .stream = stream},
         gather_rounded_kernel, width, total, rows, x, y);
}

template void add(Stream, std::size_t, const float*, const float*, float*);
template void add(Stream, std::size_t, const Bf16*, const Bf16*, Bf16*);
template void normalize_u8(Stream, std::size_t, int, const std::uint8_t*, const float*, float*);
template void normalize_u8(Stream, std::size_t, int, const std::uint8_t*, const float*, Bf16*);
template void gather_normalize_u8(Stream, int, std::size_t, int, const std::int32_t*, const std::uint8_t*, const float*,
                                  float*);
template void gather_normalize_u8(Stream, int, std::size_t, int, const std::int32_t*, const std::uint8_t*, const float*,
                                  Bf16*);

}  // namespace curie::CURIE_GPU
