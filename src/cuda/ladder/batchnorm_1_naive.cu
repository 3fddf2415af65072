// Batch norm in training, rung 1: a block a channel, in three passes over the channel's rows: the mean, the variance
// around it, and y = (x - mean) / sqrt(variance + epsilon) * gamma + beta.
//
// What it costs: the channels of a row lie side by side, so the 32 lanes of a warp, which take 32 rows, are `channels`
// floats apart: 32 sectors of 32 bytes a request for 128 bytes. x is read three times.
#include "cuda/ladder/rungs.h"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace curie::CURIE_GPU::ladder {
namespace {

constexpr int kBlock = 256;

struct Partials {
  BlockPartials<float, kBlock> of_sum, of_squares;
};

__global__ void __launch_bounds__(kBlock) naive_kernel(BatchNormShape shape, BatchNormArrays arrays) {
  Partials& partials = shared<Partials>();
  const std::size_t channel = blockIdx.x, channels = static_cast<std::size_t>(shape.channels);
  const float rows = static_cast<float>(shape.rows);
  const int thread = static_cast<int>(threadIdx.x);
  float sum = 0.0f;
  for (int row = thread; row < shape.rows; row += kBlock) sum += arrays.x[row * channels + channel];
  const float mean = block_reduce<Sum>(sum, partials.of_sum) / rows;
  float squares = 0.0f;
  for (int row = thread; row < shape.rows; row += kBlock) {
    const float difference = arrays.x[row * channels + channel] - mean;
    squares += difference * difference;
  }
  const float inv_std = 1.0f / sqrtf(block_reduce<Sum>(squares, partials.of_squares) / rows + shape.epsilon);
  const float scale = inv_std * arrays.gamma[channel], offset = arrays.beta[channel];
  for (int row = thread; row < shape.rows; row += kBlock) {
    arrays.y[row * channels + channel] = (arrays.x[row * channels + channel] - mean) * scale + offset;
  }
  if (thread == 0) {
    arrays.mean[channel] = mean;
    arrays.inv_std[channel] = inv_std;
  }
}

}  // namespace

void batchnorm_1_naive(Stream stream, const BatchNormShape& shape, const BatchNormArrays& arrays, Scratch) {
  launch(
      {.name = "batchnorm_1_naive", .grid = static_cast<unsigned>(shape.channels), .block = kBlock, .stream = stream},
      naive_kernel, shape, arrays);
}

}  // namespace curie::CURIE_GPU::ladder
