// Checked mode: the observer that gets every memory access of the kernels of curie_checked and finds those that a GPU
// would get wrong. compute-sanitizer's memcheck, racecheck and initcheck, on the CPU.
//
//   out of bounds      of device buffers, shared arrays (also pasted `__shared__` ones) and dynamic shared memory; null
//                      pointers, freed buffers, host memory, another thread's stack; misaligned addresses
//   data races         two threads use the same bytes, one of them writes, and no barrier, __syncwarp or
//                      (__threadfence, atomic) lies between: within a warp, a block, and between blocks of a launch.
//                      Equal values make no difference. Shuffles and votes order no memory.
//   uninitialised      reads of shared memory that this block has not written
//   cp.async           targets that are read, or written again, before the wait that covers them
//   spinning           a thread that reads the same address over and over
//
// Nothing is assumed about the order in which the emulator happens to run threads, so one run finds what some order
// would show. Not seen: what the compiler turns into calls of memcpy, and registers.
#pragma once

#include "emu/observer.h"

namespace curie::emu {

Observer& checker();

// For checked/hooks.cpp. `checking` is true on the host thread that runs a watched block.
extern constinit thread_local bool checking;
struct Hooked {
  const void* address;
  std::size_t bytes;
  bool write;
  bool aligned;      // the type demands that the address is a multiple of `bytes`
  const void* code;  // the return address of the hook
};
void check_access(const Hooked& access);

}  // namespace curie::emu
