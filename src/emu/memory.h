// The emulated device's memory: ordinary host memory with guard bytes around every buffer, and a table of what was
// allocated, so that a bad address can be named.
#pragma once

#include <cstddef>
#include <string>

namespace curie::emu {

// Zero-filled, aligned to 256 bytes, as cudaMalloc aligns. Throws Error(out_of_memory) beyond memory_limit().
std::byte* allocate_memory(std::size_t bytes, std::string name = {});
// Throws Error(internal) when something wrote into the guard bytes.
void free_memory(std::byte* data);
void check_guards();  // all buffers; Error(internal) names the first that was overrun

void name_memory(const std::byte* data, std::string name);

struct MemoryBlock {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  std::string name;
};
// The block that holds the address, or else the nearest one; null when nothing is allocated.
const MemoryBlock* nearest_memory(const void* address);

std::size_t memory_in_use();
std::size_t memory_limit();
void set_memory_limit(std::size_t bytes);

}  // namespace curie::emu
