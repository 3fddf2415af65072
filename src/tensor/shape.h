// The extents of a dense, row-major tensor: at most five, each at least 0.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>

namespace curie {

class Shape {
 public:
  static constexpr int kMaxRank = 5;

  Shape() = default;  // rank 0: a scalar, one element
  Shape(std::initializer_list<int> extents) : Shape(std::span<const int>(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const int> extents);

  int rank() const { return rank_; }
  int operator[](int axis) const;  // a negative axis counts from the end
  std::size_t elements() const;
  std::span<const int> extents() const { return {extents_.data(), static_cast<std::size_t>(rank_)}; }

  // (n, rest...): the batch shape of n samples of this shape.
  Shape with_batch(int n) const;
  // The shape without its first extent.
  Shape sample() const;

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<int, kMaxRank> extents_{};
  int rank_ = 0;
};

// "(32, 3, 3, 1)"; with `batch_unknown`, the first extent prints as None, as Keras does.
std::string to_string(const Shape& shape, bool batch_unknown = false);

}  // namespace curie
