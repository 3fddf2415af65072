// Runs a test once for each instruction set that was compiled in and that this CPU has. Where another device is tested,
// twice: its kernels read and write four floats at once where addresses allow it, and one by one elsewhere.
#pragma once

#include "cpu/simd.h"
#include "support/backend.h"
// Highway reads what simd.h defines.
#include <hwy/targets.h>

namespace curie {

template <typename Body>
void for_each_target(Body body) {
  if (!test::cpu_under_test()) {
    struct Restore {
      ~Restore() { test::elements_before() = 1; }
    } restore;
    body(test::device_under_test().c_str());
    test::elements_before() = 0;
    body((test::device_under_test() + ", aligned").c_str());
    return;
  }
  struct Restore {
    ~Restore() { hwy::SetSupportedTargetsForTest(0); }
  } restore;
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    body(hwy::TargetName(target));
  }
}

}  // namespace curie
