// What an optimizer remembers between steps, by parameter: for files that other programs go on from.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace curie {

class Session;

struct OptimizerState {
  std::uint32_t batches = 0;  // trained on: as many as updates, or several to an update
  // Of each trained parameter, in the network's order, host copies in its shape: Adam's first and second moment or
  // SGD's velocity; the sum of the gradients that the next update has gathered (where several batches make one); the
  // moving average (where one is kept). Optimizer::state_arrays() of them.
  std::vector<std::pair<std::string, std::vector<Tensor>>> arrays;
};

OptimizerState optimizer_state(const Session& session);

// The next training step goes on from there. Names, shapes and number must agree, else Error(file) and nothing is
// changed.
void set_optimizer_state(Session& session, const OptimizerState& state);

}  // namespace curie
