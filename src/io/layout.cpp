#include "io/layout.h"

#include <array>
#include <vector>

namespace curie {

Tensor permuted(const Tensor& x, std::span<const int> axes) {
  const Shape& from = x.shape();
  const auto rank = static_cast<std::size_t>(from.rank());
  CURIE_ASSERT(axes.size() == rank, "permutation of {} axes for {}", axes.size(), to_string(from));
  std::array<std::size_t, Shape::kMaxRank> strides{};
  std::size_t stride = 1;
  for (std::size_t axis = rank; axis-- > 0;) {
    strides[axis] = stride;
    stride *= static_cast<std::size_t>(from[static_cast<int>(axis)]);
  }
  std::vector<int> extents;
  for (const int axis : axes) extents.push_back(from[axis]);
  Tensor result = Tensor::zeros(Shape(std::span<const int>(extents)));
  const std::span<const float> in = x.host<float>();
  // Counts up through the result's indices, the last one fastest, and keeps the place in `x` along.
  std::array<int, Shape::kMaxRank> index{};
  std::size_t place = 0;
  for (float& out : result.host<float>()) {
    out = in[place];
    for (std::size_t axis = rank; axis-- > 0;) {
      const std::size_t step = strides[static_cast<std::size_t>(axes[axis])];
      place += step;
      if (++index[axis] < extents[axis]) break;
      place -= step * static_cast<std::size_t>(extents[axis]);
      index[axis] = 0;
    }
  }
  return result;
}

Tensor hwio_from_krsc(const Tensor& kernel) { return permuted(kernel, std::array{1, 2, 3, 0}); }
Tensor krsc_from_hwio(const Tensor& kernel) { return permuted(kernel, std::array{3, 0, 1, 2}); }
Tensor oihw_from_krsc(const Tensor& kernel) { return permuted(kernel, std::array{0, 3, 1, 2}); }
Tensor krsc_from_oihw(const Tensor& kernel) { return permuted(kernel, std::array{0, 2, 3, 1}); }
Tensor transposed(const Tensor& matrix) { return permuted(matrix, std::array{1, 0}); }

Tensor channel_outermost_rows(const Tensor& kernel, const Shape& image) {
  const int out = kernel.shape()[1];
  return permuted(kernel.reshape({image[0], image[1], image[2], out}), std::array{2, 0, 1, 3}).reshape(kernel.shape());
}

Tensor channel_innermost_rows(const Tensor& kernel, const Shape& image) {
  const int out = kernel.shape()[1];
  return permuted(kernel.reshape({image[2], image[0], image[1], out}), std::array{1, 2, 0, 3}).reshape(kernel.shape());
}

}  // namespace curie
