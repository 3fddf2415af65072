#include "model/plan.h"

#include <algorithm>
#include <numeric>

namespace curie {

MemoryPlan plan_memory(std::span<const Lifetime> blocks, std::size_t alignment) {
  const auto round_up = [alignment](std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; };
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });

  MemoryPlan plan{.offsets = std::vector<std::size_t>(blocks.size(), 0)};
  struct Taken {
    std::size_t first, end;
  };
  std::vector<std::size_t> placed;
  for (const std::size_t block : order) {
    if (blocks[block].bytes == 0) continue;
    std::vector<Taken> taken;
    for (const std::size_t other : placed) {
      const bool apart = blocks[other].last < blocks[block].first || blocks[block].last < blocks[other].first;
      if (!apart) taken.push_back({plan.offsets[other], plan.offsets[other] + round_up(blocks[other].bytes)});
    }
    std::sort(taken.begin(), taken.end(), [](const Taken& a, const Taken& b) { return a.first < b.first; });
    std::size_t offset = 0;
    for (const Taken& hole_end : taken) {
      if (offset + round_up(blocks[block].bytes) <= hole_end.first) break;
      offset = std::max(offset, hole_end.end);
    }
    plan.offsets[block] = offset;
    plan.total = std::max(plan.total, offset + round_up(blocks[block].bytes));
    placed.push_back(block);
  }
  return plan;
}

}  // namespace curie
