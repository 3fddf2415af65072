#include "layers/checks.h"

#include <cmath>
#include <cstdint>

namespace curie {

void check_elements(std::string_view kind, std::string_view what, const Shape& shape) {
  std::int64_t elements = 1;
  for (const int extent : shape.extents()) {
    CURIE_CHECK(extent >= 1, usage, "{}: expected {} with extents of at least 1, got {}", kind, what, to_string(shape));
    elements *= extent;
    CURIE_CHECK(elements <= kMaxElements, usage, "{}: {} {} has more than {} values", kind, what, to_string(shape),
                kMaxElements);
  }
}

const Shape& only_input(std::string_view kind, std::span<const Shape> inputs) {
  CURIE_CHECK(inputs.size() == 1, usage, "{}: expected one input, got {}", kind, inputs.size());
  CURIE_CHECK(inputs[0].rank() >= 1 && inputs[0].rank() < Shape::kMaxRank, usage,
              "{}: expected an input of 1 to {} extents besides the batch, got {}", kind, Shape::kMaxRank - 1,
              to_string(inputs[0]));
  check_elements(kind, "an input", inputs[0]);
  return inputs[0];
}

const Shape& image_input(std::string_view kind, std::span<const Shape> inputs) {
  const Shape& input = only_input(kind, inputs);
  CURIE_CHECK(input.rank() == 3, usage,
              "{}: expected an input of shape (rows, columns, channels), got {}; a grey image has one channel", kind,
              to_string(input));
  return input;
}

void check_between(std::string_view kind, std::string_view what, int value, int low, int high) {
  CURIE_CHECK(value >= low && value <= high, usage, "{}: expected {} from {} to {}, got {}", kind, what, low, high,
              value);
}

void check_extent(std::string_view kind, std::string_view what, Extent2 extent) {
  CURIE_CHECK(extent.rows >= 1 && extent.rows <= kMaxExtent && extent.columns >= 1 && extent.columns <= kMaxExtent,
              usage, "{}: expected a {} from 1 to {} rows and columns, got {}x{}", kind, what, kMaxExtent, extent.rows,
              extent.columns);
}

void check_padding(std::string_view kind, const Padding& padding, Extent2 kernel) {
  if (padding.kind != Padding::Kind::cells) return;
  const auto fits = [](int cells, int extent) { return cells >= 0 && cells < extent; };
  CURIE_CHECK(fits(padding.top, kernel.rows) && fits(padding.bottom, kernel.rows) &&
                  fits(padding.left, kernel.columns) && fits(padding.right, kernel.columns),
              usage,
              "{}: expected padding of at least 0 and below the {}x{} window, so that every window sees the image, "
              "got {} above, {} below, {} left, {} right",
              kind, kernel.rows, kernel.columns, padding.top, padding.bottom, padding.left, padding.right);
}

void check_initializer(std::string_view kind, std::string_view what, const Initializer& initializer) {
  CURIE_CHECK(std::isfinite(initializer.value), usage, "{}: expected {} with a finite value, got {}", kind, what,
              initializer.value);
}

Windows windows_on(std::string_view kind, const Shape& image, Extent2 kernel, Extent2 stride, const Padding& padding) {
  if (padding.kind == Padding::Kind::same) {
    return {window_same(image[0], kernel.rows, stride.rows), window_same(image[1], kernel.columns, stride.columns)};
  }
  const int rows = image[0] + padding.top + padding.bottom;
  const int columns = image[1] + padding.left + padding.right;
  CURIE_CHECK(kernel.rows <= rows && kernel.columns <= columns, usage,
              "{}: a {}x{} {} does not fit a {}x{} input{}; use padding same or a larger image", kind, kernel.rows,
              kernel.columns, kind == "Conv2D" ? "kernel" : "pool", image[0], image[1],
              rows == image[0] && columns == image[1] ? "" : fmt::format(" padded to {}x{}", rows, columns));
  return {window_cells(image[0], kernel.rows, stride.rows, padding.top, padding.bottom),
          window_cells(image[1], kernel.columns, stride.columns, padding.left, padding.right)};
}

const Tensor& wanted_gradient(const Layer& layer, const Parameter& parameter) {
  static const Tensor kNone;
  return layer.trainable() && parameter.trainable ? parameter.gradient : kNone;
}

const Tensor& factor_for(DType type, const Parameter& parameter) {
  return type == DType::bf16 ? parameter.rounded : parameter.value;
}

}  // namespace curie
