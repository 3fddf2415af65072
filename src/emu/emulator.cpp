#include "emu/emulator.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <random>
#include <utility>

#include "emu/async_units.h"
#include "emu/machine.h"
#include "emu/memory.h"
#include "tensor/error.h"

uint3 threadIdx{};
uint3 blockIdx{};
dim3 blockDim{};
dim3 gridDim{};

namespace curie::emu {
namespace {

constexpr std::size_t kGuard = 64;  // bytes before and behind each block of shared memory
constexpr auto kGuardByte = std::byte{0xa5};
constexpr int kPoison = 0xff;
constexpr std::size_t kStaticSharedLimit = std::size_t{48} << 10;
constexpr std::uint32_t kReservedShared = 1 << 10;            // by the driver, at the beginning of the window
constexpr std::size_t kSharedLimit = std::size_t{227} << 10;  // dynamic and static, compute capability 9.0

std::size_t product(dim3 d) { return std::size_t{d.x} * d.y * d.z; }

// The guard before the block is as long as its alignment, so that the block itself is aligned.
std::align_val_t alignment_of(const SharedBlock& block) { return std::align_val_t{std::max(block.alignment, kGuard)}; }

void allocate_shared(SharedBlock& block) {
  const auto before = static_cast<std::size_t>(alignment_of(block));
  auto* memory = static_cast<std::byte*>(::operator new(before + block.bytes + kGuard, alignment_of(block)));
  std::memset(memory, static_cast<int>(kGuardByte), before + block.bytes + kGuard);
  block.data = memory + before;
}

void free_shared(const SharedBlock& block) {
  if (block.data == nullptr) return;
  ::operator delete(block.data - static_cast<std::size_t>(alignment_of(block)), alignment_of(block));
}

bool intact(const std::byte* guard) {
  for (std::size_t i = 0; i < kGuard; ++i) {
    if (guard[i] != kGuardByte) return false;
  }
  return true;
}

struct Recorder {
  bool on = false;
  std::vector<LaunchRecord> launches;
};
Recorder& recording() {
  static Recorder recorder;
  return recorder;
}

}  // namespace

Settings& settings() {
  static Settings settings;
  return settings;
}
Statistics& statistics() {
  static Statistics statistics;
  return statistics;
}

void record_launches() { recording() = {.on = true, .launches = {}}; }
std::vector<LaunchRecord> stop_recording() { return std::exchange(recording(), {}).launches; }

Machine& Machine::instance() {
  static Machine machine;
  return machine;
}

Machine::~Machine() {
  if (dynamic_ != nullptr) free_shared(*dynamic_);
}

void Machine::check_grid(const Grid& grid) const {
  const std::size_t threads = product(grid.block);
  CURIE_CHECK(threads >= 1 && threads <= kMaxThreads && grid.block.z <= 64, usage,
              "kernel {}: a block has 1 to 1024 threads, at most 64 of them in z; got ({},{},{})", grid.name,
              grid.block.x, grid.block.y, grid.block.z);
  CURIE_CHECK(product(grid.grid) >= 1 && grid.grid.x <= 0x7fffffffu && grid.grid.y <= 65535 && grid.grid.z <= 65535,
              usage, "kernel {}: a grid has 1 to 2^31-1 blocks in x, 1 to 65535 in y and z; got ({},{},{})", grid.name,
              grid.grid.x, grid.grid.y, grid.grid.z);
  CURIE_CHECK(grid.dynamic_shared_bytes <= kSharedLimit, usage,
              "kernel {}: {} bytes of dynamic shared memory; a block has at most {}", grid.name,
              grid.dynamic_shared_bytes, kSharedLimit);
}

void Machine::run(const Grid& grid, Body body, void* context) {
  static std::recursive_mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  if (in_kernel_) stop(fmt::format("launches {}: dynamic parallelism is not emulated", grid.name));
  check_grid(grid);
  const FaultWatch watch;
  host_thread_ = pthread_self();
  body_ = body;
  context_ = context;
  begin_launch(grid);
  const Statistics before = statistics();
  const std::size_t blocks = product(grid.grid);
  std::vector<std::size_t> order(blocks);
  for (std::size_t i = 0; i < blocks; ++i) order[i] = settings().order == Order::descending ? blocks - 1 - i : i;
  if (settings().order == Order::random) std::shuffle(order.begin(), order.end(), std::mt19937(settings().seed));
  for (std::size_t i = 0; i < blocks && failure_.empty(); ++i) {
    const std::size_t b = order[i];
    const std::size_t plane = std::size_t{grid.grid.x} * grid.grid.y;
    run_block({static_cast<unsigned>(b % grid.grid.x), static_cast<unsigned>(b % plane / grid.grid.x),
               static_cast<unsigned>(b / plane)});
  }
  if (grid.observer != nullptr) grid.observer->launch_ends();
  if (recording().on) {
    recording().launches.push_back({.kernel = grid.name,
                                    .grid = grid.grid,
                                    .block = grid.block,
                                    .static_shared_bytes = most_static_shared_bytes_,
                                    .dynamic_shared_bytes = grid.dynamic_shared_bytes,
                                    .barriers = statistics().barriers - before.barriers,
                                    .warp_operations = statistics().warp_operations - before.warp_operations,
                                    .matrix_products = statistics().matrix_products - before.matrix_products,
                                    .async_bytes = statistics().async_bytes - before.async_bytes});
  }
  grid_ = nullptr;
  if (failure_.empty()) return;
  free_fibers_.clear();  // abandoned threads never run on
  for (Fiber& fiber : fibers_) free_fibers_.push_back(&fiber);
  throw_error(ErrorKind::internal, std::exchange(failure_, {}));
}

void Machine::begin_launch(const Grid& grid) {
  grid_ = &grid;
  failure_.clear();
  blockDim = grid.block;
  gridDim = grid.grid;
  random_ = settings().seed;
  most_static_shared_bytes_ = 0;
  thread_count_ = product(grid.block);
  warp_count_ = (thread_count_ + kWarp - 1) / kWarp;
  if (threads_.size() < thread_count_) threads_.resize(thread_count_);
  for (std::size_t i = 0; i < thread_count_; ++i) {
    Thread& thread = threads_[i];
    const auto linear = static_cast<unsigned>(i);
    thread.index = {linear % blockDim.x, linear / blockDim.x % blockDim.y, linear / (blockDim.x * blockDim.y)};
    thread.warp = static_cast<int>(i) / kWarp;
    thread.lane = static_cast<int>(i) % kWarp;
  }
  if (grid.dynamic_shared_bytes > 0) {
    if (dynamic_ == nullptr || dynamic_->bytes != grid.dynamic_shared_bytes) {
      if (dynamic_ != nullptr) free_shared(*dynamic_);
      dynamic_ = std::make_unique<SharedBlock>(
          SharedBlock{.bytes = grid.dynamic_shared_bytes, .alignment = 1024, .name = "dynamic shared memory"});
    }
  }
  ++statistics().launches;
  if (grid.observer != nullptr) grid.observer->launch_begins(grid);
}

void Machine::begin_block(dim3 block) {
  blockIdx = {block.x, block.y, block.z};
  ++block_serial_;
  touched_.clear();
  window_end_ = kReservedShared;
  static_shared_bytes_ = 0;
  async_units().block_begins();
  for (std::size_t w = 0; w < warp_count_; ++w) {
    const std::size_t lanes = std::min<std::size_t>(kWarp, thread_count_ - w * kWarp);
    const unsigned mask = lanes == kWarp ? ~0u : (1u << lanes) - 1;
    Warp& warp = warps_[w];
    warp.exists = warp.ready = mask;
    warp.arrived = warp.ended = 0;
  }
  ready_warps_ = warp_count_ == 32 ? ~0u : (1u << warp_count_) - 1;
  for (std::size_t i = 0; i < thread_count_; ++i) {
    Thread& thread = threads_[i];
    thread.fiber = nullptr;
    thread.state = State::waiting_to_start;
    thread.committed_groups = 0;
    thread.copies.clear();
  }
  live_ = thread_count_;
  at_barrier_ = 0;
  counting_ = 0;
  ++statistics().blocks;
  statistics().threads += thread_count_;
  if (observer() != nullptr) observer()->block_begins();
}

void Machine::run_block(dim3 block) {
  begin_block(block);
  current_ = settings().order == Order::descending ? &threads_[thread_count_ - 1] : &threads_[0];
  in_kernel_ = true;
  run_threads();
  if (failure_.empty()) check_shared_guards();
  if (std::string left = async_units().left_at_block_end(); failure_.empty() && !left.empty()) {
    failure_ = fmt::format("kernel {}, block ({},{},{}): {}", grid_->name, blockIdx.x, blockIdx.y, blockIdx.z, left);
  }
  in_kernel_ = false;
  if (observer() != nullptr) observer()->block_ends();
  current_ = nullptr;
}

void Machine::check_shared_guards() {
  for (const SharedBlock* block : touched_) {
    if (intact(block->data - kGuard) && intact(block->data + block->bytes)) continue;
    failure_ = fmt::format("kernel {}, block ({},{},{}): a thread wrote outside {} of {} bytes", grid_->name,
                           blockIdx.x, blockIdx.y, blockIdx.z, block->name, block->bytes);
    std::memset(block->data - kGuard, static_cast<int>(kGuardByte), kGuard);
    std::memset(block->data + block->bytes, static_cast<int>(kGuardByte), kGuard);
    return;
  }
}

std::byte* Machine::ready_shared(SharedBlock& block) {
  if (block.block == block_serial_) return block.data;
  if (block.data == nullptr) allocate_shared(block);
  block.block = block_serial_;
  std::memset(block.data, kPoison, block.bytes);
  touched_.push_back(&block);
  const auto alignment = static_cast<std::uint32_t>(std::max(block.alignment, std::size_t{16}));
  block.window = (window_end_ + alignment - 1) / alignment * alignment;
  window_end_ = block.window + static_cast<std::uint32_t>(block.bytes);
  if (&block != dynamic_.get()) static_shared_bytes_ += block.bytes;
  most_static_shared_bytes_ = std::max(most_static_shared_bytes_, static_shared_bytes_);
  if (static_shared_bytes_ > kStaticSharedLimit) {
    stop(fmt::format("{} bytes of static shared memory; a block has at most {}: use dynamic_shared",
                     static_shared_bytes_, kStaticSharedLimit));
  }
  if (observer() != nullptr) observer()->shared_ready(block.data, block.bytes, block.name);
  return block.data;
}

std::byte* Machine::dynamic_shared() {
  if (grid_->dynamic_shared_bytes == 0) stop("asks for dynamic shared memory, but the launch gives it 0 bytes");
  return ready_shared(*dynamic_);
}

std::uint32_t Machine::window_address(const void* shared, Where where) {
  const auto* at = static_cast<const std::byte*>(shared);
  for (const SharedBlock* block : touched_) {
    const auto offset = static_cast<std::size_t>(at - block->data);
    if (offset < block->bytes) return block->window + static_cast<std::uint32_t>(offset);
  }
  std::string what = fmt::format(
      "is at {}:{} with an address that is not in shared<T>() or dynamic_shared<T>() of its "
      "block",
      short_name(where.file), where.line);
  stop(std::move(what));
}

std::byte* Machine::window_pointer(std::uint32_t address, std::size_t bytes) {
  for (const SharedBlock* block : touched_) {
    const std::size_t offset = address - block->window;
    if (address >= block->window && offset < block->bytes && block->bytes - offset >= bytes)
      return block->data + offset;
  }
  stop(fmt::format("lets an asynchronous unit use shared address {:#x}, which its block does not have", address));
}

bool Machine::overflowed(const void* address) const {
  return std::any_of(fibers_.begin(), fibers_.end(), [=](const Fiber& fiber) { return fiber.guards(address); });
}

bool Machine::on_a_stack(const void* address) const {
  return std::any_of(fibers_.begin(), fibers_.end(), [=](const Fiber& fiber) { return fiber.owns(address); });
}

std::string Machine::place() const {
  if (grid_ == nullptr) return "no kernel";
  std::string place = fmt::format("kernel {}, block ({},{},{})", grid_->name, blockIdx.x, blockIdx.y, blockIdx.z);
  if (current_ != nullptr) {
    place += fmt::format(", thread ({},{},{})", threadIdx.x, threadIdx.y, threadIdx.z);
  }
  return place;
}

// --- the functions of emulator.h ------------------------------------------------------------------------------------

void run(const Grid& grid, Body body, void* context) { Machine::instance().run(grid, body, context); }
void barrier(Where where) { Machine::instance().arrive_at_barrier(where); }
int barrier_count(bool predicate, Where where) { return Machine::instance().count_at_barrier(predicate, where); }
void warp_operation(WarpWord word, unsigned mask, void* slot, Complete complete, Where where) {
  Machine::instance().arrive_at_warp_operation(word, mask, slot, complete, where);
}
const char* type_name(const std::type_info& type) {
  static std::deque<std::string> names;  // live as long as the program: SharedBlock points into them
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                     std::free);
  std::string name = status == 0 ? plain.get() : type.name();
  const std::size_t arguments = name.find('<');
  const std::size_t scope = name.rfind("::", arguments);
  return names.emplace_back(scope == std::string::npos ? name : name.substr(scope + 2)).c_str();
}
int lane() { return Machine::instance().current().lane; }
std::byte* shared_block(SharedBlock& block) { return Machine::instance().ready_shared(block); }
std::byte* dynamic_shared_block() { return Machine::instance().dynamic_shared(); }

void touch_atomic(const void* address, std::size_t bytes, Where where) {
  if (Observer* observer = Machine::instance().observer()) observer->atomic(address, bytes, where);
}
void touch_read(const void* address, std::size_t bytes, Where where) {
  if (Observer* observer = Machine::instance().observer()) observer->read(address, bytes, where);
}
void fence(bool device) {
  if (Observer* observer = Machine::instance().observer()) observer->fenced(device);
}
void undefined_shuffle(int lane, int source, unsigned mask) {
  Machine& machine = Machine::instance();
  if (machine.observer() == nullptr) return;
  const Where& where = machine.current().where;
  std::string what =
      fmt::format("is at the shuffle of {}:{}, where lane {} reads from lane {}, which takes no part ({:#010x})",
                  short_name(where.file), where.line, lane, source, mask);
  machine.stop(std::move(what));
}
void fail(std::string what) { Machine::instance().stop(std::move(what)); }

}  // namespace curie::emu
