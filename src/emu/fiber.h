// A stack of its own for each emulated thread, and the switch between two of them. The switch is a few lines of
// assembly on x86-64 and aarch64 and ucontext elsewhere; it tells AddressSanitizer what it does.
#pragma once

#include <cstddef>

#if !defined(__x86_64__) && !defined(__aarch64__)
#define CURIE_FIBER_UCONTEXT
#endif
#ifdef CURIE_FIBER_UCONTEXT
#include <ucontext.h>
#endif

namespace curie::emu {

class Fiber {
 public:
  static constexpr std::size_t kStackBytes = std::size_t{64} << 10;

  Fiber() = default;  // stands for the host thread's own stack
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  // Takes a stack (once) and makes the next switch to this fiber call `entry`, which must never return.
  // `colour` staggers the stacks: page-aligned tops of a thousand fibers would fight for the same cache sets.
  void prepare(void (*entry)(), unsigned colour);

  // Leaves `from`, the running fiber, for `to`. With `last`, from is never switched to again before prepare().
  static void change(Fiber& from, Fiber& to, bool last = false);
  // The first thing that `entry` calls.
  static void arrived();

  bool owns(const void* address) const {
    return owned_ && static_cast<std::size_t>(static_cast<const char*>(address) - stack_) < bytes_;
  }
  // Whether the address lies on the guard page below the stack: a stack overflow.
  bool guards(const void* address) const;

 private:
  char* stack_ = nullptr;  // lowest usable address; a guard page lies below
  std::size_t bytes_ = 0;
  bool owned_ = false;
#ifdef CURIE_FIBER_UCONTEXT
  ucontext_t context_;
#else
  void* stack_pointer_ = nullptr;
#endif
  [[maybe_unused]] void* fake_stack_ = nullptr;  // AddressSanitizer's
};

}  // namespace curie::emu
