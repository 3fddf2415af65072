// Runs a test once for each instruction set that was compiled in and that this CPU has.
#pragma once

#include "cpu/simd.h"
// Highway reads what simd.h defines.
#include <hwy/targets.h>

namespace curie {

template <typename Body>
void for_each_target(Body body) {
  struct Restore {
    ~Restore() { hwy::SetSupportedTargetsForTest(0); }
  } restore;
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    body(hwy::TargetName(target));
  }
}

}  // namespace curie
