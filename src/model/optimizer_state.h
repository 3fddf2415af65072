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
  std::uint32_t updates = 0;  // done
  // Of each trained parameter, in the network's order, host copies in its shape: Adam's first and second moment, SGD's
  // velocity.
  std::vector<std::pair<std::string, std::vector<Tensor>>> slots;
};

OptimizerState optimizer_state(const Session& session);

// The next training step goes on from there; what is gathered for an update of several batches and moving averages of
// weights begin anew. Names, shapes and number must agree, else Error(file) and nothing is changed.
void set_optimizer_state(Session& session, const OptimizerState& state);

}  // namespace curie
