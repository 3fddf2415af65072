// Which of the asynchronous units' accesses happen before which, by vector clocks. Agents are the block's warps, whose
// lanes count as one, and the bulk copies.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace curie::emu {

class Agents {
 public:
  static constexpr std::size_t kCopies = 32;  // the agent behind the warps
  using Clock = std::array<std::uint32_t, kCopies + 1>;
  struct Moment {
    std::size_t agent = kCopies;
    std::uint32_t time = 0;
  };

  void restart() {
    for (std::size_t agent = 0; agent <= kCopies; ++agent) {
      clocks_[agent].fill(0);
      clocks_[agent][agent] = 1;
    }
  }
  Moment now(std::size_t agent) const { return {agent, clocks_[agent][agent]}; }
  bool seen(const Moment& then, std::size_t by) const { return clocks_[by][then.agent] >= then.time; }

  // What the agent has done and seen so far goes into the clock; what it does from here on does not.
  void publish(std::size_t agent, Clock& into) {
    join(into, clocks_[agent]);
    ++clocks_[agent][agent];
  }
  void learn(std::size_t agent, const Clock& from) { join(clocks_[agent], from); }
  // __syncthreads
  void meet(std::size_t warps) {
    Clock all{};
    for (std::size_t warp = 0; warp < warps; ++warp) publish(warp, all);
    for (std::size_t warp = 0; warp < warps; ++warp) learn(warp, all);
  }

 private:
  static void join(Clock& into, const Clock& from) {
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = std::max(into[i], from[i]);
  }

  std::array<Clock, kCopies + 1> clocks_{};
};

}  // namespace curie::emu
