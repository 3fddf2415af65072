// What a device reaches at most, and which of its limits a primitive meets first.
#pragma once

#include <string>
#include <string_view>

#include "ops/work.h"

namespace curie {

// Rates measured by kernels that do nothing else.
struct Roof {
  double products = 0.0;     // operations of products a second, in the arithmetic that was chosen
  double elementwise = 0.0;  // float32 operations a second, two for a fused multiply-add
  double bytes = 0.0;        // read and written a second, of memory that no cache holds
  double launch = 0.0;       // seconds that starting a kernel that does nothing takes; on a CPU, waking its threads
  std::string how;           // "2 threads, AVX-512": one line for people
};

enum class Bound { arithmetic, memory, launch };
std::string_view name_of(Bound bound);  // "arithmetic", "memory", "launch"

// The least time that the work can take: the largest of what its arithmetic, its bytes and its launches take by
// themselves.
struct LeastTime {
  double seconds = 0.0;
  Bound bound = Bound::launch;
};
LeastTime least_time(const Work& work, double launches, const Roof& roof);

}  // namespace curie
