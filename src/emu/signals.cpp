// Faults of the running kernel become errors: a bad address, a stack overflow, an integer division by zero, and a
// thread that runs on and on without reaching a wait. The kernel is abandoned from inside the signal handler, which is
// safe because kernels hold no locks and own nothing.
#include <sys/time.h>

#include <csignal>
#include <memory>

#include "emu/machine.h"
#include "emu/memory.h"
#include "emu/symbols.h"
#include "tensor/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define CURIE_EMU_ASAN true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CURIE_EMU_ASAN true
#endif
#endif
#ifndef CURIE_EMU_ASAN
#define CURIE_EMU_ASAN false
#endif

namespace curie::emu {
namespace {

constexpr int kTicksPerSecond = 2;
constexpr bool kCatchesFaults = !CURIE_EMU_ASAN;  // AddressSanitizer reports bad addresses better

struct sigaction previous[NSIG];

const void* instruction_of(const void* context) {
  const auto* state = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(state->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<const void*>(state->uc_mcontext.pc);
#else
  (void)state;
  return nullptr;
#endif
}

std::string fault_text(int signal, const siginfo_t& info) {
  if (signal == SIGFPE) return "divides an integer by zero";
  const void* address = info.si_addr;
  if (Machine::instance().overflowed(address)) {
    return fmt::format("overflows its stack of {} KiB: too deep a recursion or too large a local array",
                       Fiber::kStackBytes >> 10);
  }
  const auto value = reinterpret_cast<std::uintptr_t>(address);
  if (signal == SIGBUS || info.si_code == SI_KERNEL) return "uses a misaligned or impossible address";
  if (value < 4096) return fmt::format("uses a null pointer (address {:#x})", value);
  std::string text = fmt::format("uses the bad address {:#x}", value);
  if (const MemoryBlock* block = nearest_memory(address)) {
    text += fmt::format("; the nearest device buffer is \"{}\" of {} bytes at {}", block->name, block->bytes,
                        fmt::ptr(block->data));
  }
  return text;
}

bool on_kernel_thread() {
  const Machine& machine = Machine::instance();
  return machine.in_kernel() && pthread_equal(pthread_self(), machine.host_thread()) != 0;
}

void on_fault(int signal, siginfo_t* info, void* context) {
  Machine& machine = Machine::instance();
  if (!on_kernel_thread()) {  // not ours: whoever was here before us decides
    sigaction(signal, &previous[signal], nullptr);
    return;
  }
  std::string what = fault_text(signal, *info);
  if (const std::string line = source_line(instruction_of(context)); !line.empty()) what += " at " + line;
  machine.stop(std::move(what));
}

// The timer counts the whole process's time, so the signal may reach any thread: it is handed on to the kernel's.
void on_tick(int, siginfo_t*, void* context) {
  static std::uint64_t seen = 0;
  static int silent = 0;
  Machine& machine = Machine::instance();
  if (!machine.in_kernel()) return;
  if (!on_kernel_thread()) {
    pthread_kill(machine.host_thread(), SIGVTALRM);
    return;
  }
  if (machine.switches() != seen) {
    seen = machine.switches();
    silent = 0;
    return;
  }
  if (++silent < static_cast<int>(settings().seconds_to_wait * kTicksPerSecond)) return;
  silent = 0;
  std::string what = fmt::format(
      "has run for {:.0f} s without reaching a wait: does it spin on a value that another thread of its block is to "
      "write?",
      settings().seconds_to_wait);
  if (const std::string line = source_line(instruction_of(context)); !line.empty()) what += " It is at " + line;
  machine.stop(std::move(what));
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | flags;
  struct sigaction before {};
  sigaction(signal, &action, &before);
  if (before.sa_sigaction != handler) previous[signal] = before;
}

void tick(int microseconds) {
  const itimerval interval{{0, microseconds}, {0, microseconds}};
  setitimer(ITIMER_VIRTUAL, &interval, nullptr);
}

// A handler cannot run on a stack that has overflowed, and looking up a line takes more than a fiber has.
class AlternativeStack {
 public:
  ~AlternativeStack() {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
  }
  void use() {
    stack_t stack{};
    stack.ss_sp = memory_.get();
    stack.ss_size = kBytes;
    sigaltstack(&stack, nullptr);
  }

 private:
  static constexpr std::size_t kBytes = std::size_t{1} << 20;  // libdw wants half of it
  std::unique_ptr<char[]> memory_{new char[kBytes]};
};

}  // namespace

// At every launch anew: others, such as a test framework, set handlers of their own in between.
FaultWatch::FaultWatch() {
  thread_local AlternativeStack alternative;
  alternative.use();
  if (kCatchesFaults) {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE}) handle(signal, on_fault, SA_ONSTACK);
  }
  handle(SIGVTALRM, on_tick, SA_RESTART | SA_ONSTACK);
  tick(1000000 / kTicksPerSecond);
}

FaultWatch::~FaultWatch() { tick(0); }

}  // namespace curie::emu
