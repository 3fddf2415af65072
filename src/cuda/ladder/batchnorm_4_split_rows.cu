// Batch norm in training, rung 4: the rows are cut into chunks, a block for each, in three kernels: the sums of every
// chunk; mean and deviation from the chunks, added in a fixed order; the normalisation. A kernel's end is the barrier
// between all its blocks.
//
// What it buys: parallelism. 64 channels are two blocks of rung 3, on a GPU of more than a hundred multiprocessors.
// Here the number of blocks grows with the rows. The sums of the chunks cost a few bytes for each 512 rows.
#include "cuda/ladder/rungs.h"
#include "cuda/ladder/slots.cuh"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kLanes = kWarpSize;
constexpr int kRows = kBatchNormChunk;  // of a chunk
using Sums = SlotSums<Moments, kLanes>;

__global__ void __launch_bounds__(kSlotBlock)
    moments_kernel(BatchNormShape shape, const float* __restrict__ x, Moments* __restrict__ of_chunks) {
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const std::size_t channel = std::size_t{blockIdx.y} * kLanes + threadIdx.x % kLanes;
  const bool inside = channel < channels;
  const int slot = static_cast<int>(threadIdx.x) / kLanes;
  const int first = static_cast<int>(blockIdx.x) * kRows, end = inside ? min(first + kRows, shape.rows) : 0;
  const float shift = inside ? x[channel] : 0.0f;
  Moments moments = {0.0f, 0.0f};
  for (int row = first + slot; row < end; row += Sums::kSlots) {
    const float difference = x[row * channels + channel] - shift;
    moments = moments + Moments{difference, difference * difference};
  }
  moments = shared<Sums>().add_up<true>(moments);
  if (inside && slot == 0) of_chunks[blockIdx.x * channels + channel] = moments;
}

// The slots share the chunks.
__global__ void __launch_bounds__(kSlotBlock)
    statistics_kernel(BatchNormShape shape, int chunks, const Moments* __restrict__ of_chunks, BatchNormArrays arrays) {
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const std::size_t channel = std::size_t{blockIdx.x} * kLanes + threadIdx.x % kLanes;
  const bool inside = channel < channels;
  const int slot = static_cast<int>(threadIdx.x) / kLanes;
  Moments moments = {0.0f, 0.0f};
  for (int chunk = slot; inside && chunk < chunks; chunk += Sums::kSlots) {
    moments = moments + of_chunks[chunk * channels + channel];
  }
  moments = shared<Sums>().add_up<true>(moments);
  if (!inside || slot != 0) return;
  const float drift = moments.first / static_cast<float>(shape.rows);
  const float variance = (moments.second - moments.first * drift) / static_cast<float>(shape.rows);
  arrays.mean[channel] = arrays.x[channel] + drift;
  arrays.inv_std[channel] = 1.0f / sqrtf((variance < 0.0f ? 0.0f : variance) + shape.epsilon);
}

__global__ void __launch_bounds__(kSlotBlock) normalize_kernel(BatchNormShape shape, BatchNormArrays arrays) {
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const std::size_t channel = std::size_t{blockIdx.y} * kLanes + threadIdx.x % kLanes;
  if (channel >= channels) return;
  const float mean = arrays.mean[channel], offset = arrays.beta[channel];
  const float scale = arrays.inv_std[channel] * arrays.gamma[channel];
  const int first = static_cast<int>(blockIdx.x) * kRows, end = min(first + kRows, shape.rows);
  for (int row = first + static_cast<int>(threadIdx.x) / kLanes; row < end; row += Sums::kSlots) {
    arrays.y[row * channels + channel] = (arrays.x[row * channels + channel] - mean) * scale + offset;
  }
}

}  // namespace

void batchnorm_4_split_rows(Stream stream, const BatchNormShape& shape, const BatchNormArrays& arrays,
                            Scratch scratch) {
  Moments* const of_chunks = reinterpret_cast<Moments*>(scratch.data);
  const unsigned chunks = blocks_for(shape.rows, kRows), groups = blocks_for(shape.channels, kLanes);
  launch({.name = "batchnorm_4_moments", .grid = dim3(chunks, groups), .block = kSlotBlock, .stream = stream},
         moments_kernel, shape, arrays.x, of_chunks);
  launch({.name = "batchnorm_4_statistics", .grid = groups, .block = kSlotBlock, .stream = stream}, statistics_kernel,
         shape, static_cast<int>(chunks), of_chunks, arrays);
  launch({.name = "batchnorm_4_normalize", .grid = dim3(chunks, groups), .block = kSlotBlock, .stream = stream},
         normalize_kernel, shape, arrays);
}

}  // namespace curie::CURIE_GPU::ladder
