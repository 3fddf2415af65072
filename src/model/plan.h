// The memory plan: a pure function from lifetimes to offsets in one arena, made before the first step.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace curie {

// A block is in use from time `first` to time `last`, both included.
struct Lifetime {
  std::size_t bytes = 0;
  int first = 0;
  int last = 0;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  // one a block, multiples of the alignment
  std::size_t total = 0;             // the arena's size: the predicted peak
};

// Blocks whose lifetimes overlap never share bytes. Largest first, each at the lowest offset that is free throughout
// its life (greedy by size, as in Pisarchyk, Lee, "Efficient memory management for deep neural net inference", 2020).
MemoryPlan plan_memory(std::span<const Lifetime> blocks, std::size_t alignment = 256);

}  // namespace curie
