#include "cuda/backend.h"

#include <fmt/format.h>

#include "tensor/error.h"

namespace curie::CURIE_GPU {

GpuBackend::GpuBackend(int device, const BackendOptions& options)
    : runtime_(std::make_shared<Runtime>(device)),
      allocator_(std::make_shared<CachingAllocator>(runtime_)),
      math_(options.math),
      record_steps_(options.record_steps) {
  CURIE_CHECK(math_ != Math::tf32 || has_tensor_cores(), usage,
              "math tf32 needs a GPU of compute capability 8.0 or newer; this is {}; use --math exact",
              runtime_->describe());
  if (math_ == Math::bf16) bf16_ = std::make_unique<Bf16Kernels>(runtime_, products());
}

bool GpuBackend::has_tensor_cores() const { return runtime_->compute_capability() >= 80; }

Math GpuBackend::products() const { return rounds_factors(math_) && !has_tensor_cores() ? Math::exact : math_; }

GpuBackend::~GpuBackend() = default;

Device GpuBackend::device() const { return {kDeviceKind, runtime_->device()}; }

std::string GpuBackend::describe() const {
  const char* without = math_ == Math::bf16 && !has_tensor_cores() ? " (kept so, multiplied as float32)" : "";
  return fmt::format("{}: {}, {} math{}", to_string(device()), runtime_->describe(), name_of(math_), without);
}

// What the allocator keeps counts as free: it goes back before a request fails.
std::optional<Backend::Memory> GpuBackend::memory() const {
  Memory memory = runtime_->memory();
  memory.free += allocator_->bytes_kept();
  return memory;
}

Buffer GpuBackend::allocate(std::size_t bytes) {
  std::byte* data = allocator_->allocate(bytes);
  runtime_->zero(data, bytes);
  return Buffer(data, bytes, device(), [allocator = allocator_](std::byte* block) { allocator->release(block); });
}

void GpuBackend::copy_to_device(std::byte* to, const std::byte* from_host, std::size_t bytes) {
  runtime_->copy_to_device(to, from_host, bytes);
}
void GpuBackend::copy_to_host(std::byte* to_host, const std::byte* from, std::size_t bytes) {
  runtime_->copy_to_host(to_host, from, bytes);
}
void GpuBackend::copy_on_device(std::byte* to, const std::byte* from, std::size_t bytes) {
  runtime_->copy_on_device(to, from, bytes);
}
void GpuBackend::synchronize() { runtime_->synchronize(); }

std::unique_ptr<Recording> GpuBackend::record(std::function<void()> step) {
  return record_steps_ ? runtime_->record(step) : Backend::record(std::move(step));
}

double GpuBackend::milliseconds(const std::function<void()>& work) {
  if (kDeviceKind != DeviceKind::cuda) return Backend::milliseconds(work);  // the emulator's events have no time
  Event before, after;
  before.record(runtime_->stream());
  work();
  after.record(runtime_->stream());
  after.wait();
  return after.milliseconds_since(before);
}

std::unique_ptr<Backend> make_gpu_backend(int device, const BackendOptions& options) {
  return std::make_unique<GpuBackend>(device, options);
}

}  // namespace curie::CURIE_GPU
