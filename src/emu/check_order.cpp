#include "emu/check_order.h"

#include <algorithm>
#include <limits>

namespace curie::emu {
namespace {

std::uint64_t key_of(const void* address, int thread) {
  return reinterpret_cast<std::uintptr_t>(address) * 1024 + static_cast<unsigned>(thread);
}

}  // namespace

void Causality::launch_begins() {
  first_of_launch_ = ++interval_;
  blocks_.clear();
  fences_.clear();
  releases_.clear();
  released_.clear();
}

void Causality::block_begins(uint3 index) {
  ++interval_;
  blocks_.push_back({interval_, index, fences_.size(), releases_.size()});
  acquires_.clear();
  last_release_.clear();
  last_acquire_.clear();
}

// The warp's clock, one count later.
Causality::Clock& Causality::tick(std::size_t warp) {
  Clock& clock = clocks_[warp];
  if (clock.interval == interval_ && clock.count == std::numeric_limits<std::uint16_t>::max()) ++interval_;
  if (clock.interval != interval_) {
    clock.interval = interval_;
    clock.count = 0;
    clock.seen = {};
  }
  ++clock.count;
  return clock;
}

void Causality::warp_synced(int warp, unsigned lanes) {
  Clock& clock = tick(static_cast<std::size_t>(warp));
  std::array<std::uint16_t, 32> all{};
  for (std::size_t lane = 0; lane < 32; ++lane) {
    if ((lanes >> lane & 1u) == 0) continue;
    for (std::size_t other = 0; other < 32; ++other) all[other] = std::max(all[other], clock.seen[lane][other]);
  }
  for (std::size_t lane = 0; lane < 32; ++lane) {
    if ((lanes >> lane & 1u) != 0) all[lane] = clock.count;
  }
  for (std::size_t lane = 0; lane < 32; ++lane) {
    if ((lanes >> lane & 1u) != 0) clock.seen[lane] = all;
  }
}

void Causality::fenced(int thread, bool device) {
  tick(static_cast<std::size_t>(thread) / 32);
  fences_.push_back({now(thread), device});
}

void Causality::atomic(const void* address, int thread) {
  ++event_;
  const std::uint64_t key = key_of(address, thread);
  const Moment when = now(thread);
  if (released_.count(address) != 0) {
    const auto [last, first_time] = last_acquire_.try_emplace(key, acquires_.size());
    if (first_time || acquires_[last->second].when.interval != interval_) {
      last->second = acquires_.size();
      acquires_.push_back({address, when, event_});
    } else {
      acquires_[last->second].event = event_;
    }
  }
  if (fences_.size() == blocks_.back().fences) return;
  const auto [last, first_time] = last_release_.try_emplace(key, 0);
  if (!first_time && last->second == fences_.size()) return;
  last->second = fences_.size();
  released_.insert(address);
  releases_.push_back({address, when, fences_.size(), event_});
}

std::size_t Causality::at(std::uint32_t interval) const {
  const auto after = std::upper_bound(blocks_.begin(), blocks_.end(), interval,
                                      [](std::uint32_t value, const Block& block) { return value < block.first; });
  return after == blocks_.begin() ? 0 : static_cast<std::size_t>(after - blocks_.begin()) - 1;
}

bool Causality::seen_in_interval(const Moment& then, int thread) const {
  if (then.thread == thread) return true;
  const auto warp = static_cast<std::size_t>(thread) / 32;
  if (then.thread / 32u != warp || clocks_[warp].interval != interval_) return false;
  return clocks_[warp].seen[static_cast<std::size_t>(thread) % 32][then.thread % 32u] > then.count;
}

Causality::Mbarrier& Causality::mbarrier(const void* address) {
  if (heard_interval_ != interval_) {
    heard_interval_ = interval_;
    heard_ = {};
    mbarriers_.clear();
  }
  return mbarriers_[address];
}

void Causality::mbarrier_arrived(const void* address, int thread) {
  const auto warp = static_cast<std::size_t>(thread) / 32;
  const std::uint16_t count = tick(warp).count;
  Heard& gathered = mbarrier(address).gathered;
  heard_[warp][warp] = count;
  for (std::size_t i = 0; i < gathered.size(); ++i) gathered[i] = std::max(gathered[i], heard_[warp][i]);
}

void Causality::mbarrier_completed(const void* address) {
  Mbarrier& it = mbarrier(address);
  it.published = it.gathered;
}

void Causality::mbarrier_waited(const void* address, int thread) {
  const Heard& published = mbarrier(address).published;
  Heard& heard = heard_[static_cast<std::size_t>(thread) / 32];
  for (std::size_t i = 0; i < heard.size(); ++i) heard[i] = std::max(heard[i], published[i]);
}

bool Causality::handed(const Moment& then, int thread) const {
  return heard_interval_ == interval_ && heard_[static_cast<std::size_t>(thread) / 32][then.thread / 32u] > then.count;
}

bool Causality::seen_by_other(const Moment& then, int thread) const {
  if (then.interval < first_of_launch_) return true;
  if (then.interval >= first_of_block()) {
    if (then.interval != interval_ || seen_in_interval(then, thread) || handed(then, thread)) return true;
  }
  return published(then, thread);
}

// A fence that follows `then`, and that the release follows.
bool Causality::covered(const Moment& then, const Release& release, std::size_t first_fence) const {
  for (std::size_t i = release.fences_end; i-- > first_fence;) {
    const auto& [fence, device] = fences_[i];
    if (!device && then.interval < first_of_block()) continue;
    const bool after = fence.interval > then.interval ||
                       (fence.interval == then.interval && fence.thread == then.thread && fence.count > then.count);
    if (after && (fence.thread == release.when.thread || fence.interval < release.when.interval)) return true;
  }
  return false;
}

bool Causality::published(const Moment& then, int thread) const {
  if (acquires_.empty()) return false;
  const std::size_t block = at(then.interval);
  const std::size_t end = block + 1 < blocks_.size() ? blocks_[block + 1].releases : releases_.size();
  for (std::size_t i = blocks_[block].releases; i < end; ++i) {
    const Release& release = releases_[i];
    const bool acquired = std::any_of(acquires_.begin(), acquires_.end(), [&](const Acquire& acquire) {
      return acquire.address == release.address && acquire.event > release.event &&
             (acquire.when.interval < interval_ || seen_in_interval(acquire.when, thread));
    });
    if (acquired && covered(then, release, blocks_[block].fences)) return true;
  }
  return false;
}

}  // namespace curie::emu
