#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/roof.cpp"
#include <hwy/foreach_target.h>
// Highway's per-target headers must follow foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "roof.h"
#include "tensor/buffer.h"
#include "tensor/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace curie::bench::HWY_NAMESPACE {
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

}  // namespace curie::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace curie::bench {

HWY_EXPORT(multiply_add);

namespace {

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Roof measure() {
  ThreadPool pool;
  Roof roof{.threads = pool.threads()};
  constexpr int kRepeats = 5;
  constexpr long kRounds = 2'000'000;
  std::vector<double> operations(static_cast<std::size_t>(roof.threads) * 16);  // one cache line a thread and more
  std::vector<float> sinks(operations.size());
  const std::size_t bytes = std::size_t{128} << 20;
  const Buffer from = allocate_host(bytes);
  const Buffer to = allocate_host(bytes);
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const double arithmetic = seconds_of([&] {
      pool.run(roof.threads, [&](int part, int) {
        const std::size_t own = static_cast<std::size_t>(part) * 16;
        operations[own] = HWY_DYNAMIC_DISPATCH(multiply_add)(kRounds, &sinks[own]);
      });
    });
    benchmark::DoNotOptimize(sinks.data());
    roof.flops = std::max(roof.flops, operations[0] * roof.threads / arithmetic);
    const double copying = seconds_of([&] {
      pool.run(roof.threads, [&](int part, int) {
        const Range range = part_of(bytes, static_cast<std::size_t>(part), static_cast<std::size_t>(roof.threads));
        std::memcpy(to.data() + range.first, from.data() + range.first, range.last - range.first);
      });
    });
    roof.bytes = std::max(roof.bytes, 2.0 * static_cast<double>(bytes) / copying);
  }
  return roof;
}

}  // namespace

const Roof& roof() {
  static const Roof measured = measure();
  return measured;
}

void report(benchmark::State& state, double flops, double bytes) {
  using benchmark::Counter;
  if (flops > 0.0) state.counters["GFLOP/s"] = Counter(flops * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(bytes * 1e-9, Counter::kIsIterationInvariantRate);
  const double least_seconds = std::max(flops / roof().flops, bytes / roof().bytes);
  state.counters["of_roof"] = Counter(least_seconds, Counter::kIsIterationInvariantRate);
}

}  // namespace curie::bench
#endif
