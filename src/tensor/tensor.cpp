#include "tensor/tensor.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace curie {

Tensor::Tensor(std::shared_ptr<const Buffer> buffer, std::size_t byte_offset, Shape shape, DType type)
    : buffer_(std::move(buffer)), offset_(byte_offset), shape_(shape), type_(type) {
  CURIE_ASSERT(buffer_ != nullptr, "a tensor needs a buffer");
  CURIE_ASSERT(offset_ + bytes() <= buffer_->bytes(), "tensor {} of {} at byte {} overruns its buffer of {} bytes",
               to_string(shape_), name_of(type_), offset_, buffer_->bytes());
}

Tensor Tensor::reshape(const Shape& shape) const {
  CURIE_CHECK(shape.elements() == elements(), usage, "reshape: {} has {} elements, {} has {}", to_string(shape_),
              elements(), to_string(shape), shape.elements());
  return Tensor(buffer_, offset_, shape, type_);
}

Tensor Tensor::rows(int first, int count) const {
  CURIE_CHECK(shape_.rank() >= 1 && first >= 0 && count >= 0 && first + count <= shape_[0], usage,
              "rows: expected a window inside {}, got {} rows from {}", to_string(shape_), count, first);
  const Shape row = shape_.sample();
  const std::size_t row_bytes = row.elements() * size_of(type_);
  return Tensor(buffer_, offset_ + static_cast<std::size_t>(first) * row_bytes, row.with_batch(count), type_);
}

Tensor Tensor::view(std::size_t byte_offset, const Shape& shape, DType type) const {
  const std::size_t wanted = shape.elements() * size_of(type);
  CURIE_ASSERT(buffer_ != nullptr && byte_offset <= bytes() && wanted <= bytes() - byte_offset,
               "a view of {} bytes at byte {} overruns the {} bytes of tensor {}", wanted, byte_offset, bytes(),
               to_string(shape_));
  return Tensor(buffer_, offset_ + byte_offset, shape, type);
}

Tensor Tensor::clone() const {
  check_host();
  Tensor copy = zeros(shape_, type_);
  copy.fill_from({raw(), bytes()});
  return copy;
}

Tensor Tensor::zeros(const Shape& shape, DType type) {
  auto buffer = std::make_shared<const Buffer>(allocate_host(shape.elements() * size_of(type)));
  return Tensor(std::move(buffer), 0, shape, type);
}

void Tensor::fill_from(std::span<const std::byte> source) {
  CURIE_CHECK(source.size() == bytes(), usage, "tensor {}: expected {} bytes of values, got {}", to_string(shape_),
              bytes(), source.size());
  std::copy(source.begin(), source.end(), raw());
}

void Tensor::check_type(DType wanted) const {
  CURIE_CHECK(type_ == wanted, usage, "tensor {}: expected elements of {}, it holds {}", to_string(shape_),
              name_of(wanted), name_of(type_));
}

void Tensor::check_host() const {
  CURIE_CHECK(device().host_readable(), usage,
              "tensor {} lives on {}: copy it to the host with Backend::copy before reading it", to_string(shape_),
              to_string(device()));
}

Tensor as_floats(const Tensor& host) {
  if (host.dtype() == DType::f32) return host;
  const Tensor floats = Tensor::zeros(host.shape());
  const std::span<const Bf16> values = host.host<Bf16>();
  std::transform(values.begin(), values.end(), floats.host<float>().begin(),
                 [](Bf16 value) { return to_float(value); });
  return floats;
}

}  // namespace curie
