// A kernel as a CUDA tutorial has it, pasted without a change: __shared__, threadIdx, __syncthreads. Only its launch,
// transpose<<<grid, block>>>(...), has become a call of launch.
#include <cstdio>
#include <vector>

#include "cuda/launch.cuh"
#include "program.cuh"

#define TILE_DIM 32
#define BLOCK_ROWS 8

__global__ void transpose(float* odata, const float* idata, int width, int height) {
  __shared__ float tile[TILE_DIM][TILE_DIM + 1];

  int x = blockIdx.x * TILE_DIM + threadIdx.x;
  int y = blockIdx.y * TILE_DIM + threadIdx.y;
  for (int j = 0; j < TILE_DIM; j += BLOCK_ROWS)
    if (x < width && y + j < height) tile[threadIdx.y + j][threadIdx.x] = idata[(y + j) * width + x];

  __syncthreads();

  x = blockIdx.y * TILE_DIM + threadIdx.x;
  y = blockIdx.x * TILE_DIM + threadIdx.y;
  for (int j = 0; j < TILE_DIM; j += BLOCK_ROWS)
    if (x < height && y + j < width) odata[(y + j) * height + x] = tile[threadIdx.x][threadIdx.y + j];
}

using namespace curie::CURIE_GPU;

bool program() {
  const int width = 100, height = 70;
  std::vector<float> image(width * height);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i);
  const DeviceArray<float> idata("idata", image);
  bool good = true;
  in_every_order([&](const char* order) {
    const DeviceArray<float> odata("odata", image.size());
    const dim3 grid((width + TILE_DIM - 1) / TILE_DIM, (height + TILE_DIM - 1) / TILE_DIM);
    const dim3 block(TILE_DIM, BLOCK_ROWS);
    launch({.name = "transpose", .grid = grid, .block = block}, transpose, odata.data(), idata.data(), width, height);
    const std::vector<float> turned = odata.to_host();
    int wrong = 0;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) wrong += turned[x * height + y] != image[y * width + x];
    }
    std::printf("%-10s  %d of %d elements are wrong\n", order, wrong, width * height);
    good = good && wrong == 0;
  });
  return good;
}

int main() { return run_program(program); }
