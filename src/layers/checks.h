// Checks that several layers share.
#pragma once

#include <span>
#include <string_view>

#include "layers/layers.h"
#include "ops/shapes.h"
#include "tensor/error.h"

namespace curie {

// Limits that keep every product of extents far from overflow, whatever a file says.
constexpr int kMaxFilters = 1 << 20;   // filters of a convolution, units of a dense layer
constexpr int kMaxExtent = 1 << 12;    // kernels, strides, cells of padding
constexpr int kMaxElements = 1 << 30;  // values of one sample or one parameter

// The layer's only input; every extent at least 1, at most kMaxElements values.
const Shape& only_input(std::string_view kind, std::span<const Shape> inputs);
// The same for a layer that reads images: (rows, columns, channels).
const Shape& image_input(std::string_view kind, std::span<const Shape> inputs);
// Throws when an output or a parameter would have more than kMaxElements values.
void check_elements(std::string_view kind, std::string_view what, const Shape& shape);

void check_between(std::string_view kind, std::string_view what, int value, int low, int high);
void check_extent(std::string_view kind, std::string_view what, Extent2 extent);
void check_padding(std::string_view kind, const Padding& padding, Extent2 kernel);
void check_initializer(std::string_view kind, std::string_view what, const Initializer& initializer);

// Where a kernel's or a pool's windows lie on an image (rows, columns, channels).
struct Windows {
  Window rows, columns;
};
Windows windows_on(std::string_view kind, const Shape& image, Extent2 kernel, Extent2 stride, const Padding& padding);

// Where to write the parameter's gradient; undefined when it is not wanted.
const Tensor& wanted_gradient(const Layer& layer, const Parameter& parameter);

// What multiplies inputs of `type`: the parameter, or its rounded copy.
const Tensor& factor_for(DType type, const Parameter& parameter);

}  // namespace curie
