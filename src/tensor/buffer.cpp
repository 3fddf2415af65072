#include "tensor/buffer.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tensor/error.h"

namespace curie {

Buffer::Buffer(std::byte* data, std::size_t bytes, Device device, Release release)
    : data_(data), bytes_(bytes), device_(device), release_(std::move(release)) {}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      device_(other.device_),
      release_(std::exchange(other.release_, nullptr)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    Buffer old(std::move(*this));
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    device_ = other.device_;
    release_ = std::exchange(other.release_, nullptr);
  }
  return *this;
}

Buffer::~Buffer() {
  if (data_ != nullptr && release_) release_(data_);
}

namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kMappedFrom = std::size_t{4} << 20;

std::size_t round_up(std::size_t value, std::size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

Buffer map_pages(std::size_t bytes) {
  // One huge page more than needed, so that the block can start on a huge-page boundary.
  const std::size_t mapped = round_up(bytes, kHugePage) + kHugePage;
  void* base = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CURIE_CHECK(base != MAP_FAILED, out_of_memory, "the host cannot provide {} bytes ({})", bytes, std::strerror(errno));
  const auto address = reinterpret_cast<std::uintptr_t>(base);
  auto* data = reinterpret_cast<std::byte*>(round_up(address, kHugePage));
  madvise(data, round_up(bytes, kHugePage), MADV_HUGEPAGE);
  return Buffer(data, bytes, Device{}, [base, mapped](std::byte*) { munmap(base, mapped); });
}

}  // namespace

Buffer allocate_host(std::size_t bytes) {
  if (bytes >= kMappedFrom) return map_pages(bytes);
  const std::size_t rounded = round_up(bytes == 0 ? 1 : bytes, kAlignment);
  auto* data = static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded));
  CURIE_CHECK(data != nullptr, out_of_memory, "the host cannot provide {} bytes", bytes);
  std::memset(data, 0, rounded);
  return Buffer(data, bytes, Device{}, [](std::byte* block) { std::free(block); });
}

}  // namespace curie
