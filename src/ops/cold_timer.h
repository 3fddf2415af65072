// Times on a cold second-level cache: memory that is larger than any GPU's is overwritten before each call, so that
// what the call reads comes from main memory, as in training, where many tensors lie between two uses of one.
#pragma once

#include <cstddef>
#include <functional>

#include "ops/backend.h"

namespace curie {

class ColdTimer {
 public:
  // Twice the cache of the largest GPU of today (126 MB).
  static constexpr std::size_t kBytes = std::size_t{256} << 20;

  // Holds `bytes` of the backend's memory; few where nothing is to be measured.
  explicit ColdTimer(Backend& backend, std::size_t bytes = kBytes);
  // How long the machine is busy with what `work` starts; waits.
  double milliseconds(const std::function<void()>& work);

 private:
  Backend& backend_;
  std::size_t floats_;
  Buffer memory_;
};

}  // namespace curie
