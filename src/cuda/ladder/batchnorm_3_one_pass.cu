// Batch norm in training, rung 3: mean and variance in one pass, from the sums of d and of d^2.
//
//   mean = shift + sum d / rows;  variance = (sum d^2 - (sum d)^2 / rows) / rows;  d = x - shift
//
// What it buys: x is read twice instead of three times, so three quarters of the bytes from and to memory are left.
//
// The subtraction cancels where |mean - shift| is large beside the deviation. With a shift of 0, the textbook's
// formula, channels of a large mean lose all their digits; the channel's first value is never far, and costs nothing.
#include "cuda/ladder/rungs.h"
#include "cuda/ladder/slots.cuh"
#include "cuda/launch.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kLanes = kWarpSize;
using Sums = SlotSums<Moments, kLanes>;

__global__ void __launch_bounds__(kSlotBlock) one_pass_kernel(BatchNormShape shape, BatchNormArrays arrays) {
  Sums& sums = shared<Sums>();
  const std::size_t channels = static_cast<std::size_t>(shape.channels);
  const std::size_t channel = std::size_t{blockIdx.x} * kLanes + threadIdx.x % kLanes;
  const bool inside = channel < channels;
  const int slot = static_cast<int>(threadIdx.x) / kLanes;
  const int rows = inside ? shape.rows : 0;  // threads without a channel take part in the sums
  const float shift = inside ? arrays.x[channel] : 0.0f;
  Moments moments = {0.0f, 0.0f};
  for (int row = slot; row < rows; row += Sums::kSlots) {
    const float difference = arrays.x[row * channels + channel] - shift;
    moments = moments + Moments{difference, difference * difference};
  }
  moments = sums.add_up<false>(moments);
  if (!inside) return;
  const float drift = moments.first / static_cast<float>(shape.rows);
  const float variance = (moments.second - moments.first * drift) / static_cast<float>(shape.rows);
  const float mean = shift + drift;
  const float inv_std = 1.0f / sqrtf((variance < 0.0f ? 0.0f : variance) + shape.epsilon);  // below 0 by rounding only
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

void batchnorm_3_one_pass(Stream stream, const BatchNormShape& shape, const BatchNormArrays& arrays, Scratch) {
  launch({.name = "batchnorm_3_one_pass",
          .grid = blocks_for(shape.channels, kLanes),
          .block = kSlotBlock,
          .stream = stream},
         one_pass_kernel, shape, arrays);
}

}  // namespace curie::CURIE_GPU::ladder
