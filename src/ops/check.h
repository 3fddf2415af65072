// The argument checks behind ops/ops.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ops/backend_bf16.h"
#include "tensor/tensor.h"

namespace curie::ops {

class Check {
 public:
  Check(Backend& backend, std::string_view op) : backend_(backend), op_(op) {}

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
  // Of elements of T: float or Bf16.
  template <typename T>
  T* of(std::string_view argument, const Tensor& tensor, std::size_t elements) const {
    return reinterpret_cast<T*>(address(argument, tensor, dtype_of<T>, elements));
  }
  template <typename T>
  T* optional_of(std::string_view argument, const Tensor& tensor, std::size_t elements) const {
    return tensor.defined() ? of<T>(argument, tensor, elements) : nullptr;
  }
  std::byte* address(std::string_view argument, const Tensor& tensor, DType type, std::size_t elements) const;

  // The same, or null for an undefined tensor.
  float* optional_f32(std::string_view argument, const Tensor& tensor, std::size_t elements) const {
    return tensor.defined() ? f32(argument, tensor, elements) : nullptr;
  }
  std::uint8_t* optional_u8(std::string_view argument, const Tensor& tensor, std::size_t elements) const {
    return tensor.defined() ? u8(argument, tensor, elements) : nullptr;
  }

  // Throws where the backend has no primitives on bfloat16.
  Bf16Operations& bf16() const;

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
  Backend& backend_;
  std::string_view op_;
};

// Calls call(operations, T()) with what `tensor` holds: the backend and float, or its primitives on bfloat16 and Bf16.
template <typename Call>
void by_type(const Check& check, Backend& backend, const Tensor& tensor, Call call) {
  if (tensor.dtype() == DType::bf16) {
    call(check.bf16(), Bf16());
  } else {
    call(backend, float());
  }
}

}  // namespace curie::ops
