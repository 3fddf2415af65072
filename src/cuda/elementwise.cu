// Sums, fills, look-ups and gathers: one element a thread, four where addresses allow.
#include "cuda/kernels.h"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 256;

__device__ __forceinline__ std::size_t thread_index() { return std::size_t{blockIdx.x} * kBlock + threadIdx.x; }

__global__ void __launch_bounds__(kBlock) add_kernel(std::size_t count, const float* a, const float* b, float* y) {
  if (const std::size_t i = thread_index(); i < count) y[i] = a[i] + b[i];
}

__global__ void __launch_bounds__(kBlock) fill_kernel(std::size_t count, float value, float* y) {
  if (const std::size_t i = thread_index(); i < count) y[i] = value;
}

__global__ void __launch_bounds__(kBlock)
    normalize_kernel(std::size_t count, int channels, const std::uint8_t* __restrict__ x,
                     const float* __restrict__ table, float* __restrict__ y) {
  if (const std::size_t i = thread_index(); i < count) y[i] = table[i % channels * 256 + x[i]];
}

// blockIdx.y: which sample of the batch.
__global__ void __launch_bounds__(kBlock)
    gather_normalize_kernel(std::size_t sample, int channels, const std::int32_t* __restrict__ rows,
                            const std::uint8_t* __restrict__ images, const float* __restrict__ table,
                            float* __restrict__ y) {
  const std::size_t i = thread_index();
  if (i >= sample) return;
  const std::uint8_t* x = images + static_cast<std::size_t>(rows[blockIdx.y]) * sample;
  y[blockIdx.y * sample + i] = table[i % channels * 256 + x[i]];
}

__global__ void __launch_bounds__(kBlock)
    gather_kernel(std::size_t words, std::size_t count, const std::int32_t* __restrict__ rows,
                  const std::uint32_t* __restrict__ x, std::uint32_t* __restrict__ y) {
  const std::size_t i = thread_index();
  if (i < count) y[i] = x[static_cast<std::size_t>(rows[i / words]) * words + i % words];
}

}  // namespace

void add(Stream stream, std::size_t count, const float* a, const float* b, float* y) {
  if (count == 0) return;
  launch({.name = "add", .grid = blocks_for(count, kBlock), .block = kBlock, .stream = stream}, add_kernel, count, a, b,
         y);
}

void fill(Stream stream, std::size_t count, float value, float* y) {
  if (count == 0) return;
  launch({.name = "fill", .grid = blocks_for(count, kBlock), .block = kBlock, .stream = stream}, fill_kernel, count,
         value, y);
}

void normalize_u8(Stream stream, std::size_t pixels, int channels, const std::uint8_t* x, const float* table,
                  float* y) {
  const std::size_t count = pixels * static_cast<std::size_t>(channels);
  if (count == 0) return;
  launch({.name = "normalize_u8", .grid = blocks_for(count, kBlock), .block = kBlock, .stream = stream},
         normalize_kernel, count, channels, x, table, y);
}

void gather_normalize_u8(Stream stream, int count, std::size_t pixels, int channels, const std::int32_t* rows,
                         const std::uint8_t* images, const float* table, float* y) {
  constexpr int kMostRows = 65535;  // a grid's limit in y
  const std::size_t sample = pixels * static_cast<std::size_t>(channels);
  for (int first = 0; first < count; first += kMostRows) {
    const unsigned some = static_cast<unsigned>(count - first < kMostRows ? count - first : kMostRows);
    launch({.name = "gather_normalize_u8",
            .grid = dim3(blocks_for(sample, kBlock), some),
            .block = kBlock,
            .stream = stream},
           gather_normalize_kernel, sample, channels, rows + first, images, table,
           y + static_cast<std::size_t>(first) * sample);
  }
}

void gather_rows(Stream stream, int count, std::size_t words, const std::int32_t* rows, const std::uint32_t* x,
                 std::uint32_t* y) {
  const std::size_t total = static_cast<std::size_t>(count) * words;
  if (total == 0) return;
  launch({.name = "gather_rows", .grid = blocks_for(total, kBlock), .block = kBlock, .stream = stream}, gather_kernel,
         words, total, rows, x, y);
}

}  // namespace curie::CURIE_GPU
