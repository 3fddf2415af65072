#include "tensor/shape.h"

#include "tensor/error.h"

namespace curie {

Shape::Shape(std::span<const int> extents) : rank_(static_cast<int>(extents.size())) {
  CURIE_CHECK(extents.size() <= kMaxRank, usage, "shape: expected at most {} extents, got {}", kMaxRank,
              extents.size());
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    CURIE_CHECK(extents[axis] >= 0, usage, "shape: expected extents of at least 0, got {} on axis {}", extents[axis],
                axis);
    extents_[axis] = extents[axis];
  }
}

int Shape::operator[](int axis) const {
  const int index = axis < 0 ? rank_ + axis : axis;
  CURIE_CHECK(index >= 0 && index < rank_, usage, "shape {}: expected an axis below {}, got {}", to_string(*this),
              rank_, axis);
  return extents_[static_cast<std::size_t>(index)];
}

std::size_t Shape::elements() const {
  std::size_t count = 1;
  for (const int extent : extents()) count *= static_cast<std::size_t>(extent);
  return count;
}

Shape Shape::with_batch(int n) const {
  std::array<int, kMaxRank + 1> extents{n};
  for (int axis = 0; axis < rank_; ++axis) extents[static_cast<std::size_t>(axis) + 1] = (*this)[axis];
  return Shape(std::span<const int>(extents.data(), static_cast<std::size_t>(rank_) + 1));
}

Shape Shape::sample() const {
  CURIE_CHECK(rank_ >= 1, usage, "shape: a scalar has no batch extent");
  return Shape(extents().subspan(1));
}

std::string to_string(const Shape& shape, bool batch_unknown) {
  std::string text = "(";
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text += ", ";
    text += axis == 0 && batch_unknown ? "None" : std::to_string(shape[axis]);
  }
  if (shape.rank() == 1) text += ",";
  return text + ")";
}

}  // namespace curie
