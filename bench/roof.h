// The machine's roof, measured once when the program starts. What a kernel reaches is printed as a fraction of it.
#pragma once

#include <benchmark/benchmark.h>

#include "ops/roof.h"

namespace curie::bench {

const Roof& roof();  // of all cores

// The work of one iteration. Sets the counters GFLOP/s (where there is arithmetic worth counting; of convolutions and
// dense layers the dense count, as a library without fusion does it), GB/s and of_roof, the least time that the roof
// allows over the time taken. A fraction above 1 is memory that a cache holds.
void report(benchmark::State& state, const Work& work);

}  // namespace curie::bench
