#include "device.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cases.h"
#include "tensor/error.h"

namespace curie::bench {
namespace {

// More than the level-2 cache of any GPU of today (H200: 60 MB).
constexpr std::size_t kFlushedFloats = std::size_t{64} << 20;
constexpr std::size_t kFlushedWhenEmulated = 256;
constexpr double kTransformTolerance = 1e-3;  // of what libraries compute

class DeviceRows {
 public:
  explicit DeviceRows(std::string device) : device_(std::move(device)), cases_(recipe_cases(emulated())) {}

  bool emulated() const { return device_.rfind("emulated", 0) == 0; }
  std::string register_all();

 private:
  struct Variant {
    Math math;
    Kernels kernels;
    bool trials = false;  // the fastest of cuDNN's algorithms, also of those that training does not take
    auto operator<=>(const Variant&) const = default;
    std::string name() const { return std::string(name_of(kernels)) + (trials ? "-fastest" : ""); }
  };
  struct Expected {
    const Case* of = nullptr;
    std::vector<std::vector<float>> values;
  };

  Backend& backend(const Variant& variant) {
    std::unique_ptr<Backend>& made = backends_[variant];
    if (made == nullptr) {
      made =
          make_backend(device_, {.math = variant.math, .kernels = variant.kernels, .library_trials = variant.trials});
    }
    return *made;
  }
  const std::vector<std::vector<float>>& expected(const Case& of);
  std::string difference(const Case& of, const Arrays& arrays, double tolerance);
  void run(benchmark::State& state, const Case& of, const Variant& variant);

  std::string device_;
  std::vector<Case> cases_;
  std::map<Variant, std::unique_ptr<Backend>> backends_;
  std::unique_ptr<Backend> cpu_ = make_cpu_backend();
  Expected expected_;  // of one case: the rows of a case follow each other
};

const std::vector<std::vector<float>>& DeviceRows::expected(const Case& of) {
  if (expected_.of != &of) {
    Arrays arrays(*cpu_);
    of.prepare(arrays)();
    expected_ = {&of, arrays.results()};
  }
  return expected_.values;
}

std::string DeviceRows::difference(const Case& of, const Arrays& arrays, double tolerance) {
  const std::vector<std::vector<float>> found = arrays.results();
  const std::vector<std::vector<float>>& wanted = expected(of);
  for (std::size_t output = 0; output < wanted.size(); ++output) {
    for (std::size_t i = 0; i < wanted[output].size(); ++i) {
      const double a = static_cast<double>(found[output][i]), b = static_cast<double>(wanted[output][i]);
      if (!(std::abs(a - b) <= tolerance * (1.0 + std::abs(b)))) {
        return fmt::format("output {}, element {}: {}, and {} on the CPU", output, i, a, b);
      }
    }
  }
  return {};
}

void DeviceRows::run(benchmark::State& state, const Case& of, const Variant& variant) {
  try {
    Backend& on = backend(variant);
    Arrays arrays(on);
    const std::function<void()> call = of.prepare(arrays);
    call();
    // Sums of small integers are exact in any order, but not through the transforms of Winograd's and other methods.
    const double tolerance =
        variant.kernels == Kernels::curie ? of.tolerance : std::max(of.tolerance, kTransformTolerance);
    if (const std::string wrong = difference(of, arrays, tolerance); !wrong.empty()) {
      state.SkipWithError(("wrong result: " + wrong).c_str());
      return;
    }
    const std::size_t flushed = emulated() ? kFlushedWhenEmulated : kFlushedFloats;
    const Buffer other = on.allocate(flushed * sizeof(float));
    for (auto _ : state) {
      on.fill(flushed, 0.0f, reinterpret_cast<float*>(other.data()));
      state.SetIterationTime(on.milliseconds(call) * 1e-3);
    }
    if (of.flops > 0) {
      state.counters["FLOP/s"] = benchmark::Counter(of.flops, benchmark::Counter::kIsIterationInvariantRate);
    }
    state.counters["B/s"] = benchmark::Counter(of.bytes, benchmark::Counter::kIsIterationInvariantRate);
    state.SetLabel(of.recipes);
  } catch (const Error& error) {
    state.SkipWithError(error.what());
  }
}

std::string DeviceRows::register_all() {
  const BackendStatus status = backend_status(device_.substr(0, device_.find(':')));
  if (!status.available) return fmt::format("no rows for device {}: {}", device_, status.details.front());
  const BackendStatus libraries = cudnn_status();
  const bool beside = !emulated() && libraries.available;
  int rows = 0;
  for (const Case& each : cases_) {
    for (const Math math : {Math::exact, Math::tf32}) {
      for (const Variant& variant :
           {Variant{math, Kernels::curie}, Variant{math, Kernels::cudnn}, Variant{math, Kernels::cudnn, true}}) {
        if (variant.kernels == Kernels::cudnn && (!beside || !each.in_libraries)) continue;
        if (variant.trials && each.primitive.rfind("conv2d", 0) != 0) continue;
        if (math == Math::tf32 && each.flops == 0.0) continue;  // only products have another arithmetic
        const std::string name =
            fmt::format("gpu/{}/{}/{}/{}", each.primitive, each.shape, name_of(math), variant.name());
        benchmark::internal::Benchmark* row = benchmark::RegisterBenchmark(
            name.c_str(), [this, &each, variant](benchmark::State& state) { run(state, each, variant); });
        row->UseManualTime()->Unit(benchmark::kMicrosecond);
        if (emulated()) row->Iterations(1);
        ++rows;
      }
    }
  }
  return fmt::format("{} rows on device {}{}; {}", rows, device_,
                     emulated() ? ", small images, nothing is measured" : ", the level-2 cache overwritten before each",
                     emulated() ? "the libraries need a GPU" : "beside Curie: " + libraries.details.front());
}

}  // namespace

std::string register_device_rows() {
  const char* named = std::getenv("CURIE_BENCH_DEVICE");
  static DeviceRows rows(named == nullptr ? "cuda" : named);  // as long as the rows
  return rows.register_all();
}

}  // namespace curie::bench
