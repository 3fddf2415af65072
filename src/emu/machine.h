// The emulator's state while a kernel runs. Shared by the emulator's own source files only.
#pragma once

#include <pthread.h>

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emu/emulator.h"
#include "emu/fiber.h"
#include "emu/observer.h"

namespace curie::emu {

constexpr int kWarp = 32;
constexpr int kMaxThreads = 1024;

enum class State : std::uint8_t {
  waiting_to_start,
  ready,
  at_barrier,
  at_warp_operation,
  at_mbarrier,
  at_wgmma,
  ended
};

struct AsyncCopy {
  void* shared;
  const void* global;
  int bytes, source_bytes, group;
  Where where;
};

struct Thread {
  Fiber* fiber = nullptr;
  uint3 index{};
  int warp = 0, lane = 0;
  State state = State::waiting_to_start;
  WarpWord word{};
  unsigned mask = 0;
  Where where;
  int committed_groups = 0;
  std::vector<AsyncCopy> copies;
};

struct Warp {
  unsigned exists = 0, ready = 0, arrived = 0, ended = 0;  // lanes
  std::array<void*, kWarp> slots{};
};

class Machine {
 public:
  static Machine& instance();
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine();

  void run(const Grid& grid, Body body, void* context);

  // Called by the running fiber.
  void arrive_at_barrier(Where where);
  int count_at_barrier(bool predicate, Where where);
  void arrive_at_warp_operation(WarpWord word, unsigned mask, void* slot, Complete complete, Where where);
  // The running thread waits until somebody wakes it.
  void wait_at(State state, Where where);
  void wake(int thread);
  void step_aside();
  // Leaves the running fiber for good; a signal handler may call it. `what` is taken over, for nobody unwinds that
  // stack.
  [[noreturn]] void stop(std::string what);

  // Runs what needs more stack than a fiber has.
  void on_host_stack(const std::function<void()>& task);

  std::string place() const;
  std::byte* ready_shared(SharedBlock& block);
  std::byte* dynamic_shared();
  // The block's shared memory as one window: addresses as instructions take them, and back. Both stop the kernel where
  // there is none of it.
  std::uint32_t window_address(const void* shared, Where where);
  std::byte* window_pointer(std::uint32_t address, std::size_t bytes);

  Thread& current() { return *current_; }
  const Thread& thread(std::size_t index) const { return threads_[index]; }
  std::size_t thread_count() const { return thread_count_; }
  const Grid* grid() const { return grid_; }
  const void* context() const { return context_; }
  bool in_kernel() const { return in_kernel_ && current_ != nullptr; }
  pthread_t host_thread() const { return host_thread_; }  // that runs the kernel
  Observer* observer() const { return grid_ == nullptr ? nullptr : grid_->observer; }
  Warp& warp_of(const Thread& thread) { return warps_[static_cast<std::size_t>(thread.warp)]; }
  int index_of(const Thread& thread) const { return static_cast<int>(&thread - threads_.data()); }
  const Fiber& running() const { return *running_; }
  bool overflowed(const void* address) const;
  bool on_a_stack(const void* address) const;  // of any thread of the block
  std::uint64_t switches() const { return switches_; }

 private:
  friend void fiber_main();

  void check_grid(const Grid& grid) const;
  void begin_launch(const Grid& grid);
  void run_block(dim3 block);
  void begin_block(dim3 block);
  void check_shared_guards();
  void thread_ends();
  void run_threads();
  Fiber& take_fiber();

  int pick();
  int pick_random();
  void resume(Thread& thread);
  void wait(State state);
  void set_ready(Warp& warp, unsigned lanes);
  void clear_ready(const Thread& thread);
  void release_barrier();
  void check_barrier(Where where);
  void check_warp_operation(const Thread& me, const Warp& warp);
  [[noreturn]] void stop_with_positions(std::string what);
  std::string positions() const;

  const Grid* grid_ = nullptr;
  Body body_ = nullptr;
  void* context_ = nullptr;
  pthread_t host_thread_{};
  bool in_kernel_ = false;
  std::string failure_;

  std::vector<Thread> threads_;
  std::array<Warp, kMaxThreads / kWarp> warps_;
  std::size_t thread_count_ = 0, warp_count_ = 0;
  unsigned ready_warps_ = 0;
  Thread* current_ = nullptr;
  Fiber* running_ = nullptr;
  Fiber host_;
  const std::function<void()>* task_ = nullptr;  // of the fiber that waits for it on the host's stack
  std::deque<Fiber> fibers_;                     // suspended threads run on them, so they never move
  std::vector<Fiber*> free_fibers_;
  std::uint32_t random_ = 1;
  std::uint64_t switches_ = 0;

  std::size_t live_ = 0, at_barrier_ = 0;
  Where barrier_where_;
  int counting_ = 0, counted_ = 0;

  std::uint64_t block_serial_ = 0;
  std::vector<SharedBlock*> touched_;  // by the running block
  std::uint32_t window_end_ = 0;       // of what was handed out
  std::size_t static_shared_bytes_ = 0;
  std::size_t most_static_shared_bytes_ = 0;  // of a block of the running launch
  std::unique_ptr<SharedBlock> dynamic_;
};

// Faults of this host thread's kernel become errors for as long as this lives.
class FaultWatch {
 public:
  FaultWatch();
  ~FaultWatch();
  FaultWatch(const FaultWatch&) = delete;
  FaultWatch& operator=(const FaultWatch&) = delete;
};
std::string short_name(const char* file);  // without its folders
std::string name_of(WarpWord word);
bool same_place(const Where& a, const Where& b);

}  // namespace curie::emu
