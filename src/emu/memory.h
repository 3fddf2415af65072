// The emulated device's memory: ordinary host memory with guard bytes around every buffer, and a table of what was
// allocated, so that a bad address can be named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace curie::emu {

// Zero-filled, aligned to 256 bytes, as cudaMalloc aligns. Throws Error(out_of_memory) beyond memory_limit().
std::byte* allocate_memory(std::size_t bytes, std::string name = {});
// Says on stderr when something wrote into the guard bytes. The memory is filled with 0xff and kept back for a while,
// so that a kernel that still uses it computes NaN, and checked mode can say so.
void free_memory(std::byte* data);
void check_guards();  // all buffers; Error(internal) names the first that was overrun

void name_memory(const std::byte* data, std::string name);

struct MemoryBlock {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  std::string name;
  std::uint64_t serial = 0;  // no two allocations have the same
};
std::vector<MemoryBlock> memory_blocks();  // by address
std::uint64_t memory_changes();            // grows with every allocation, naming and release
// The block that held the address and was freed; null when there is none that the emulator still knows.
const MemoryBlock* freed_memory(const void* address);
// The block that holds the address, or else the nearest one; null when nothing is allocated.
const MemoryBlock* nearest_memory(const void* address);

std::size_t memory_in_use();
std::size_t memory_limit();
void set_memory_limit(std::size_t bytes);

}  // namespace curie::emu
