// Every planted bug is reported in checked mode, with its line, thread and array, and in fast mode where that can see
// it. Correct kernels that look like them are not.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstring>
#include <string>
#include <vector>

#include "emu/emulator.h"
#include "emu/memory.h"
#include "kernels.h"
#include "support/throws.h"

namespace curie::test {

volatile int bug_line = 0;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAsan = true;
#elif defined(__has_feature)
constexpr bool kAsan = __has_feature(address_sanitizer);
#else
constexpr bool kAsan = false;
#endif

// x, y and counters in the emulated device's memory.
class Memory {
 public:
  Memory()
      : y_(allocate("y", kElements)), x_(allocate("x", kElements)), counters_(emu::allocate_memory(16, "counters")) {
    for (int i = 0; i < kElements; ++i) x_[i] = static_cast<float>(i);
  }
  ~Memory() {
    for (void* data : {static_cast<void*>(y_), static_cast<void*>(x_), static_cast<void*>(counters_)}) {
      emu::free_memory(static_cast<std::byte*>(data));
    }
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  Arrays arrays() const { return {y_, x_, reinterpret_cast<int*>(counters_)}; }
  std::vector<float> result() const {
    std::vector<float> values(y_, y_ + kElements);
    for (int i = 0; i < 4; ++i) values.push_back(static_cast<float>(arrays().counters[i]));
    return values;
  }

 private:
  static float* allocate(const char* name, int count) {
    return reinterpret_cast<float*>(emu::allocate_memory(static_cast<std::size_t>(count) * sizeof(float), name));
  }
  float* y_;
  float* x_;
  std::byte* counters_;
};

struct InOrder {
  explicit InOrder(emu::Order order) { emu::settings().order = order; }
  ~InOrder() { emu::settings() = {}; }
};

// What happens when the kernel runs: its Error's message, or "no error". After it, device memory must be whole.
std::string outcome(const Kernel& kernel) {
  const Memory memory;
  Arrays arrays = memory.arrays();
  float host[kElements] = {};
  std::byte* freed = emu::allocate_memory(sizeof host, "freed");
  emu::free_memory(freed);
  if (std::strcmp(kernel.name, "host_pointer") == 0) arrays.x = host;
  if (std::strcmp(kernel.name, "freed_buffer") == 0) arrays.x = reinterpret_cast<const float*>(freed);
  bug_line = 0;
  const std::string ran = error_message([&] { kernel.launch(arrays); });
  const std::string checked_guards = error_message([] { emu::check_guards(); });
  return ran != "no error" ? ran : checked_guards;
}

enum Fast { kReported, kSilent, kCrashesAsan };

struct Expected {
  const char* name;
  const char* thread;  // "" for any
  std::vector<const char*> words;
  Fast fast = kSilent;
  const char* fast_words = "";
};

const std::vector<Expected>& expected_errors() {
  static const std::vector<Expected> expected = {
      {"global_read",
       "block (3,0,0), thread (63,0,0)",
       {"reads 4 bytes", "out of bounds: device buffer \"x\" of 1024 bytes, element 256 (bytes 1024 to 1027)"}},
      {"global_read_before", "thread (0,0,0)", {"reads 4 bytes", "out of bounds: 12 bytes before device buffer \"x\""}},
      {"global_write",
       "thread (7,0,0)",
       {"writes 4 bytes", "out of bounds: device buffer \"y\" of 1024 bytes, element 256"},
       kCrashesAsan,
       "a kernel wrote outside the device buffer \"y\" of 1024 bytes"},
      {"global_wide_read", "", {"out of bounds: device buffer \"x\""}},
      {"pasted_shared_read",
       "thread (63,0,0)",
       {"reads 4 bytes", "out of bounds: shared array tile of 256 bytes, element 64"}},
      {"pasted_shared_write",
       "thread (63,0,0)",
       {"writes 4 bytes", "out of bounds: shared array tile of 256 bytes, element 64"}},
      {"shared_read",
       "thread (63,0,0)",
       {"reads 4 bytes", "out of bounds: shared array Tile of 256 bytes, element 65"}},
      {"shared_write",
       "thread (0,0,0)",
       {"writes 4 bytes", "out of bounds: 4 bytes before shared array Tile"},
       kCrashesAsan,
       "wrote outside Tile of 256 bytes"},
      {"dynamic_read",
       "thread (63,0,0)",
       {"reads 4 bytes", "out of bounds: shared array dynamic shared memory of 256 bytes, element 64"}},
      {"dynamic_write",
       "thread (63,0,0)",
       {"writes 4 bytes", "out of bounds: shared array dynamic shared memory"},
       kCrashesAsan,
       "wrote outside dynamic shared memory of 256 bytes"},
      {"misaligned",
       "thread (1,0,0)",
       {"reads 16 bytes", "from a misaligned address", "\"x\"", "no multiple of 16"},
       kCrashesAsan,
       "misaligned"},
      {"null_pointer",
       "thread (0,0,0)",
       {"reads 4 bytes", "through a null pointer (address 0x0)"},
       kCrashesAsan,
       "null pointer"},
      {"host_pointer", "thread (0,0,0)", {"reads 4 bytes", "of the host's memory"}},
      {"freed_buffer", "thread (0,0,0)", {"of a device buffer \"freed\" of 1024 bytes that has been freed"}},
      {"stack_overflow",
       "thread (0,0,0)",
       {"overflows its stack of 64 KiB"},
       kCrashesAsan,
       "overflows its stack of 64 KiB"},
      {"division_by_zero",
       "thread (0,0,0)",
       {"divides an integer by zero"},
       kCrashesAsan,
       "divides an integer by zero"},
      {"early_exit",
       "thread (63,0,0)",
       {"returns while the others wait at a barrier", "threads 0 to 59: wait at __syncthreads",
        "threads 60 to 63: have returned"},
       kReported,
       "returns while the others wait at a barrier"},
      {"divergent_barriers",
       "thread (32,0,0)",
       {"but others wait at the barrier of bugs.cu", "threads 0 to 31: wait at __syncthreads"},
       kReported,
       "but others wait at the barrier"},
      {"barrier_in_branch",
       "thread (63,0,0)",
       {"returns while the others wait at a barrier", "threads 0 to 39: wait at __syncthreads"},
       kReported,
       "returns while the others wait at a barrier"},
      {"doubled_barrier_in_branch",
       "thread (32,0,0)",
       {"but others wait at the barrier of bugs.cu"},
       kReported,
       "but others wait at the barrier"},
      {"shuffle_in_branch",
       "thread (63,0,0)",
       {"nobody is left who can run", "wait at a shuffle"},
       kReported,
       "wait at a shuffle"},
      {"shuffle_and_barrier",
       "thread (63,0,0)",
       {"nobody is left who can run", "threads 32 to 47: wait at a shuffle"},
       kReported,
       "nobody is left who can run"},
      {"shuffle_outside_mask", "thread (15,0,0)", {"lane 8 reads from lane 16, which takes no part (0x0000ffff)"}},
      {"not_in_mask",
       "thread (0,0,0)",
       {"lane 0 is not in the mask 0x0000fffe"},
       kReported,
       "lane 0 is not in the mask"},
      {"spin",
       "thread (63,0,0)",
       {"spins at", "the same memory again and again"},
       kReported,
       "does it spin on a value"},
      {"missing_barrier_down",
       "thread (1,0,0)",
       {"that its block has not written: shared array Tile of 256 bytes, element 33"}},
      {"missing_barrier_up",
       "thread (32,0,0)",
       {"has a data race",
        "it reads shared array Tile of 256 bytes, element 0 (bytes 0 to 3), which thread (0,0,0) wrote at bugs.cu",
        "no barrier lies between"}},
      {"missing_barrier_before_write",
       "thread (32,0,0)",
       {"has a data race", "it reads shared array Tile of 256 bytes, element 63",
        "which thread (63,0,0) wrote at bugs.cu"}},
      {"race_in_warp",
       "thread (1,0,0)",
       {"has a data race", "which thread (0,0,0) wrote at bugs.cu", "neither __syncwarp nor a barrier lies between"}},
      {"shuffle_for_syncwarp", "", {"has a data race", "neither __syncwarp nor a barrier lies between"}},
      {"syncwarp_of_others",
       "thread (31,0,0)",
       {"has a data race", "which thread (15,0,0) wrote at bugs.cu", "neither __syncwarp nor a barrier"}},
      {"same_value",
       "thread (32,0,0)",
       {"has a data race",
        "it writes shared array Tile of 256 bytes, element 0 (bytes 0 to 3), which thread (63,0,0) wrote"}},
      {"sum_without_atomic",
       "thread (1,0,0)",
       {"has a data race", "device buffer \"y\" of 1024 bytes, element 0", "which thread (0,0,0) wrote"}},
      {"race_between_blocks",
       "block (1,0,0), thread (0,0,0)",
       {"has a data race", "it writes device buffer \"y\"", "which thread (0,0,0) of block (0,0,0) wrote",
        "blocks run in any order"}},
      {"reads_other_block",
       "block (1,0,0), thread (5,0,0)",
       {"it reads device buffer \"y\"", "which thread (0,0,0) of block (0,0,0) wrote"}},
      {"missing_fence",
       "block (3,0,0), thread (3,0,0)",
       {"it reads device buffer \"y\"", "of block (0,0,0) wrote", "publish with __threadfence, then an atomic"}},
      {"fence_of_another",
       "block (3,0,0), thread (3,0,0)",
       {"it reads device buffer \"y\"", "which thread (40,0,0) of block (0,0,0) wrote"}},
      {"plain_and_atomic",
       "block (0,0,0), thread (1,0,0)",
       {"it changes atomically device buffer \"counters\"", "which thread (0,0,0) read"}},
      {"uninitialised",
       "thread (63,0,0)",
       {"that its block has not written: shared array Tile of 256 bytes, element 63"}},
      {"left_by_last_block", "block (1,0,0), thread (63,0,0)", {"that its block has not written: shared array tile"}},
      {"missing_wait",
       "thread (63,0,0)",
       {"the target of the cp.async of bugs.cu", "still in flight: shared array WideTile", "commit and wait"},
       kReported,
       ""},
      {"missing_commit", "thread (63,0,0)", {"still in flight: shared array WideTile"}},
      {"wait_for_too_few", "", {"still in flight: shared array WideTile"}},
      {"wait_without_barrier", "thread (1,0,0)", {"has a data race", "which thread (0,0,0) wrote at bugs.cu"}},
      {"write_in_flight", "thread (0,0,0)", {"writes at", "still in flight"}},
      {"never_waits",
       "thread (0,0,0)",
       {"returns while a cp.async of bugs.cu", "is in flight"},
       kReported,
       "returns while a cp.async"},
      {"misaligned_async",
       "thread (0,0,0)",
       {"both addresses must be multiples of 16"},
       kReported,
       "both addresses must be multiples of 16"},
  };
  return expected;
}

const Expected* expected_of(const char* name) {
  for (const Expected& each : expected_errors()) {
    if (std::strcmp(each.name, name) == 0) return &each;
  }
  return nullptr;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// aarch64 divides by zero to zero and loads vectors from any address; of the two only checked mode sees the address.
#ifdef __aarch64__
bool processor_allows(const Kernel& kernel, bool checked) {
  return std::strcmp(kernel.name, "division_by_zero") == 0 || (!checked && std::strcmp(kernel.name, "misaligned") == 0);
}
#else
bool processor_allows(const Kernel&, bool) { return false; }
#endif

}  // namespace

#ifdef CURIE_WITH_CHECKED
TEST_CASE("checked mode reports every planted bug with its line, thread and array") {
  for (const Kernel& kernel : checked::planted_bugs()) {
    CAPTURE(std::string(kernel.name));
    const Expected* expected = expected_of(kernel.name);
    REQUIRE(expected != nullptr);
    if (processor_allows(kernel, true)) continue;
    const std::string message = outcome(kernel);
    CAPTURE(message);
    CHECK(contains(message, fmt::format("kernel {}, block (", kernel.name)));
    if (bug_line != 0) CHECK(contains(message, fmt::format("bugs.cu:{}", static_cast<int>(bug_line))));
    CHECK(contains(message, expected->thread));
    for (const char* words : expected->words) CHECK(contains(message, words));
  }
  CHECK(expected_errors().size() == checked::planted_bugs().count);
}

TEST_CASE("checked mode reports the planted bugs in every order") {
  for (const emu::Order order : {emu::Order::descending, emu::Order::random}) {
    const InOrder in_order(order);
    for (const Kernel& kernel : checked::planted_bugs()) {
      CAPTURE(std::string(kernel.name));
      CHECK((processor_allows(kernel, true) || outcome(kernel) != "no error"));
    }
  }
}

TEST_CASE("checked mode reports no correct kernel, in any order") {
  for (const emu::Order order : {emu::Order::ascending, emu::Order::descending, emu::Order::random}) {
    const InOrder in_order(order);
    for (const Kernel& kernel : checked::correct_kernels()) {
      CAPTURE(std::string(kernel.name));
      CHECK(outcome(kernel) == "no error");
    }
  }
}
#endif

TEST_CASE("fast mode reports the planted bugs that it can see") {
  emu::settings().seconds_to_wait = 1.0;
  for (const Kernel& kernel : emulated::planted_bugs()) {
    CAPTURE(std::string(kernel.name));
    const Expected* expected = expected_of(kernel.name);
    REQUIRE(expected != nullptr);
    const bool address = expected->fast == kCrashesAsan ||
                         contains(fmt::format("{}", fmt::join(expected->words, " ")), "bounds") ||
                         contains(kernel.name, "freed");
    if ((kAsan && address) || processor_allows(kernel, false)) continue;
    const std::string message = outcome(kernel);
    CAPTURE(message);
    if (expected->fast != kSilent) CHECK(contains(message, expected->fast_words));
  }
  emu::settings() = {};
}

TEST_CASE("correct kernels give the same bytes in every order and mode") {
  for (std::size_t k = 0; k < emulated::correct_kernels().count; ++k) {
    const Kernel& kernel = emulated::correct_kernels().first[k];
    CAPTURE(std::string(kernel.name));
    std::vector<std::vector<float>> results;
    for (const emu::Order order : {emu::Order::ascending, emu::Order::descending, emu::Order::random}) {
      const InOrder in_order(order);
      const Memory memory;
      kernel.launch(memory.arrays());
      results.push_back(memory.result());
    }
#ifdef CURIE_WITH_CHECKED
    const Memory memory;
    checked::correct_kernels().first[k].launch(memory.arrays());
    results.push_back(memory.result());
#endif
    for (const std::vector<float>& result : results) {
      CHECK(std::memcmp(result.data(), results[0].data(), result.size() * sizeof(float)) == 0);
    }
  }
}

}  // namespace curie::test
