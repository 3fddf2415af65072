// A handle to a dense, row-major array: shared buffer + offset + shape + type. Copying a Tensor copies the handle;
// `clone` copies the elements.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "tensor/buffer.h"
#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/error.h"
#include "tensor/shape.h"

namespace curie {

class Tensor {
 public:
  Tensor() = default;  // no buffer: `defined()` is false
  Tensor(std::shared_ptr<const Buffer> buffer, std::size_t byte_offset, Shape shape, DType type);

  bool defined() const { return buffer_ != nullptr; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return type_; }
  Device device() const { return buffer_ ? buffer_->device() : Device{}; }
  std::size_t elements() const { return shape_.elements(); }
  std::size_t bytes() const { return elements() * size_of(type_); }

  // The address on the tensor's own device, for a backend; host code uses `host`.
  std::byte* raw() const { return buffer_ ? buffer_->data() + offset_ : nullptr; }
  template <typename T>
  T* data() const {
    check_type(dtype_of<T>);
    return reinterpret_cast<T*>(raw());
  }

  // The elements, readable and writable by host code. Throws for memory that the host cannot reach: copy it first.
  template <typename T>
  std::span<T> host() const {
    check_type(dtype_of<T>);
    check_host();
    return {reinterpret_cast<T*>(raw()), elements()};
  }

  Tensor reshape(const Shape& shape) const;  // the same elements; their number must agree
  Tensor rows(int first, int count) const;   // a window of the first extent
  // A window of the bytes from `byte_offset` on, seen as `type`: one planned block holds several small arrays.
  Tensor view(std::size_t byte_offset, const Shape& shape, DType type) const;
  Tensor clone() const;  // host memory only

  // New host memory, zero-filled.
  static Tensor zeros(const Shape& shape, DType type = DType::f32);
  template <typename T>
  static Tensor from(const Shape& shape, std::span<const T> values) {
    Tensor tensor = zeros(shape, dtype_of<T>);
    tensor.fill_from(std::as_bytes(values));
    return tensor;
  }

 private:
  void check_type(DType wanted) const;
  void check_host() const;
  void fill_from(std::span<const std::byte> bytes);

  std::shared_ptr<const Buffer> buffer_;
  std::size_t offset_ = 0;
  Shape shape_;
  DType type_ = DType::f32;
};

// Host tensors of f32 as they are, of bf16 as new ones of f32 with the same values.
Tensor as_floats(const Tensor& host);

}  // namespace curie
