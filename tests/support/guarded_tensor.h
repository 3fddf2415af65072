// Backend memory with a guard on both sides: a write outside the tensor shows.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "ops/backend.h"
#include "tensor/random.h"

namespace curie::test {

class GuardedTensor {
 public:
  GuardedTensor() = default;
  // Elements start as 0xff bytes: NaN in f32, 255 in u8.
  GuardedTensor(Backend& backend, const Shape& shape, DType type = DType::f32) : backend_(&backend) {
    const std::size_t bytes = shape.elements() * size_of(type);
    buffer_ = std::make_shared<const Buffer>(backend.allocate(bytes + 2 * kGuard));
    std::vector<std::byte> image(bytes + 2 * kGuard, kPattern);
    std::fill_n(image.begin() + kGuard, bytes, std::byte{0xff});
    backend.copy_to_device(buffer_->data(), image.data(), image.size());
    tensor = Tensor(buffer_, kGuard, shape, type);
  }

  // The guards, and what lies between them and a `tensor` that was narrowed to a part.
  bool intact() const {
    if (buffer_ == nullptr) return true;
    std::vector<std::byte> image(buffer_->bytes());
    backend_->copy_to_host(image.data(), buffer_->data(), image.size());
    const auto first = image.begin() + (tensor.raw() - buffer_->data());
    const auto last = first + static_cast<std::ptrdiff_t>(tensor.bytes());
    const auto all_are = [](auto from, auto to, std::byte b) {
      return std::all_of(from, to, [b](std::byte found) { return found == b; });
    };
    return all_are(image.begin(), image.begin() + kGuard, kPattern) &&
           all_are(image.end() - kGuard, image.end(), kPattern) &&
           all_are(image.begin() + kGuard, first, std::byte{0xff}) &&
           all_are(last, image.end() - kGuard, std::byte{0xff});
  }

  template <typename T = float>
  std::vector<T> values() const {
    CHECK(tensor.dtype() == dtype_of<T>);
    std::vector<T> copy(tensor.elements());
    backend_->copy_to_host(reinterpret_cast<std::byte*>(copy.data()), tensor.raw(), tensor.bytes());
    return copy;
  }
  void set(std::span<const float> values) const { write(std::as_bytes(values)); }
  void set(std::span<const std::int32_t> values) const { write(std::as_bytes(values)); }
  void set(std::span<const std::uint8_t> values) const { write(std::as_bytes(values)); }
  void set(std::span<const Bf16> values) const { write(std::as_bytes(values)); }
  void fill(float value) const { set(std::vector<float>(tensor.elements(), value)); }
  void set_element(std::size_t i, float value) const {
    backend_->copy_to_device(tensor.raw() + i * sizeof value, reinterpret_cast<const std::byte*>(&value), sizeof value);
  }

  Tensor tensor;

 private:
  void write(std::span<const std::byte> bytes) const {
    CHECK(bytes.size() == tensor.bytes());
    backend_->copy_to_device(tensor.raw(), bytes.data(), bytes.size());
  }

  static constexpr std::ptrdiff_t kGuard = 256;
  static constexpr auto kPattern = std::byte{0xa5};
  Backend* backend_ = nullptr;
  std::shared_ptr<const Buffer> buffer_;
};

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Uniform on [low, high), the same for the same stream number.
inline std::vector<float> random_values(std::size_t count, std::uint32_t stream, float low = -1.0f, float high = 1.0f) {
  const RandomStream random{.seed = 20, .stream = stream};
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = low + (high - low) * random.uniform(i);
  return values;
}

// Distinct values, no two closer than `gap` and none closer than gap / 2 to 0, in random order: no step below gap / 2
// changes a maximum or a sign.
inline std::vector<float> spaced_values(std::size_t count, std::uint32_t stream, float gap) {
  const RandomStream random{.seed = 21, .stream = stream};
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = (static_cast<float>(i) - static_cast<float>(count / 2) + 0.5f) * gap;
    std::swap(values[i], values[below(random, i, static_cast<std::uint32_t>(i) + 1)]);
  }
  return values;
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace curie::test
