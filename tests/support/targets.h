// Runs a test once for each instruction set that was compiled in and that this CPU has; once where another device is
// tested.
#pragma once

#include "cpu/simd.h"
#include "support/backend.h"
// Highway reads what simd.h defines.
#include <hwy/targets.h>

namespace curie {

template <typename Body>
void for_each_target(Body body) {
  if (!test::cpu_under_test()) {
    body(test::device_under_test().c_str());
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
