// What happens when the device's memory is used up. On a GPU this takes all of it for a moment, so ctest runs nothing
// beside it.
#include <doctest/doctest.h>

#include <string>

#include "device_array.h"
#include "probes.h"
#include "support/throws.h"
#ifdef CURIE_PROBES_EMULATED
#include "emu/memory.h"
#endif

namespace curie::CURIE_GPU {
namespace {

// The emulated device holds 32 MiB while one of these lives.
#ifdef CURIE_PROBES_EMULATED
struct DeviceToFill {
  std::size_t before = emu::memory_limit();
  DeviceToFill() { emu::set_memory_limit(std::size_t{32} << 20); }
  ~DeviceToFill() { emu::set_memory_limit(before); }
  DeviceToFill(const DeviceToFill&) = delete;
  DeviceToFill& operator=(const DeviceToFill&) = delete;
};
#else
struct DeviceToFill {};
#endif

// Takes all that is left, in ever smaller pieces down to `smallest`.
std::vector<std::byte*> fill(const Runtime& runtime, std::size_t smallest) {
  std::vector<std::byte*> pieces;
  for (std::size_t piece = runtime.memory().free; piece >= smallest;) {
    try {
      pieces.push_back(runtime.allocate(piece));
    } catch (const Error&) {
      piece /= 2;
    }
  }
  return pieces;
}

}  // namespace

TEST_CASE("a full device says so, still runs kernels, and takes memory again later") {
  [[maybe_unused]] const DeviceToFill device{};
  Runtime runtime(0);
  constexpr std::size_t kCount = 1000;
  const std::vector<float> ones(kCount, 1.0f);
  const DeviceArray<float> x(runtime, ones), sum(runtime, 1);
  probe::add_up(runtime.stream(), kCount, x.data(), sum.data());  // loads the kernel
  CHECK(sum.values()[0] == 1000.0f);

  const std::vector<std::byte*> pieces = fill(runtime, std::size_t{64} << 10);
  REQUIRE(!pieces.empty());
  const std::size_t too_much = std::size_t{4} << 20;
  CHECK_ERROR([&] { runtime.allocate(too_much); }, out_of_memory, "has no room for 4194304 bytes");
  runtime.zero(sum.raw(), sum.bytes());
  probe::add_up(runtime.stream(), kCount, x.data(), sum.data());
  CHECK(sum.values()[0] == 1000.0f);

  for (std::byte* piece : pieces) runtime.free(piece);
  std::byte* again = nullptr;
  CHECK_NOTHROW(again = runtime.allocate(too_much));
  runtime.free(again);
}

TEST_CASE("the allocator gives back what it keeps before it fails") {
  [[maybe_unused]] const DeviceToFill device{};
  auto runtime = std::make_shared<Runtime>(0);
  CachingAllocator allocator(runtime);
  const std::size_t size = runtime->memory().free / 8 * 3;
  std::byte* first = allocator.allocate(size);
  std::byte* second = allocator.allocate(size);
  allocator.release(first);
  allocator.release(second);
  CHECK(allocator.bytes_in_use() == 0);
  CHECK(allocator.bytes_kept() >= 2 * size);
  std::byte* large = nullptr;
  CHECK_NOTHROW(large = allocator.allocate(2 * size));  // fits only into what the two leave
  CHECK(allocator.bytes_kept() == 0);
  CHECK(allocator.bytes_in_use() >= 2 * size);
  CHECK_ERROR([&] { allocator.allocate(2 * size); }, out_of_memory, "has no room for");
  allocator.release(large);
}

}  // namespace curie::CURIE_GPU
