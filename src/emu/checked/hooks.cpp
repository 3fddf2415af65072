// What the compiler calls before each memory access of a kernel of curie_checked: the thread sanitizer's interface,
// with our own functions behind it. Linked only where those kernels are.
#include <cstddef>

#include "emu/check.h"

#define CURIE_HOOK(p, bytes, write, aligned) \
  if (!curie::emu::checking) [[likely]]      \
    return;                                  \
  curie::emu::check_access({p, bytes, write, aligned, __builtin_return_address(0)})

#define CURIE_ACCESS(bytes)                                               \
  void __tsan_read##bytes(void* p) { CURIE_HOOK(p, bytes, false, true); } \
  void __tsan_write##bytes(void* p) { CURIE_HOOK(p, bytes, true, true); }
#define CURIE_UNALIGNED(bytes)                                                       \
  void __tsan_unaligned_read##bytes(void* p) { CURIE_HOOK(p, bytes, false, false); } \
  void __tsan_unaligned_write##bytes(void* p) { CURIE_HOOK(p, bytes, true, false); }

extern "C" {
CURIE_ACCESS(1)
CURIE_ACCESS(2)
CURIE_ACCESS(4)
CURIE_ACCESS(8)
CURIE_ACCESS(16)
CURIE_UNALIGNED(2)
CURIE_UNALIGNED(4)
CURIE_UNALIGNED(8)
CURIE_UNALIGNED(16)
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_read_range(void* p, std::size_t bytes) { CURIE_HOOK(p, bytes, false, false); }
void __tsan_write_range(void* p, std::size_t bytes) { CURIE_HOOK(p, bytes, true, false); }
// The guards of static variables in functions.
unsigned char __tsan_atomic8_load(const volatile unsigned char* p, int) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
}
