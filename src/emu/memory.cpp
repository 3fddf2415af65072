#include "emu/memory.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <new>

#include "tensor/error.h"

namespace curie::emu {
namespace {

constexpr std::size_t kGuard = 256;
constexpr auto kGuardByte = std::byte{0xa5};
constexpr int kFreed = 0xff;

constexpr std::size_t kKeptBack = std::size_t{16} << 20;  // bytes of freed blocks

struct Memory {
  std::mutex mutex;
  std::map<std::uintptr_t, MemoryBlock> blocks;
  std::deque<MemoryBlock> freed;  // kept back, the oldest first
  std::size_t freed_bytes = 0;
  std::uint64_t serial = 0;
  std::uint64_t changes = 0;
  static void give_back(const MemoryBlock& block) { ::operator delete (block.data - kGuard, std::align_val_t{kGuard}); }
  std::size_t in_use = 0;
  std::size_t limit = std::numeric_limits<std::size_t>::max();
};
Memory& memory() {
  static Memory& memory = *new Memory;  // outlives every static object that holds device memory
  return memory;
}

std::uintptr_t key_of(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

bool intact(const MemoryBlock& block) {
  const auto untouched = [](const std::byte* at) {
    return std::all_of(at, at + kGuard, [](std::byte b) { return b == kGuardByte; });
  };
  return untouched(block.data - kGuard) && untouched(block.data + block.bytes);
}

void require_intact(const MemoryBlock& block) {
  if (intact(block)) return;
  std::memset(block.data - kGuard, static_cast<int>(kGuardByte), kGuard);
  std::memset(block.data + block.bytes, static_cast<int>(kGuardByte), kGuard);
  throw_error(ErrorKind::internal,
              fmt::format("a kernel wrote outside the device buffer \"{}\" of {} bytes", block.name, block.bytes));
}

}  // namespace

std::byte* allocate_memory(std::size_t bytes, std::string name) {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  CURIE_CHECK(bytes <= all.limit - std::min(all.limit, all.in_use), out_of_memory,
              "the emulated device has no room for {} bytes: {} of {} are in use", bytes, all.in_use, all.limit);
  auto* base = static_cast<std::byte*>(::operator new (bytes + 2 * kGuard, std::align_val_t{kGuard}));
  std::memset(base, static_cast<int>(kGuardByte), kGuard);
  std::memset(base + kGuard, 0, bytes);
  std::memset(base + kGuard + bytes, static_cast<int>(kGuardByte), kGuard);
  std::byte* data = base + kGuard;
  all.blocks[key_of(data)] = {data, bytes, std::move(name), ++all.serial};
  all.in_use += bytes;
  ++all.changes;
  return data;
}

void free_memory(std::byte* data) {
  if (data == nullptr) return;
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  const auto found = all.blocks.find(key_of(data));
  CURIE_ASSERT(found != all.blocks.end(), "free of {}, which was never allocated", fmt::ptr(data));
  MemoryBlock block = std::move(found->second);
  all.blocks.erase(found);
  all.in_use -= block.bytes;
  ++all.changes;
  if (!intact(block)) {
    fmt::print(stderr, "curie: a kernel wrote outside the device buffer \"{}\" of {} bytes\n", block.name, block.bytes);
  }
  std::memset(block.data, kFreed, block.bytes);
  all.freed_bytes += block.bytes;
  all.freed.push_back(std::move(block));
  while (all.freed_bytes > kKeptBack) {
    all.freed_bytes -= all.freed.front().bytes;
    Memory::give_back(all.freed.front());
    all.freed.pop_front();
  }
}

std::vector<MemoryBlock> memory_blocks() {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  std::vector<MemoryBlock> blocks;
  for (const auto& [key, block] : all.blocks) blocks.push_back(block);
  return blocks;
}

std::uint64_t memory_changes() {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  return all.changes;
}

const MemoryBlock* freed_memory(const void* address) {
  const std::uintptr_t at = key_of(address);
  const auto& freed = memory().freed;
  const auto found = std::find_if(freed.begin(), freed.end(), [at](const MemoryBlock& block) {
    return at >= key_of(block.data) && at < key_of(block.data) + block.bytes;
  });
  return found == freed.end() ? nullptr : &*found;
}

void check_guards() {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  for (const auto& [key, block] : all.blocks) require_intact(block);
}

void name_memory(const std::byte* data, std::string name) {
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.blocks.find(key_of(data)); found != all.blocks.end()) {
    found->second.name = std::move(name);
    ++all.changes;
  }
}

const MemoryBlock* nearest_memory(const void* address) {
  const auto& blocks = memory().blocks;
  const std::uintptr_t at = key_of(address);
  const auto above = blocks.upper_bound(at);
  const MemoryBlock* next = above == blocks.end() ? nullptr : &above->second;
  const MemoryBlock* before = above == blocks.begin() ? nullptr : &std::prev(above)->second;
  if (before == nullptr) return next;
  const std::uintptr_t end = key_of(before->data) + before->bytes;
  if (at < end || next == nullptr) return before;
  return at - end <= key_of(next->data) - at ? before : next;
}

std::size_t memory_in_use() { return memory().in_use; }
std::size_t memory_limit() { return memory().limit; }
void set_memory_limit(std::size_t bytes) { memory().limit = bytes; }

}  // namespace curie::emu
