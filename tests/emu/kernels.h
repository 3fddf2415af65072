// Kernels for the tests of the emulator. Each .cu file is compiled for fast mode and for checked mode.
#pragma once

#include <cstddef>

namespace curie::test {

constexpr int kElements = 256;  // of x and y

struct Arrays {
  float* y;
  const float* x;  // x[i] = i
  int* counters;   // four zeros
  int n = kElements;
};

struct Kernel {
  const char* name;
  void (*launch)(const Arrays& arrays);
};
struct Kernels {
  const Kernel* first;
  std::size_t count;
  const Kernel* begin() const { return first; }
  const Kernel* end() const { return first + count; }
};

// The line of the planted bug, set by the thread that is about to run into it.
extern volatile int bug_line;

}  // namespace curie::test

namespace curie::emulated {
test::Kernels planted_bugs();
test::Kernels correct_kernels();
test::Kernels handed_kernels();
}  // namespace curie::emulated
namespace curie::checked {
test::Kernels planted_bugs();
test::Kernels correct_kernels();
test::Kernels handed_kernels();
test::Kernels patterns_to_profile();
}  // namespace curie::checked
