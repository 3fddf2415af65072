#include "emu/fiber.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define CURIE_FIBER_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CURIE_FIBER_ASAN
#endif
#endif
#ifdef CURIE_FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(CURIE_FIBER_UCONTEXT)
#elif defined(__x86_64__)
// Saves what the System V ABI asks a function to keep; the return address of the first switch to a fiber is its entry.
asm(R"(
.text
.globl curie_emu_switch
.type curie_emu_switch,@function
curie_emu_switch:
  .cfi_startproc
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .cfi_endproc
.size curie_emu_switch,.-curie_emu_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl curie_emu_switch
.type curie_emu_switch,%function
curie_emu_switch:
  .cfi_startproc
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
  .cfi_endproc
.size curie_emu_switch,.-curie_emu_switch
)");
#endif

#ifndef CURIE_FIBER_UCONTEXT
extern "C" void curie_emu_switch(void** save_stack_pointer, void* stack_pointer);
#endif

namespace curie::emu {
namespace {

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

#ifdef CURIE_FIBER_ASAN
// Set before each switch for the side that arrives.
Fiber* arriving = nullptr;
#endif

}  // namespace

Fiber::~Fiber() {
  if (owned_) munmap(stack_ - page_bytes(), kStackBytes + page_bytes());
}

void Fiber::prepare(void (*entry)(), unsigned colour) {
  if (stack_ == nullptr) {
    void* memory = mmap(nullptr, kStackBytes + page_bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    mprotect(memory, page_bytes(), PROT_NONE);
    stack_ = static_cast<char*>(memory) + page_bytes();
    bytes_ = kStackBytes;
    owned_ = true;
  }
#ifdef CURIE_FIBER_ASAN
  __asan_unpoison_memory_region(stack_, bytes_);
  fake_stack_ = nullptr;
#endif
  constexpr unsigned kColours = 128;
  const std::size_t usable = bytes_ - colour % kColours * 64;
#if defined(CURIE_FIBER_UCONTEXT)
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = usable;
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#elif defined(__x86_64__)
  auto** top = reinterpret_cast<void**>(stack_ + usable);
  *--top = nullptr;  // the return address of `entry`: ends a debugger's backtrace
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  stack_pointer_ = top;
#else
  auto** frame = reinterpret_cast<void**>(stack_ + usable - 160);
  for (int i = 0; i < 20; ++i) frame[i] = nullptr;
  frame[11] = reinterpret_cast<void*>(entry);  // x30, the link register
  stack_pointer_ = frame;
#endif
}

void Fiber::change(Fiber& from, Fiber& to, [[maybe_unused]] bool last) {
#ifdef CURIE_FIBER_ASAN
  if (from.stack_ == nullptr) {  // the host thread
    pthread_attr_t attributes;
    void* lowest = nullptr;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &lowest, &from.bytes_);
    pthread_attr_destroy(&attributes);
    from.stack_ = static_cast<char*>(lowest);
  }
  arriving = &to;
  __sanitizer_start_switch_fiber(last ? nullptr : &from.fake_stack_, to.stack_, to.bytes_);
#endif
#ifdef CURIE_FIBER_UCONTEXT
  swapcontext(&from.context_, &to.context_);
#else
  curie_emu_switch(&from.stack_pointer_, to.stack_pointer_);
#endif
#ifdef CURIE_FIBER_ASAN
  __sanitizer_finish_switch_fiber(from.fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::arrived() {
#ifdef CURIE_FIBER_ASAN
  __sanitizer_finish_switch_fiber(arriving->fake_stack_, nullptr, nullptr);
#endif
}

bool Fiber::guards(const void* address) const {
  const auto* byte = static_cast<const char*>(address);
  return owned_ && byte < stack_ && byte >= stack_ - page_bytes();
}

}  // namespace curie::emu
