// Access patterns whose costs are known, for the profile.
#include <iterator>

#include "cuda/launch.cuh"
#include "kernels.h"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBlock = 64;

__global__ void patterns(float* y, const float* x, int) {
  struct alignas(16) Tile {
    float x[32 * 33];
  };
  Tile& tile = shared<Tile>();
  const int i = static_cast<int>(threadIdx.x), lane = i % 32;
  const float side_by_side = x[i];                                     // 4 sectors a request
  const float strided = x[lane * 8];                                   // 32 sectors
  const float one = x[5];                                              // 1 sector
  const float4 wide = *reinterpret_cast<const float4*>(x + 4 * lane);  // 16 sectors
  tile.x[i] = side_by_side;                                            // 1 wavefront
  __syncthreads();
  if (i < 32) tile.x[i * 32] = strided;  // 32 wavefronts
  __syncthreads();
  if (i < 32) tile.x[i * 33] = one;  // 1 wavefront
  __syncthreads();
  if (i < 32) y[blockIdx.x * 32 + threadIdx.x] = wide.x + tile.x[0];
}
constexpr test::Kernel kPatterns[] = {
    {"patterns",
     [](const test::Arrays& a) { launch({.name = "patterns", .grid = 4, .block = kBlock}, patterns, a.y, a.x, a.n); }}};

}  // namespace

test::Kernels patterns_to_profile() { return {kPatterns, std::size(kPatterns)}; }

}  // namespace curie::CURIE_GPU
