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
  GuardedTensor(Backend& backend, const Shape& shape, DType type = DType::f32) {
    const std::size_t bytes = shape.elements() * size_of(type);
    buffer_ = std::make_shared<const Buffer>(backend.allocate(bytes + 2 * kGuard));
    std::memset(buffer_->data(), kPattern, kGuard);
    std::memset(buffer_->data() + kGuard, 0xff, bytes);
    std::memset(buffer_->data() + kGuard + bytes, kPattern, kGuard);
    tensor = Tensor(buffer_, kGuard, shape, type);
  }

  bool intact() const {
    const auto untouched = [](const std::byte* at) {
      return std::all_of(at, at + kGuard, [](std::byte b) { return b == static_cast<std::byte>(kPattern); });
    };
    return buffer_ == nullptr || (untouched(buffer_->data()) && untouched(tensor.raw() + tensor.bytes()));
  }

  std::span<float> floats() const { return tensor.host<float>(); }
  std::vector<float> values() const { return {floats().begin(), floats().end()}; }
  void set(std::span<const float> values) const { std::copy(values.begin(), values.end(), floats().begin()); }
  void fill(float value) const { std::fill(floats().begin(), floats().end(), value); }

  Tensor tensor;

 private:
  static constexpr std::size_t kGuard = 256;
  static constexpr int kPattern = 0xa5;
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
