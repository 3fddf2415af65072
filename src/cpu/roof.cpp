#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/roof.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <vector>

#include "cpu/backend.h"
#include "tensor/buffer.h"

HWY_BEFORE_NAMESPACE();
namespace curie::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Enough independent chains to hide the latency of a fused multiply-add on every core of today.
constexpr int kChains = 12;

double multiply_add(long rounds, float* sink) {
  const hn::ScalableTag<float> d;
  using Vector = hn::Vec<decltype(d)>;
  Vector sums[kChains];
  CURIE_UNROLL
  for (int i = 0; i < kChains; ++i) sums[i] = hn::Set(d, 0.1f * static_cast<float>(i));
  const Vector factor = hn::Set(d, 0.999999f);
  const Vector step = hn::Set(d, 1e-6f);
  for (long round = 0; round < rounds; ++round) {
    CURIE_UNROLL
    for (int i = 0; i < kChains; ++i) sums[i] = hn::MulAdd(sums[i], factor, step);
  }
  Vector total = sums[0];
  CURIE_UNROLL
  for (int i = 1; i < kChains; ++i) total = hn::Add(total, sums[i]);
  *sink = hn::GetLane(total);
  return 2.0 * kChains * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

}  // namespace curie::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie {

HWY_EXPORT(multiply_add);

namespace {

constexpr int kRepeats = 5;

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double arithmetic_rate(ThreadPool& pool) {
  constexpr long kRounds = 2'000'000;
  constexpr std::size_t kApart = 16;  // floats: a cache line for each thread
  const int threads = pool.threads();
  std::vector<double> operations(static_cast<std::size_t>(threads) * kApart);
  std::vector<float> sinks(operations.size());
  double best = 0.0;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const double seconds = seconds_of([&] {
      pool.run(threads, [&](int part, int) {
        const std::size_t own = static_cast<std::size_t>(part) * kApart;
        operations[own] = HWY_DYNAMIC_DISPATCH(multiply_add)(kRounds, &sinks[own]);
      });
    });
    best = std::max(best, operations[0] * threads / seconds);
  }
  return best;
}

double copy_rate(ThreadPool& pool) {
  constexpr std::size_t kBytes = std::size_t{128} << 20;
  const Buffer from = allocate_host(kBytes), to = allocate_host(kBytes);
  const int threads = pool.threads();
  double best = 0.0;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const double seconds = seconds_of([&] {
      pool.run(threads, [&](int part, int) {
        const Range range = part_of(kBytes, static_cast<std::size_t>(part), static_cast<std::size_t>(threads));
        std::memcpy(to.data() + range.first, from.data() + range.first, range.last - range.first);
      });
    });
    best = std::max(best, 2.0 * static_cast<double>(kBytes) / seconds);
  }
  return best;
}

// What it takes to wake all threads for nothing and to wait for them, the best of several stretches.
double seconds_to_start(ThreadPool& pool) {
  constexpr int kStarts = 1000;
  double best = 0.0;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const double seconds = seconds_of([&] {
      for (int i = 0; i < kStarts; ++i) pool.run(pool.threads(), [](int, int) {});
    });
    best = repeat == 0 ? seconds : std::min(best, seconds);
  }
  return best / kStarts;
}

}  // namespace

std::optional<Roof> CpuBackend::measure_roof() {
  const double operations = arithmetic_rate(pool_);
  return Roof{.products = operations,
              .elementwise = operations,
              .bytes = copy_rate(pool_),
              .launch = seconds_to_start(pool_),
              .how = describe()};
}

}  // namespace curie
#endif
