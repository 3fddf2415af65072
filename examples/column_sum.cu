// A kernel of one's own, from the tiles to the test: the sums of a matrix' columns, which is what a dense layer's bias
// gradient is. docs/writing-a-kernel.md goes through it.
#include <cmath>
#include <cstdio>
#include <vector>

#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"
#include "program.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kColumns = 32;  // of a block: a warp reads 32 neighbouring floats, one request of four full sectors
constexpr int kWarps = 8;
constexpr int kBlock = kColumns * kWarps;

struct ColumnTiles {
  float of_warp[kWarps][kColumns + 4];  // 4 more, so that eight rows of four columns lie in 32 different banks
};

// Block b owns columns 32 b to 32 b + 31. Warp w adds rows w, w + 8, w + 16, ...; then the eight partial sums of a
// column are added in a fixed order by eight lanes.
__global__ void __launch_bounds__(kBlock)
    column_sum_kernel(int rows, int columns, const float* __restrict__ x, float* __restrict__ y) {
  ColumnTiles& tiles = shared<ColumnTiles>();
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize, warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int first = static_cast<int>(blockIdx.x) * kColumns;

  float sum = 0.0f;
  if (first + lane < columns) {
    for (int row = warp; row < rows; row += kWarps) sum += x[std::size_t(row) * columns + first + lane];
  }
  tiles.of_warp[warp][lane] = sum;
  __syncthreads();

  const int column = warp * (kColumns / kWarps) + lane / kWarps;
  const float total = warp_reduce<Sum, kWarps>(tiles.of_warp[lane % kWarps][column]);
  if (lane % kWarps == 0 && first + column < columns) y[first + column] = total;
}

// x (rows, columns) -> y (columns)
void column_sum(Stream stream, int rows, int columns, const float* x, float* y) {
  launch({.name = "column_sum", .grid = blocks_for(columns, kColumns), .block = kBlock, .stream = stream},
         column_sum_kernel, rows, columns, x, y);
}

// Integers from -2 to 2 have exact sums, whatever their order; thirds have not.
std::vector<float> values(int count, bool integers) {
  std::vector<float> x(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const auto pseudo_random = static_cast<int>(static_cast<unsigned>(i) * 2654435761u >> 16) % 5 - 2;
    x[std::size_t(i)] = static_cast<float>(pseudo_random) / (integers ? 1.0f : 3.0f);
  }
  return x;
}

// Against loops in double: equal for integers, within the bound of `rows` roundings for others.
bool agrees(int rows, int columns, bool integers) {
  const std::vector<float> x = values(rows * columns, integers);
  const DeviceArray<float> device_x("x", x);
  std::vector<float> before;
  bool good = true;
  in_every_order([&](const char* order) {
    const DeviceArray<float> device_y("y", static_cast<std::size_t>(columns));
    column_sum(nullptr, rows, columns, device_x.data(), device_y.data());
    const std::vector<float> y = device_y.to_host();
    for (int c = 0; c < columns; ++c) {
      double sum = 0.0, magnitude = 0.0;
      for (int r = 0; r < rows; ++r) {
        sum += x[std::size_t(r * columns + c)];
        magnitude += std::abs(x[std::size_t(r * columns + c)]);
      }
      const double bound = integers ? 0.0 : rows * 6e-8 * magnitude;
      if (std::abs(y[std::size_t(c)] - sum) <= bound) continue;
      std::printf("%d x %d, %s: column %d is %.9g instead of %.9g\n", rows, columns, order, c,
                  double(y[std::size_t(c)]), sum);
      good = false;
    }
    if (!before.empty() && before != y) {
      std::printf("%d x %d: the two orders differ\n", rows, columns);
      good = false;
    }
    before = y;
  });
  return good;
}

bool program() {
  bool good = true;
  for (const int rows : {1, 7, 8, 9, 100}) {
    for (const int columns : {1, 31, 32, 33, 100}) {
      good = agrees(rows, columns, true) && agrees(rows, columns, false) && good;
    }
  }
  std::printf("column sums %s loops in double\n", good ? "agree with" : "differ from");

#if defined(__CUDACC__)
  constexpr int rows = 8192, columns = 4096;  // 128 MiB: more than a cache holds
#else
  constexpr int rows = 64, columns = 64;
#endif
  const DeviceArray<float> x("x", values(rows * columns, true));
  const DeviceArray<float> y("y", static_cast<std::size_t>(columns));
  const auto run = [&] { column_sum(nullptr, rows, columns, x.data(), y.data()); };
  print_memory_use(run);
#if defined(__CUDACC__)
  const double time = microseconds(run);
  const double bytes = 4.0 * rows * columns + 4.0 * columns;  // what must be moved; the roof is bytes / bandwidth
  std::printf("%d x %d: %.1f us, %.0f GB/s\n", rows, columns, time, bytes / time / 1000.0);
#endif
  return good;
}

}  // namespace
}  // namespace curie::CURIE_GPU

int main() { return curie::CURIE_GPU::run_program(curie::CURIE_GPU::program); }
