// What follows a backward pass: gradients are accumulated over batches, clipped, given to the optimizer, and the
// weights' moving average is brought up to date.
#pragma once

#include <cstdint>

#include "model/parameters.h"
#include "optim/optimizer.h"

namespace curie {

class Updater {
 public:
  // Which of the operations a batch asks for. A recording holds for one of these.
  struct Phase {
    bool begins = true;       // the first batch of an update
    bool updates = true;      // the last one
    bool first = true;        // of all updates: it sets the average
    bool overwrites = false;  // the averages replace the weights after the update
    auto operator<=>(const Phase&) const = default;
  };

  Updater(Backend& backend, const Optimizer& optimizer, const ParameterStore& store);

  Phase phase(std::uint32_t step) const;
  void run(const Phase& phase, const StepState* state);

  // The averages replace the weights; without effect before the first update, or where none are kept.
  void overwrite_weights(std::uint32_t steps_done);
  // The weights change places with the averages, and back again.
  void swap_weights(std::uint32_t steps_done);

 private:
  bool averages(std::uint32_t steps_done) const;
  void replace_weights(const Tensor& by);

  Backend& backend_;
  const Optimizer& optimizer_;
  const ParameterStore& store_;
  ClipShape clip_;
  bool clips_ = false;
  Tensor gradients_, weights_, accumulated_, average_;  // flat; undefined where they are not kept
  Tensor segment_ends_, clip_scratch_, swap_;
};

}  // namespace curie
