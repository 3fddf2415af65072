// The few scalars that change from one training step to the next. They live in device memory, written by the host
// before a step, because a captured graph freezes its arguments.
#pragma once

#include <cstdint>

namespace curie {

struct StepState {
  std::uint32_t step = 0;            // training steps done before this one; the dropout counter
  float learning_rate = 0.0f;        // after schedule and decay
  float momentum_correction = 1.0f;  // Adam: 1 - beta1^t, t = step + 1
  float variance_correction = 1.0f;  // Adam: 1 - beta2^t
};

}  // namespace curie
