// Arrays for tests of kernels: not aligned beyond the element, every element poisoned before the call, and guard
// elements on both sides that must not change.
#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

namespace curie {

template <typename T>
class Guarded {
 public:
  Guarded(std::size_t size, T poison) : size_(size), storage_(size + 2 * kGuards, kGuard) {
    for (T& element : span()) element = poison;
  }
  T* data() { return storage_.data() + kGuards; }
  std::span<T> span() { return {data(), size_}; }
  std::span<const T> span() const { return {storage_.data() + kGuards, size_}; }
  bool guards_intact() const {
    for (std::size_t i = 0; i < kGuards; ++i) {
      if (storage_[i] != kGuard || storage_[kGuards + size_ + i] != kGuard) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGuards = 33;  // odd, so that data() is not aligned to a vector
  static constexpr T kGuard = static_cast<T>(77);
  std::size_t size_;
  std::vector<T> storage_;
};

using GuardedFloats = Guarded<float>;

inline GuardedFloats poisoned(std::size_t size, float poison = std::numeric_limits<float>::quiet_NaN()) {
  return {size, poison};
}

// Integers in [-limit, limit]: sums of their products are exact while they stay below 2^24.
inline GuardedFloats random_integers(std::size_t size, int limit, unsigned seed) {
  GuardedFloats result(size, 0.0f);
  std::mt19937 generator(seed);
  for (float& value : result.span()) {
    value = static_cast<float>(static_cast<int>(generator() % static_cast<unsigned>(2 * limit + 1)) - limit);
  }
  return result;
}

// Multiples of 2^-23 in [-1, 1).
inline GuardedFloats random_floats(std::size_t size, unsigned seed) {
  GuardedFloats result(size, 0.0f);
  std::mt19937 generator(seed);
  for (float& value : result.span()) value = static_cast<float>(generator() >> 8) * 0x1p-23f - 1.0f;
  return result;
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace curie
