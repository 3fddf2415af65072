// CUDA's execution model on one CPU thread. A block's threads are fibers; each runs until it waits (barrier, warp
// operation) or ends, then the next one runs, in an order that can be chosen. Blocks run one after another. Because
// the order is the emulator's alone, a kernel that depends on it gives other results in another order: run it
// ascending and descending and compare.
//
// What a wait promises is checked: a barrier is reached by all live threads of the block at the same source line, a
// warp operation by all lanes of its mask, nobody exits while others wait. Anything else stops the kernel with an Error
// that says which threads parted, and where. So do a bad address, a stack overflow and a thread that spins for ever.
//
// The emulator is one machine per process; kernels launched from several host threads run one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "emu/where.h"

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
// Real variables rather than macros, so that `break pool.cu:20 if threadIdx.x == 5` works in gdb.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;

namespace curie::emu {

class Observer;

// --- for the host ---------------------------------------------------------------------------------------------------

// Which of the threads that can run runs next, and in which order blocks run.
enum class Order { ascending, descending, random };

struct Settings {
  Order order = Order::ascending;
  std::uint32_t seed = 1;         // of Order::random
  int compute_capability = 90;    // that the emulated device says it has: 10 * major + minor
  double seconds_to_wait = 10.0;  // CPU time after which a thread that reaches no wait counts as spinning
};
Settings& settings();

struct Statistics {
  std::uint64_t launches = 0, blocks = 0, threads = 0, barriers = 0, warp_operations = 0;
  std::uint64_t matrix_products = 0;  // warp operations that were an mma, and a warpgroup's wgmma
  std::uint64_t async_bytes = 0;      // that cp.async and bulk copies asked for
};
Statistics& statistics();

// One launch, as it was and what it did.
struct LaunchRecord {
  std::string kernel;
  dim3 grid, block;
  std::size_t static_shared_bytes = 0, dynamic_shared_bytes = 0;  // of a block
  // Of all blocks; as in Statistics.
  std::uint64_t barriers = 0, warp_operations = 0, matrix_products = 0, async_bytes = 0;
};
// From the next launch on every launch is kept; `stop_recording` returns them in order.
void record_launches();
std::vector<LaunchRecord> stop_recording();

struct Grid {
  const char* name = "";
  dim3 grid, block;
  std::size_t dynamic_shared_bytes = 0;
  const void* kernel = nullptr;   // the kernel's address, for tools that look up its source
  Observer* observer = nullptr;   // checked mode
  std::size_t context_bytes = 0;  // of the kernel's parameters at `context`; 0: unknown
};

// Runs body(context) once for each thread of the grid. Throws Error(internal) for a kernel that breaks a rule and
// Error(usage) for a grid that no GPU takes.
using Body = void (*)(void* context);
void run(const Grid& grid, Body body, void* context);

// --- for kernels, through emu/device.h ------------------------------------------------------------------------------

enum class WarpWord : std::uint8_t { sync, shuffle, vote, ldmatrix, mma, wgmma_fence, wgmma_commit, wgmma_wait };

void barrier(Where where);
// A barrier that also counts the threads whose predicate holds.
int barrier_count(bool predicate, Where where);

// Each lane of `mask` arrives with its slot; the last one to arrive runs complete(slots of 32 lanes, lanes present) for
// all of them. A lane's slot may lie on its own stack: nobody moves on before `complete` is done.
using Complete = void (*)(void** slots, unsigned lanes);
void warp_operation(WarpWord word, unsigned mask, void* slot, Complete complete, Where where);

int lane();
// A lane reads from one that takes no part, whose value is undefined: an error in checked mode.
void undefined_shuffle(int lane, int source, unsigned mask);

// Memory of the running block. Poisoned (0xff: NaN) before a block first touches it; guard bytes around it are checked
// at the block's end.
const char* type_name(const std::type_info& type);  // demangled, without namespaces
struct SharedBlock {
  std::size_t bytes, alignment;
  const char* name;
  std::byte* data = nullptr;
  std::uint32_t window = 0;  // its address in the block's window
  std::uint64_t block = 0;   // serial number of the block that it was last made ready for
};
std::byte* shared_block(SharedBlock& block);
// The description of the shared storage of type T, named after the type.
template <typename T>
SharedBlock shared_of() {
  static_assert(std::is_trivially_destructible_v<T>, "shared memory holds plain data");
  return {.bytes = sizeof(T), .alignment = alignof(T), .name = type_name(typeid(T))};
}
std::byte* dynamic_shared_block();

// cp.async: the copy happens at the wait that covers its group, and until then the target holds NaN.
void async_copy(void* shared, const void* global, int bytes, int source_bytes, Where where);
void async_commit();
void async_wait(int pending_groups, Where where);

// Accesses that the compiler cannot report in checked mode.
void touch_atomic(const void* address, std::size_t bytes, Where where);
void touch_read(const void* address, std::size_t bytes, Where where);
void fence(bool device);  // __threadfence, or only __threadfence_block

// Stops the kernel: throws out of `run`, naming kernel, block and thread.
[[noreturn]] void fail(std::string what);

}  // namespace curie::emu
