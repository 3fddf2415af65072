// Batch norm in training, rung 2: coalescing. A block takes 32 neighbouring channels instead of one, a channel to each
// lane of a warp, and its eight warps take the rows in turn.
//
// What it buys: a request of a warp reads 32 neighbouring channels of one row: 4 sectors instead of 32.
#include "cuda/ladder/rungs.h"
#include "cuda/ladder/slots.cuh"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kLanes = kWarpSize;
using Sums = SlotSums<float, kLanes>;

__global__ void __launch_bounds__(kSlotBlock) coalesced_kernel(BatchNormShape shape, BatchNormArrays arrays) {
  Sums& sums = shared<Sums>();
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const std::size_t channel = std::size_t{blockIdx.x} * kLanes + threadIdx.x % kLanes;
  const bool inside = channel < channels;
  const int slot = static_cast<int>(threadIdx.x) / kLanes;
  const int rows = inside ? shape.rows : 0;  // threads without a channel take part in the sums
  float sum = 0.0f;
  for (int row = slot; row < rows; row += Sums::kSlots) sum += arrays.x[row * channels + channel];
  const float mean = sums.add_up<false>(sum) / static_cast<float>(shape.rows);
  float squares = 0.0f;
  for (int row = slot; row < rows; row += Sums::kSlots) {
    const float difference = arrays.x[row * channels + channel] - mean;
    squares += difference * difference;
  }
  __syncthreads();  // the sums are to be used again
  const float variance = sums.add_up<false>(squares) / static_cast<float>(shape.rows);
  if (!inside) return;
  const float inv_std = 1.0f / sqrtf(variance + shape.epsilon);
  const float scale = inv_std * arrays.gamma[channel], offset = arrays.beta[channel];
  for (int row = slot; row < rows; row += Sums::kSlots) {
    arrays.y[row * channels + channel] = (arrays.x[row * channels + channel] - mean) * scale + offset;
  }
  if (slot == 0) {
    arrays.mean[channel] = mean;
    arrays.inv_std[channel] = inv_std;
  }
}

}  // namespace

void batchnorm_2_coalesced(Stream stream, const BatchNormShape& shape, const BatchNormArrays& arrays, Scratch) {
  launch({.name = "batchnorm_2_coalesced",
          .grid = blocks_for(shape.channels, kLanes),
          .block = kSlotBlock,
          .stream = stream},
         coalesced_kernel, shape, arrays);
}

}  // namespace curie::CURIE_GPU::ladder
