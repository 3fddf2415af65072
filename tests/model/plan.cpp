#include "model/plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "tensor/random.h"

using namespace curie;

namespace {

bool overlap(std::size_t a, std::size_t a_bytes, std::size_t b, std::size_t b_bytes) {
  return a < b + b_bytes && b < a + a_bytes;
}

// The most bytes alive at one time: no plan can need less.
std::size_t lower_bound(const std::vector<Lifetime>& blocks) {
  std::size_t most = 0;
  for (const Lifetime& at : blocks) {
    std::size_t alive = 0;
    for (const Lifetime& block : blocks) {
      if (block.first <= at.first && at.first <= block.last) alive += block.bytes;
    }
    most = std::max(most, alive);
  }
  return most;
}

}  // namespace

TEST_CASE("blocks that never meet share memory") {
  const std::vector<Lifetime> blocks = {{1024, 0, 1}, {1024, 2, 3}, {512, 1, 2}};
  const MemoryPlan plan = plan_memory(blocks);
  CHECK(plan.offsets[0] == plan.offsets[1]);
  CHECK(plan.total == 1536);
}

TEST_CASE("an empty plan and blocks of no bytes take nothing") {
  CHECK(plan_memory({}).total == 0);
  const std::vector<Lifetime> blocks = {{0, 0, 9}};
  CHECK(plan_memory(blocks).total == 0);
}

TEST_CASE("blocks alive together never overlap, offsets are aligned, and little is wasted") {
  for (std::uint32_t round = 0; round < 200; ++round) {
    std::vector<Lifetime> blocks;
    const RandomStream stream{.seed = 7, .stream = round};
    const auto count = 1 + below(stream, 0, 40);
    for (std::uint64_t i = 0; i < count; ++i) {
      const int first = static_cast<int>(below(stream, 3 * i + 1, 30));
      const int last = first + static_cast<int>(below(stream, 3 * i + 2, 10));
      blocks.push_back({256 * (1 + std::size_t{below(stream, 3 * i + 3, 50)}), first, last});
    }
    const MemoryPlan plan = plan_memory(blocks);
    for (std::size_t a = 0; a < blocks.size(); ++a) {
      CHECK(plan.offsets[a] % 256 == 0);
      CHECK(plan.offsets[a] + blocks[a].bytes <= plan.total);
      for (std::size_t b = 0; b < a; ++b) {
        const bool together = blocks[a].first <= blocks[b].last && blocks[b].first <= blocks[a].last;
        if (together) CHECK_FALSE(overlap(plan.offsets[a], blocks[a].bytes, plan.offsets[b], blocks[b].bytes));
      }
    }
    CHECK(plan.total >= lower_bound(blocks));
    CHECK(plan.total <= 2 * lower_bound(blocks));
  }
}
