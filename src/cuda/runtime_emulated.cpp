// The emulated device: host memory, one stream whose work is done when the call returns.
#include <algorithm>
#include <cstring>

#include "cuda/launch.cuh"
#include "cuda/runtime.h"
#include "cuda/tensor_map.h"
#include "emu/memory.h"
#include "emu/tensor_map.h"
#include "tensor/error.h"

namespace curie::CURIE_GPU {

const DeviceKind kDeviceKind = DeviceKind::emulated;

namespace {

// Of nothing, addresses may be null, which memcpy forbids.
void copy(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

}  // namespace

PinnedBuffer::PinnedBuffer(std::size_t bytes) : data_(new std::byte[bytes]), bytes_(bytes) {}
PinnedBuffer::~PinnedBuffer() { delete[] data_; }

// Everything before an event has already happened.
Event::Event() = default;
Event::~Event() = default;
void Event::record(Stream) {}
void Event::wait() const {}
double Event::milliseconds_since(const Event&) const { return 0.0; }

struct Runtime::Slot {};

Runtime::Runtime(int device) : device_(device), compute_capability_(emu::settings().compute_capability) {}
Runtime::~Runtime() = default;

std::string Runtime::describe() const {
  constexpr const char* kOrders[] = {"ascending", "descending", "random"};
  return fmt::format("CUDA kernels emulated on the CPU, threads in {} order{}",
                     kOrders[static_cast<int>(emu::settings().order)],
                     observer() == nullptr ? "" : ", every memory access checked");
}

Backend::Memory Runtime::memory() const {
  const std::size_t total = emu::memory_limit();
  return {.free = total - std::min(total, emu::memory_in_use()), .total = total, .granularity = 512};
}

std::byte* Runtime::allocate(std::size_t bytes) const { return emu::allocate_memory(bytes); }
void Runtime::free(std::byte* data) const noexcept { emu::free_memory(data); }
void Runtime::zero(std::byte* data, std::size_t bytes) const { std::memset(data, 0, bytes); }

void Runtime::copy_to_device(std::byte* to, const std::byte* from, std::size_t bytes) { copy(to, from, bytes); }
void Runtime::copy_to_host(std::byte* to, const std::byte* from, std::size_t bytes) { copy(to, from, bytes); }
void Runtime::copy_on_device(std::byte* to, const std::byte* from, std::size_t bytes) { copy(to, from, bytes); }
void Runtime::synchronize() const { emu::check_guards(); }

bool has_wgmma() { return emu::settings().compute_capability == 90; }

namespace {

emu::TensorLayout told(const DenseTensor& tensor, const DenseLayout& layout) {
  return {tensor.data, sizeof(Bf16), tensor.rank, layout.extent, layout.stride};
}

TensorMap as_parameter(const emu::TensorMap& map) {
  static_assert(sizeof map <= sizeof(TensorMap));
  TensorMap parameter{};
  std::memcpy(parameter.opaque, &map, sizeof map);
  return parameter;
}

}  // namespace

TensorMap tiled_map(const DenseTensor& tensor, const int (&box)[3]) {
  std::uint32_t extents[3], step[] = {1, 1, 1};
  std::copy(box, box + 3, extents);
  return as_parameter(emu::encode_tiled(told(tensor, DenseLayout(tensor)), extents, step, emu::Swizzle::bytes_128));
}

TensorMap im2col_map(const DenseTensor& images, const PatchWalk& walk) {
  const std::uint32_t step[] = {1, static_cast<std::uint32_t>(walk.step[0]), static_cast<std::uint32_t>(walk.step[1]),
                                1};
  return as_parameter(emu::encode_im2col(told(images, DenseLayout(images)), walk.lower, walk.upper, 64,
                                         static_cast<std::uint32_t>(walk.pixels), step, emu::Swizzle::bytes_128));
}

namespace {
class Repetition final : public Recording {
 public:
  explicit Repetition(std::function<void()> step) : step_(std::move(step)) {}
  void replay() override { step_(); }

 private:
  std::function<void()> step_;
};
}  // namespace

std::unique_ptr<Recording> Runtime::record(const std::function<void()>& step) {
  return std::make_unique<Repetition>(step);
}

// The emulator's own record of launches; its clock would say nothing about a GPU.
namespace {
class EmulatedTimeline final : public Timeline {
 public:
  EmulatedTimeline() { emu::record_launches(); }
  ~EmulatedTimeline() override { emu::stop_recording(); }
  EmulatedTimeline(const EmulatedTimeline&) = delete;
  EmulatedTimeline& operator=(const EmulatedTimeline&) = delete;

  bool has_clock() const override { return false; }
  std::size_t mark() override { return marks_++; }
  double seconds_between(std::size_t, std::size_t) override { return 0.0; }
  std::size_t launches() const override {
    collect();
    return launches_.size();
  }
  KernelLaunch launch(std::size_t index) override {
    collect();
    const emu::LaunchRecord& record = launches_.at(index);
    return {.kernel = record.kernel,
            .grid = {record.grid.x, record.grid.y, record.grid.z},
            .block = {record.block.x, record.block.y, record.block.z},
            .dynamic_shared_bytes = record.dynamic_shared_bytes};
  }
  void restart() override {
    collect();
    launches_.clear();
    marks_ = 0;
  }

 private:
  void collect() const {
    for (emu::LaunchRecord& record : emu::stop_recording()) launches_.push_back(std::move(record));
    emu::record_launches();
  }

  mutable std::vector<emu::LaunchRecord> launches_;
  std::size_t marks_ = 0;
};
}  // namespace

std::unique_ptr<Timeline> Runtime::watch() { return std::make_unique<EmulatedTimeline>(); }

}  // namespace curie::CURIE_GPU
