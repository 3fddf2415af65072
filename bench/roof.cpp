#include "roof.h"

#include "ops/backend.h"

namespace curie::bench {

const Roof& roof() {
  static const Roof measured = make_cpu_backend()->measure_roof().value();
  return measured;
}

void report(benchmark::State& state, const Work& work) {
  using benchmark::Counter;
  if (work.dense > 0.0) state.counters["GFLOP/s"] = Counter(work.dense * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(work.bytes * 1e-9, Counter::kIsIterationInvariantRate);
  const LeastTime least = least_time(work, 0.0, roof());
  state.counters["of_roof"] = Counter(least.seconds, Counter::kIsIterationInvariantRate);
}

}  // namespace curie::bench
