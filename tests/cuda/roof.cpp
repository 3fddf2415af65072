// The kernels that measure the roof compute what they claim to, and a timeline tells of every launch.
#include "cuda/roof.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "cuda/backend.h"
#include "device_array.h"

namespace curie::CURIE_GPU {

TEST_CASE("roof_products: every multiply-add is made") {
  Runtime runtime(0);
  constexpr int kBlocks = 2, kRounds = 3;
  const DeviceArray<float> sums(runtime, roof_threads(kBlocks));
  const double operations = roof_products(runtime.stream(), Math::exact, kBlocks, kRounds, sums.data());
  float expected = 0.0f;  // eight chains from 0 to 7, each halved and increased by one, exactly
  for (int chain = 0; chain < 8; ++chain) {
    float value = static_cast<float>(chain);
    for (int round = 0; round < kRounds; ++round) value = value * 0.5f + 1.0f;
    expected += value;
  }
  const std::vector<float> found = sums.values();
  CHECK(std::all_of(found.begin(), found.end(), [&](float value) { return value == expected; }));
  CHECK(operations == 2.0 * static_cast<double>(found.size()) * 8 * kRounds);
}

TEST_CASE("roof_products on tensor cores: sums of ones count the products") {
  Runtime runtime(0);
  if (runtime.compute_capability() < 80) return;
  constexpr int kRounds = 5;
  const DeviceArray<float> sums(runtime, roof_threads(1));
  for (const auto& [math, depth] : {std::pair{Math::tf32, 8}, std::pair{Math::bf16, 16}}) {
    const double operations = roof_products(runtime.stream(), math, 1, kRounds, sums.data());
    // Four tiles with four sums a thread, of `depth` products each time.
    const float expected = 4.0f * 4.0f * static_cast<float>(depth) * kRounds;
    const std::vector<float> found = sums.values();
    CHECK(std::count(found.begin(), found.end(), expected) == static_cast<std::ptrdiff_t>(found.size()));
    double products = 0.0;
    for (const float value : found) products += static_cast<double>(value);
    CHECK(operations == 2.0 * products);
  }
}

TEST_CASE("roof_copy copies, to the last of a block that is not full") {
  Runtime runtime(0);
  std::vector<float> values(4 * 1500);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const DeviceArray<float> from(runtime, values), to(runtime, values.size());
  roof_copy(runtime.stream(), values.size(), from.data(), to.data());
  CHECK(to.values() == values);
}

TEST_CASE("a timeline numbers marks and launches, tells grids, and begins anew") {
  Runtime runtime(0);
  const DeviceArray<float> sums(runtime, roof_threads(3));
  roof_nothing(runtime.stream());  // before anybody watches
  const std::unique_ptr<Timeline> timeline = runtime.watch();
  CHECK(timeline->launches() == 0);
  const std::size_t before = timeline->mark();
  roof_nothing(runtime.stream());
  roof_products(runtime.stream(), Math::exact, 3, 2, sums.data());
  const std::size_t after = timeline->mark();
  CHECK(after > before);
  REQUIRE(timeline->launches() == 2);
  CHECK(timeline->launch(0).kernel == "roof_nothing");
  const KernelLaunch launch = timeline->launch(1);
  CHECK(launch.kernel == "roof_multiply_add");
  CHECK(launch.grid == std::array<unsigned, 3>{3, 1, 1});
  CHECK(launch.block == std::array<unsigned, 3>{256, 1, 1});
  if (timeline->has_clock()) {
    CHECK(launch.seconds > 0.0);
    CHECK(timeline->seconds_between(before, after) >= launch.seconds);
  } else {
    CHECK(launch.seconds == 0.0);
  }
  timeline->restart();
  CHECK(timeline->launches() == 0);
  CHECK(timeline->mark() == 0);
  roof_nothing(runtime.stream());
  CHECK(timeline->launches() == 1);
}

TEST_CASE("a backend has a roof where it has a clock") {
  GpuBackend backend(0, {});
  const std::optional<Roof> roof = backend.measure_roof();
  CHECK(roof.has_value() == backend.watch()->has_clock());
  if (!roof) return;
  CHECK(roof->products > 0.0);
  CHECK(roof->bytes > 0.0);
  CHECK(roof->launch > 0.0);
}

}  // namespace curie::CURIE_GPU
