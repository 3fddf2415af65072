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
#include "ops/cold_timer.h"
#include "tensor/error.h"

namespace curie::bench {
namespace {

constexpr std::size_t kOverwrittenWhenEmulated = 1024;  // bytes
constexpr double kTransformTolerance = 2e-2;            // of what libraries and Winograd compute
constexpr double kBetweenNeighbours = 0x1p-7;           // values of bfloat16, relative

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
    std::vector<Arrays::Result> results;
  };

  Backend& backend(const Variant& variant) {
    std::unique_ptr<Backend>& made = backends_[variant];
    if (made == nullptr) {
      made =
          make_backend(device_, {.math = variant.math, .kernels = variant.kernels, .library_trials = variant.trials});
    }
    return *made;
  }
  static std::vector<Variant> variants(const Case& of, bool beside);
  const std::vector<Arrays::Result>& expected(const Case& of);
  std::string difference(const Case& of, const Variant& variant, const Arrays& arrays);
  void run(benchmark::State& state, const Case& of, const Variant& variant);

  std::string device_;
  std::vector<Case> cases_;
  std::map<Variant, std::unique_ptr<Backend>> backends_;
  std::unique_ptr<Backend> cpu_ = make_cpu_backend();
  Expected expected_;  // of one case: the rows of a case follow each other
};

const std::vector<Arrays::Result>& DeviceRows::expected(const Case& of) {
  if (expected_.of != &of) {
    Arrays arrays(*cpu_);
    of.prepare(arrays)();
    expected_ = {&of, arrays.results()};
  }
  return expected_.results;
}

// The operands are values of bfloat16, so that the CPU's results are right for every arithmetic, and on bfloat16 they
// are rounded where it stores them. Sums of small integers are exact in any order, but not through the transforms of
// Winograd's and other methods. Values next to a rounding, where results are not exact, may go the other way.
std::string DeviceRows::difference(const Case& of, const Variant& variant, const Arrays& arrays) {
  const std::vector<Arrays::Result> found = arrays.results();
  const std::vector<Arrays::Result>& wanted = expected(of);
  const bool theirs = variant.kernels != Kernels::curie, bf16 = variant.math == Math::bf16;
  for (std::size_t output = 0; output < wanted.size(); ++output) {
    const bool rounded = bf16 && wanted[output].stored;
    const bool transformed = theirs || variant.math == Math::winograd;
    double tolerance = transformed ? std::max(of.tolerance, kTransformTolerance) : of.tolerance;
    if (tolerance > 0.0 && (rounded || (bf16 && theirs))) tolerance += kBetweenNeighbours;  // theirs round more
    for (std::size_t i = 0; i < wanted[output].values.size(); ++i) {
      const float exact = wanted[output].values[i];
      const double a = static_cast<double>(found[output].values[i]);
      const double b = static_cast<double>(rounded ? to_float(to_bf16(exact)) : exact);
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
    const bool bf16 = variant.math == Math::bf16;
    const std::function<void()> call = bf16 ? of.prepare_bf16(arrays) : of.prepare(arrays);
    call();
    if (const std::string wrong = difference(of, variant, arrays); !wrong.empty()) {
      state.SkipWithError(("wrong result: " + wrong).c_str());
      return;
    }
    ColdTimer timer(on, emulated() ? kOverwrittenWhenEmulated : ColdTimer::kBytes);
    for (auto _ : state) state.SetIterationTime(timer.milliseconds(call) * 1e-3);
    if (of.flops > 0) {
      state.counters["FLOP/s"] = benchmark::Counter(of.flops, benchmark::Counter::kIsIterationInvariantRate);
    }
    state.counters["B/s"] =
        benchmark::Counter(bf16 ? of.bf16_bytes : of.bytes, benchmark::Counter::kIsIterationInvariantRate);
    state.SetLabel(of.recipes);
  } catch (const Error& error) {
    state.SkipWithError(error.what());
  }
}

// The rows of a case; `beside`: with those of the libraries.
std::vector<DeviceRows::Variant> DeviceRows::variants(const Case& of, bool beside) {
  std::vector<Variant> all;
  for (const Math math : {Math::exact, Math::winograd, Math::tf32, Math::bf16}) {
    if (math == Math::winograd && !of.in_winograd) continue;
    if (math == Math::tf32 && of.flops == 0.0) continue;  // only products have another arithmetic
    all.push_back({math, Kernels::curie});
    // Winograd's method stands beside the libraries' exact rows; what bfloat16 leaves to Curie, backend_bf16.h says.
    const bool left_to_curie = math == Math::bf16 && of.primitive.rfind("batch_norm", 0) == 0;
    if (!beside || !of.in_libraries || left_to_curie || math == Math::winograd) continue;
    all.push_back({math, Kernels::cudnn});
    if (of.primitive.rfind("conv2d", 0) == 0) all.push_back({math, Kernels::cudnn, true});
  }
  return all;
}

std::string DeviceRows::register_all() {
  const BackendStatus status = backend_status(device_.substr(0, device_.find(':')));
  if (!status.available) return fmt::format("no rows for device {}: {}", device_, status.details.front());
  const BackendStatus libraries = cudnn_status();
  const bool beside = !emulated() && libraries.available;
  int rows = 0;
  for (const Case& each : cases_) {
    for (const Variant& variant : variants(each, beside)) {
      const std::string name =
          fmt::format("gpu/{}/{}/{}/{}", each.primitive, each.shape, name_of(variant.math), variant.name());
      benchmark::internal::Benchmark* row = benchmark::RegisterBenchmark(
          name.c_str(), [this, &each, variant](benchmark::State& state) { run(state, each, variant); });
      row->UseManualTime()->Unit(benchmark::kMicrosecond);
      if (emulated()) row->Iterations(1);
      ++rows;
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
