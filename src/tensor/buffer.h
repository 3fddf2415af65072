// A block of bytes on one device. Owns them; moves, never copies.
#pragma once

#include <cstddef>
#include <functional>

#include "tensor/device.h"

namespace curie {

class Buffer {
 public:
  using Release = std::function<void(std::byte*)>;

  Buffer() = default;
  Buffer(std::byte* data, std::size_t bytes, Device device, Release release);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  Device device_;
  Release release_;
};

// 64-byte aligned host memory, zero-filled. Blocks of 4 MiB and more ask for huge pages: touching fresh 4 KiB pages
// costs more than twice as much as touching huge ones.
Buffer allocate_host(std::size_t bytes);

}  // namespace curie
