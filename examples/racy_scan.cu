// A race to find: cumulative histograms of X-rays, the first step of histogram equalisation, with a barrier too few.
// docs/debugging-a-kernel.md finds it. `racy_scan mended` runs the kernel that is right.
#include <cstdio>
#include <cstring>
#include <vector>

#include "cuda/launch.cuh"
#include "program.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kBins = 256;  // grey levels; one thread each

struct Counts {
  int of[kBins];
};

// One block an image. After the step of distance d, of[t] is the sum of the 2 d counts that end at t.
__global__ void __launch_bounds__(kBins) racy_scan_kernel(const int* __restrict__ histograms, int* __restrict__ sums) {
  int* of = shared<Counts>().of;
  const int t = static_cast<int>(threadIdx.x), i = static_cast<int>(blockIdx.x) * kBins + t;
  of[t] = histograms[i];
  __syncthreads();
  for (int d = 1; d < kBins; d *= 2) {
    if (t >= d) of[t] += of[t - d];
    __syncthreads();
  }
  sums[i] = of[t];
}

__global__ void __launch_bounds__(kBins) scan_kernel(const int* __restrict__ histograms, int* __restrict__ sums) {
  int* of = shared<Counts>().of;
  const int t = static_cast<int>(threadIdx.x), i = static_cast<int>(blockIdx.x) * kBins + t;
  of[t] = histograms[i];
  __syncthreads();
  for (int d = 1; d < kBins; d *= 2) {
    const int below = t >= d ? of[t - d] : 0;
    __syncthreads();  // nobody adds before everybody has read
    of[t] += below;
    __syncthreads();
  }
  sums[i] = of[t];
}

bool program(bool mended) {
  constexpr int kImages = 4;
  std::vector<int> histograms(std::size_t{kImages} * kBins);
  for (std::size_t i = 0; i < histograms.size(); ++i) histograms[i] = static_cast<int>(i % 7);
  const DeviceArray<int> device_histograms("histograms", histograms);
  bool good = true;
  in_every_order([&](const char* order) {
    const DeviceArray<int> device_sums("sums", histograms.size());
    launch({.name = mended ? "scan" : "racy_scan", .grid = kImages, .block = kBins},
           mended ? scan_kernel : racy_scan_kernel, device_histograms.data(), device_sums.data());
    const std::vector<int> sums = device_sums.to_host();
    int sum = 0, wrong = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      sum = histograms[i] + (i % kBins == 0 ? 0 : sum);
      wrong += sums[i] != sum;
    }
    std::printf("%-10s  %d of %zu sums are wrong\n", order, wrong, sums.size());
    good = good && wrong == 0;
  });
  return good;
}

}  // namespace
}  // namespace curie::CURIE_GPU

int main(int argc, char** argv) {
  const bool mended = argc > 1 && std::strcmp(argv[1], "mended") == 0;
  return curie::CURIE_GPU::run_program([mended] { return curie::CURIE_GPU::program(mended); });
}
