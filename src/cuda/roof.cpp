#include "cuda/roof.h"

#include <fmt/format.h>

#include <algorithm>

#include "cuda/backend.h"

namespace curie::CURIE_GPU {

std::unique_ptr<Timeline> GpuBackend::watch() { return runtime_->watch(); }

// Each rate is the best of a few stretches that are long beside a launch.
std::optional<Roof> GpuBackend::measure_roof() {
  if (kDeviceKind != DeviceKind::cuda) return std::nullopt;
  constexpr int kRepeats = 5;
  const auto best_seconds = [this](const auto& work) {
    double best = 0.0;
    for (int repeat = 0; repeat <= kRepeats; ++repeat) {
      Event begin, end;
      begin.record(runtime_->stream());
      work();
      end.record(runtime_->stream());
      end.wait();
      const double seconds = end.milliseconds_since(begin) * 1e-3;
      if (repeat > 0) best = repeat == 1 ? seconds : std::min(best, seconds);  // the first one warms up
    }
    return best;
  };

  constexpr int kBlocks = 4096, kRounds = 4096;
  const Buffer sums = allocate(roof_threads(kBlocks) * sizeof(float));
  const auto rate = [&](Math math) {
    double operations = 0.0;
    const double seconds = best_seconds([&] {
      operations = roof_products(runtime_->stream(), math, kBlocks, kRounds, reinterpret_cast<float*>(sums.data()));
    });
    return operations / seconds;
  };
  Roof roof;
  roof.elementwise = rate(Math::exact);
  roof.products = rounds_factors(math_) ? rate(math_) : roof.elementwise;

  constexpr std::size_t kBytes = std::size_t{256} << 20;  // four times the largest second-level cache of today
  {
    const Buffer from = allocate(kBytes), to = allocate(kBytes);
    const double seconds = best_seconds([&] {
      roof_copy(runtime_->stream(), kBytes / sizeof(float), reinterpret_cast<const float*>(from.data()),
                reinterpret_cast<float*>(to.data()));
    });
    roof.bytes = 2.0 * static_cast<double>(kBytes) / seconds;
  }
  constexpr int kStarts = 1000;
  roof.launch = best_seconds([&] {
                  for (int i = 0; i < kStarts; ++i) roof_nothing(runtime_->stream());
                }) /
                kStarts;
  roof.how =
      fmt::format("{}, {} products", runtime_->describe(), rounds_factors(math_) ? "tensor-core (mma.sync)" : "float32");
  return roof;
}

}  // namespace curie::CURIE_GPU
