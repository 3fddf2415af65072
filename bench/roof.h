// The machine's roof, measured once when the program starts: how fast all its cores multiply and add, and how fast they
// copy memory that no cache holds. What a kernel reaches is printed as a fraction of it.
#pragma once

#include <benchmark/benchmark.h>

namespace curie::bench {

struct Roof {
  int threads = 0;
  double flops = 0.0;  // fused multiply-adds, two operations each, a second
  double bytes = 0.0;  // read and written by a copy, a second
};

const Roof& roof();

// The work of one iteration: arithmetic operations and the fewest bytes that must move. Sets the counters GFLOP/s
// (where there is arithmetic worth counting), GB/s and of_roof, the larger of the two times that the roof allows over
// the time taken.
void report(benchmark::State& state, double flops, double bytes);

}  // namespace curie::bench
