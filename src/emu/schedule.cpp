// Who runs next, and what barriers and warp operations ask of those who wait.
#include <cstring>
#include <utility>

#include "emu/async_units.h"
#include "emu/machine.h"
#include "tensor/error.h"

namespace curie::emu {
namespace {

int lowest(unsigned bits) { return __builtin_ctz(bits); }
int highest(unsigned bits) { return 31 - __builtin_clz(bits); }

std::string to_string(const Where& where) { return fmt::format("{}:{}", short_name(where.file), where.line); }

std::string describe(const Thread& thread) {
  switch (thread.state) {
    case State::waiting_to_start:
      return "have not started";
    case State::ready:
      return "can run";
    case State::at_barrier:
      return "wait at __syncthreads, " + to_string(thread.where);
    case State::at_warp_operation:
      return fmt::format("wait at {}, {}", name_of(thread.word), to_string(thread.where));
    case State::at_mbarrier:
      return "wait for an mbarrier, " + to_string(thread.where);
    case State::at_wgmma:
      return "wait at a wgmma for the rest of their warpgroup, " + to_string(thread.where);
    case State::ended:
      break;
  }
  return "have returned";
}

}  // namespace

std::string short_name(const char* file) {
  const char* slash = std::strrchr(file, '/');
  return slash == nullptr ? file : slash + 1;
}

bool same_place(const Where& a, const Where& b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }

std::string name_of(WarpWord word) {
  switch (word) {
    case WarpWord::sync:
      return "__syncwarp";
    case WarpWord::shuffle:
      return "a shuffle";
    case WarpWord::vote:
      return "a vote";
    case WarpWord::ldmatrix:
      return "ldmatrix";
    case WarpWord::wgmma_fence:
      return "wgmma.fence";
    case WarpWord::wgmma_commit:
      return "wgmma.commit_group";
    case WarpWord::wgmma_wait:
      return "wgmma.wait_group";
    case WarpWord::mma:
      break;
  }
  return "mma";
}

// --- fibers ---------------------------------------------------------------------------------------------------------

void fiber_main() {
  Fiber::arrived();
  Machine& machine = Machine::instance();
  for (;;) {
    std::string exception;
    try {
      machine.body_(machine.context_);
    } catch (const std::exception& thrown) {
      exception = thrown.what();
    }
    if (!exception.empty()) {
      exception.insert(0, "throws an exception, which no GPU can: ");
      machine.stop(std::move(exception));
    }
    machine.thread_ends();
  }
}

Fiber& Machine::take_fiber() {
  if (free_fibers_.empty()) free_fibers_.push_back(&fibers_.emplace_back());
  Fiber& fiber = *free_fibers_.back();
  free_fibers_.pop_back();
  fiber.prepare(fiber_main, static_cast<unsigned>(fibers_.size()) * 13);
  return fiber;
}

void Machine::run_threads() {
  running_ = &host_;
  resume(threads_[static_cast<std::size_t>(pick())]);
  while (task_ != nullptr) {
    (*std::exchange(task_, nullptr))();
    running_ = current_->fiber;
    Fiber::change(host_, *running_);
  }
}

void Machine::on_host_stack(const std::function<void()>& task) {
  if (running_ == &host_) return task();
  task_ = &task;
  Fiber& from = *running_;
  running_ = &host_;
  Fiber::change(from, host_);
}

// The running fiber gives way to `thread`.
void Machine::resume(Thread& thread) {
  current_ = &thread;
  threadIdx = thread.index;
  if (thread.fiber == nullptr) thread.fiber = &take_fiber();
  Fiber& from = *running_;
  running_ = thread.fiber;
  ++switches_;
  Fiber::change(from, *thread.fiber);
}

// The body of the current thread has returned. Comes back when another thread is to start on the same stack.
void Machine::thread_ends() {
  Thread& me = *current_;
  if (!me.copies.empty()) {
    std::string what = fmt::format("returns while a cp.async of {} is in flight: wait for it first",
                                   to_string(me.copies.front().where));
    stop(std::move(what));
  }
  async_units().thread_ends();
  Fiber& fiber = *me.fiber;
  me.state = State::ended;
  me.fiber = nullptr;
  warp_of(me).ended |= 1u << me.lane;
  clear_ready(me);
  --live_;
  if (at_barrier_ > 0 && at_barrier_ == live_) stop_with_positions("returns while the others wait at a barrier");
  const int next = pick();
  if (next < 0 && live_ > 0) stop_with_positions("returns, and nobody is left who can run");
  ++switches_;
  if (next >= 0 && threads_[static_cast<std::size_t>(next)].fiber == nullptr) {
    current_ = &threads_[static_cast<std::size_t>(next)];
    current_->fiber = &fiber;
    threadIdx = current_->index;
    return;
  }
  free_fibers_.push_back(&fiber);
  Fiber& to = next < 0 ? host_ : *threads_[static_cast<std::size_t>(next)].fiber;
  if (next >= 0) {
    current_ = &threads_[static_cast<std::size_t>(next)];
    threadIdx = current_->index;
  }
  running_ = &to;
  Fiber::change(fiber, to, true);
}

void Machine::stop(std::string what) {
  if (!in_kernel()) throw_error(ErrorKind::internal, what);
  what.insert(0, place() + ": ");
  failure_.swap(what);
  Fiber& from = *running_;
  running_ = &host_;
  Fiber::change(from, host_, true);
  __builtin_unreachable();
}

void Machine::stop_with_positions(std::string what) {
  what += positions();
  stop(std::move(what));
}

// --- order ----------------------------------------------------------------------------------------------------------

int Machine::pick() {
  if (ready_warps_ == 0) return -1;
  const int warp = current_->warp;
  const bool same = (ready_warps_ >> warp & 1u) != 0;  // a warp runs on for as long as it can
  switch (settings().order) {
    case Order::ascending: {
      if (same) {
        const unsigned ready = warps_[static_cast<std::size_t>(warp)].ready;
        const unsigned above = ready & (~0u << current_->lane);
        return warp * kWarp + lowest(above != 0 ? above : ready);
      }
      const unsigned above = ready_warps_ & (~0u << warp);
      const int next = lowest(above != 0 ? above : ready_warps_);
      return next * kWarp + lowest(warps_[static_cast<std::size_t>(next)].ready);
    }
    case Order::descending: {
      const int next = same ? warp : highest(ready_warps_);
      return next * kWarp + highest(warps_[static_cast<std::size_t>(next)].ready);
    }
    case Order::random:
      break;
  }
  return pick_random();
}

int Machine::pick_random() {
  const auto any_of = [this](unsigned bits) {
    random_ = random_ * 1664525u + 1013904223u;
    for (unsigned skip = (random_ >> 8) % static_cast<unsigned>(__builtin_popcount(bits)); skip > 0; --skip) {
      bits &= bits - 1;
    }
    return lowest(bits);
  };
  const int warp = any_of(ready_warps_);
  return warp * kWarp + any_of(warps_[static_cast<std::size_t>(warp)].ready);
}

void Machine::set_ready(Warp& warp, unsigned lanes) {
  warp.ready |= lanes;
  ready_warps_ |= 1u << (&warp - warps_.data());
  for (unsigned rest = lanes; rest != 0; rest &= rest - 1) {
    const auto w = static_cast<std::size_t>(&warp - warps_.data());
    threads_[w * kWarp + static_cast<std::size_t>(lowest(rest))].state = State::ready;
  }
}

void Machine::clear_ready(const Thread& thread) {
  Warp& warp = warp_of(thread);
  warp.ready &= ~(1u << thread.lane);
  if (warp.ready == 0) ready_warps_ &= ~(1u << thread.warp);
}

void Machine::wait(State state) {
  current_->state = state;
  clear_ready(*current_);
  const int next = pick();
  if (next < 0) stop_with_positions("waits, and nobody is left who can run");
  resume(threads_[static_cast<std::size_t>(next)]);
}

void Machine::wait_at(State state, Where where) {
  current_->where = where;
  wait(state);
}

void Machine::wake(int thread) {
  Thread& woken = threads_[static_cast<std::size_t>(thread)];
  if (&woken != current_) set_ready(warp_of(woken), 1u << woken.lane);
}

// Whoever released the others is no more privileged than they.
void Machine::step_aside() {
  if (settings().order == Order::ascending) return;
  Thread& next = threads_[static_cast<std::size_t>(pick())];
  if (&next != current_) resume(next);
}

// --- barriers -------------------------------------------------------------------------------------------------------

void Machine::check_barrier(Where where) {
  if (at_barrier_ == 0 || same_place(where, barrier_where_)) return;
  std::string what = fmt::format("is at the barrier of {}, but others wait at the barrier of {}", to_string(where),
                                 to_string(barrier_where_));
  stop_with_positions(std::move(what));
}

void Machine::arrive_at_barrier(Where where) {
  current_->where = where;
  check_barrier(where);
  barrier_where_ = where;
  if (++at_barrier_ < live_) {
    wait(State::at_barrier);
    return;
  }
  if (live_ < thread_count_) {
    current_->state = State::at_barrier;
    std::string what = fmt::format("is at the barrier of {}, which others will never reach", to_string(where));
    stop_with_positions(std::move(what));
  }
  release_barrier();
  step_aside();
}

int Machine::count_at_barrier(bool predicate, Where where) {
  counting_ += predicate ? 1 : 0;
  arrive_at_barrier(where);
  return counted_;
}

void Machine::release_barrier() {
  at_barrier_ = 0;
  counted_ = counting_;
  counting_ = 0;
  ++statistics().barriers;
  async_units().barrier_passed(warp_count_);
  if (observer() != nullptr) observer()->barrier_passed();
  for (std::size_t w = 0; w < warp_count_; ++w) {
    if (const unsigned live = warps_[w].exists & ~warps_[w].ended; live != 0) set_ready(warps_[w], live);
  }
}

// --- warp operations ------------------------------------------------------------------------------------------------

void Machine::check_warp_operation(const Thread& me, const Warp& warp) {
  std::string what;
  if (const unsigned gone = me.mask & warp.ended; gone != 0) {
    what = fmt::format("is at {} of {}, whose mask {:#010x} names lanes that have returned ({:#010x})",
                       name_of(me.word), to_string(me.where), me.mask, gone);
  }
  for (unsigned rest = me.mask & warp.exists; rest != 0; rest &= rest - 1) {
    const Thread& other = threads_[static_cast<std::size_t>(me.warp * kWarp + lowest(rest))];
    if (other.word == me.word && other.mask == me.mask && same_place(other.where, me.where)) continue;
    what = fmt::format("is at {} of {} with mask {:#010x}, but lane {} of its warp is at {} of {} with mask {:#010x}",
                       name_of(me.word), to_string(me.where), me.mask, other.lane, name_of(other.word),
                       to_string(other.where), other.mask);
    break;
  }
  if (!what.empty()) stop(std::move(what));
}

void Machine::arrive_at_warp_operation(WarpWord word, unsigned mask, void* slot, Complete complete, Where where) {
  Thread& me = *current_;
  Warp& warp = warp_of(me);
  const unsigned mine = 1u << me.lane;
  if ((mask & mine) == 0) {
    std::string what = fmt::format("is at {} of {}, but its lane {} is not in the mask {:#010x}", name_of(word),
                                   to_string(where), me.lane, mask);
    stop(std::move(what));
  }
  me.word = word;
  me.mask = mask;
  me.where = where;
  warp.slots[static_cast<std::size_t>(me.lane)] = slot;
  warp.arrived |= mine;
  const unsigned needed = mask & warp.exists & ~warp.ended;
  if ((needed & ~warp.arrived) != 0) {
    wait(State::at_warp_operation);
    return;
  }
  check_warp_operation(me, warp);
  if (complete != nullptr) complete(warp.slots.data(), needed);
  warp.arrived &= ~needed;
  ++statistics().warp_operations;
  if (word == WarpWord::mma) ++statistics().matrix_products;
  if (word == WarpWord::sync && observer() != nullptr) observer()->warp_synced(me.warp, needed);
  set_ready(warp, needed);
  step_aside();
}

std::string Machine::positions() const {
  std::string text;
  for (std::size_t first = 0; first < thread_count_;) {
    const std::string what = describe(threads_[first]);
    std::size_t last = first;
    while (last + 1 < thread_count_ && describe(threads_[last + 1]) == what) ++last;
    text += first == last ? fmt::format("\n    thread {}: {}", first, what)
                          : fmt::format("\n    threads {} to {}: {}", first, last, what);
    first = last + 1;
  }
  return text + async_units().describe();
}

}  // namespace curie::emu
