// Which accesses of a launch happen before which: what barriers, __syncwarp, and __threadfence with atomics promise.
//
// Time is cut into intervals: a new one begins with every block and at every barrier. Within an interval each warp
// counts its __syncwarps and fences.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "emu/emulator.h"

namespace curie::emu {

// An access by a thread (its linear index in the block).
struct Moment {
  std::uint32_t interval = 0;
  std::uint16_t thread = 0;
  std::uint16_t count = 0;  // of its warp
};

class Causality {
 public:
  void launch_begins();
  void block_begins(uint3 index);
  void barrier_passed() { ++interval_; }
  void warp_synced(int warp, unsigned lanes);
  void fenced(int thread, bool device);
  void atomic(const void* address, int thread);
  // mbarriers order whole warps: what lanes of one warp do is __syncwarp's to order.
  void mbarrier_arrived(const void* address, int thread);
  void mbarrier_completed(const void* address);
  void mbarrier_waited(const void* address, int thread);

  Moment now(int thread) const {
    return {interval_, static_cast<std::uint16_t>(thread), count_of(static_cast<std::size_t>(thread) / 32)};
  }
  // Whether what happened at `then` in this launch is seen by `thread` of the running block.
  bool seen(const Moment& then, int thread) const {
    if (then.interval == interval_ && then.thread == thread) return true;
    return seen_by_other(then, thread);
  }
  std::uint32_t interval() const { return interval_; }
  std::uint32_t first_of_block() const { return blocks_.back().first; }
  std::uint32_t first_of_launch() const { return first_of_launch_; }
  uint3 block_of(std::uint32_t interval) const { return blocks_[at(interval)].index; }

 private:
  struct Clock {
    std::uint32_t interval = 0;                            // that the rest belongs to
    std::uint16_t count = 0;                               // of syncs and fences
    std::array<std::array<std::uint16_t, 32>, 32> seen{};  // [lane][other]: the other's accesses before this count
  };
  struct Fence {
    Moment when;
    bool device;
  };
  // An atomic after a fence publishes what the fence covers to whoever changes the same address later.
  struct Release {
    const void* address;
    Moment when;
    std::size_t fences_end;
    std::uint64_t event;
  };
  struct Acquire {
    const void* address;
    Moment when;
    std::uint64_t event;
  };
  // Of each warp: its accesses before this count.
  using Heard = std::array<std::uint16_t, 32>;
  struct Mbarrier {
    Heard gathered{}, published{};  // by arrivals of all phases, and of those that are over
  };
  struct Block {
    std::uint32_t first;  // interval
    uint3 index;
    std::size_t fences, releases;  // the first ones
  };

  std::uint16_t count_of(std::size_t warp) const {
    return clocks_[warp].interval == interval_ ? clocks_[warp].count : std::uint16_t{0};
  }
  Clock& tick(std::size_t warp);
  std::size_t at(std::uint32_t interval) const;
  bool seen_by_other(const Moment& then, int thread) const;
  bool seen_in_interval(const Moment& then, int thread) const;
  bool handed(const Moment& then, int thread) const;
  bool published(const Moment& then, int thread) const;
  Mbarrier& mbarrier(const void* address);
  bool covered(const Moment& then, const Release& release, std::size_t first_fence) const;

  std::uint32_t interval_ = 1, first_of_launch_ = 1;
  std::array<Clock, 32> clocks_;
  std::uint32_t heard_interval_ = 0;  // that the next two belong to
  std::array<Heard, 32> heard_{};     // by each warp, through mbarriers
  std::unordered_map<const void*, Mbarrier> mbarriers_;
  std::vector<Block> blocks_;
  std::vector<Fence> fences_;
  std::vector<Release> releases_;
  std::vector<Acquire> acquires_;  // by the running block
  std::unordered_set<const void*> released_;
  std::unordered_map<std::uint64_t, std::size_t> last_release_, last_acquire_;  // by address and thread
  std::uint64_t event_ = 0;
};

}  // namespace curie::emu
