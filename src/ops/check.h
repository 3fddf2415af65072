// The argument checks behind ops/ops.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ops/backend.h"
#include "tensor/tensor.h"

namespace curie::ops {

class Check {
 public:
  Check(const Backend& backend, std::string_view op) : backend_(backend), op_(op) {}

  // The tensor's address, after checks of its device, type and number of elements.
  float* f32(std::string_view argument, const Tensor& tensor, std::size_t elements) const {
    return reinterpret_cast<float*>(address(argument, tensor, DType::f32, elements));
  }
  std::uint8_t* u8(std::string_view argument, const Tensor& tensor, std::size_t elements) const {
    return reinterpret_cast<std::uint8_t*>(address(argument, tensor, DType::u8, elements));
  }
  std::int32_t* i32(std::string_view argument, const Tensor& tensor, std::size_t elements) const {
    return reinterpret_cast<std::int32_t*>(address(argument, tensor, DType::i32, elements));
  }
  std::byte* address(std::string_view argument, const Tensor& tensor, DType type, std::size_t elements) const;

  // The same, or null for an undefined tensor.
  float* optional_f32(std::string_view argument, const Tensor& tensor, std::size_t elements) const {
    return tensor.defined() ? f32(argument, tensor, elements) : nullptr;
  }
  std::uint8_t* optional_u8(std::string_view argument, const Tensor& tensor, std::size_t elements) const {
    return tensor.defined() ? u8(argument, tensor, elements) : nullptr;
  }

  Scratch scratch(Scratch given, std::size_t bytes) const;
  void at_least(std::string_view what, long long value, long long minimum) const;
  void between(std::string_view what, double value, double low, double high) const;
  void not_null(std::string_view what, const void* pointer) const;
  // none or relu: what convolution and dense can fuse.
  void fusible(Activation activation) const;

  // One axis of a convolution or pooling: `out` windows of `kernel` cells, each with at least one cell of the image.
  void windows(std::string_view axis, int in, int kernel, int stride, int pad_before, int out) const;
  void shape(const Conv2dShape& shape) const;
  void shape(const ConvPoolShape& shape) const;
  void shape(const PoolShape& shape) const;
  void shape(const DenseShape& shape) const;
  void shape(const BatchNormShape& shape) const;
  void rows(int rows, int classes) const;

 private:
  const Backend& backend_;
  std::string_view op_;
};

}  // namespace curie::ops
