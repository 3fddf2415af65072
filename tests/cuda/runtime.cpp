// The host's side of the device, over the emulator: the allocator, buffers, pinned memory, and the words of errors.
#include "cuda/runtime.h"

#include <doctest/doctest.h>

#include <cstring>

#include "cuda/backend.h"
#include "emu/memory.h"
#include "probes.h"
#include "support/throws.h"

namespace curie::CURIE_GPU {
namespace {

constexpr std::size_t kUnit = 512;

struct Allocation {
  std::shared_ptr<Runtime> runtime = std::make_shared<Runtime>(0);
  CachingAllocator allocator{runtime};
};

}  // namespace

TEST_CASE("the allocator rounds up and counts what is used and kept") {
  Allocation a;
  std::byte* none = a.allocator.allocate(0);
  CHECK(none != nullptr);
  CHECK(a.allocator.bytes_in_use() == kUnit);
  std::byte* some = a.allocator.allocate(kUnit + 1);
  CHECK(some != none);
  CHECK(a.allocator.bytes_in_use() == 3 * kUnit);
  CHECK(a.allocator.bytes_kept() == 0);
  a.allocator.release(some);
  CHECK(a.allocator.bytes_in_use() == kUnit);
  CHECK(a.allocator.bytes_kept() == 2 * kUnit);
  a.allocator.give_back();
  CHECK(a.allocator.bytes_kept() == 0);
  a.allocator.release(none);
}

TEST_CASE("a released block is handed out again") {
  Allocation a;
  std::byte* first = a.allocator.allocate(1000);
  a.allocator.release(first);
  const std::size_t before = emu::memory_in_use();
  CHECK(a.allocator.allocate(700) == first);  // both take 1,024 bytes
  CHECK(emu::memory_in_use() == before);
  CHECK(a.allocator.bytes_in_use() == 2 * kUnit);
  a.allocator.release(first);
}

TEST_CASE("a request takes the smallest block that fits, if that is not twice as large") {
  Allocation a;
  std::byte* blocks[3];
  const std::size_t units[3] = {10, 12, 20};
  for (int i = 0; i < 3; ++i) blocks[i] = a.allocator.allocate(units[i] * kUnit);
  for (std::byte* block : blocks) a.allocator.release(block);

  CHECK(a.allocator.allocate(11 * kUnit) == blocks[1]);
  CHECK(a.allocator.bytes_in_use() == 12 * kUnit);  // the whole block counts
  std::byte* other = a.allocator.allocate(5 * kUnit);
  for (std::byte* block : blocks) CHECK(other != block);  // 10 is twice as large as 5
  CHECK(a.allocator.allocate(6 * kUnit) == blocks[0]);
  CHECK(a.allocator.bytes_kept() == 20 * kUnit);
  for (std::byte* block : {blocks[0], blocks[1], other}) a.allocator.release(block);
}

TEST_CASE("an allocator that ends gives back what it keeps") {
  const std::size_t before = emu::memory_in_use();
  {
    Allocation a;
    a.allocator.release(a.allocator.allocate(100 * kUnit));
    CHECK(emu::memory_in_use() == before + 100 * kUnit);
  }
  CHECK(emu::memory_in_use() == before);
}

TEST_CASE("buffers are zeros, also in memory that was used before, and may outlive their backend") {
  const std::size_t before = emu::memory_in_use();
  {
    Buffer kept;
    {
      GpuBackend backend(0, {});
      {
        const Buffer buffer = backend.allocate(5000);
        std::memset(buffer.data(), 0x5a, buffer.bytes());
      }
      kept = backend.allocate(5000);
      REQUIRE(kept.bytes() == 5000);
      std::byte sum{};
      for (std::size_t i = 0; i < kept.bytes(); ++i) sum |= kept.data()[i];
      CHECK(sum == std::byte{0});
    }
    std::memset(kept.data(), 1, kept.bytes());
    CHECK(emu::memory_in_use() > before);
  }
  CHECK(emu::memory_in_use() == before);
}

TEST_CASE("memory that the backend keeps counts as free") {
  GpuBackend backend(0, {});
  const std::size_t free = backend.memory()->free;
  { const Buffer buffer = backend.allocate(100 * kUnit); }
  CHECK(backend.memory()->free == free);
  CHECK(backend.memory()->granularity == kUnit);
}

TEST_CASE("pinned memory is the host's to write") {
  const PinnedBuffer pinned(1000);
  CHECK(pinned.bytes() == 1000);
  std::memset(pinned.data(), 7, pinned.bytes());
  CHECK(pinned.data()[999] == std::byte{7});
}

TEST_CASE("a backend that records steps runs them at replay only; one that does not runs them plainly") {
  for (const bool records : {true, false}) {
    CAPTURE(records);
    GpuBackend backend(0, {.record_steps = records});
    int runs = 0;
    const std::unique_ptr<Recording> recording = backend.record([&] { ++runs; });
    CHECK(runs == 0);
    recording->replay();
    recording->replay();
    CHECK(runs == 2);
  }
}

TEST_CASE("launches that no GPU takes are refused in words") {
  CHECK_ERROR([] { probe::too_large_block(nullptr); }, usage,
              "kernel too_large_block: a block has 1 to 1024 threads, at most 64 of them in z; got (2048,1,1)");
  CHECK_ERROR([] { probe::too_much_shared_memory(nullptr); }, usage,
              "kernel too_much_shared_memory: 1048576 bytes of dynamic shared memory; a block has at most");
}

}  // namespace curie::CURIE_GPU
