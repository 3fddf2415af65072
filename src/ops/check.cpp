#include "ops/check.h"

namespace curie::ops {

std::byte* Check::address(std::string_view argument, const Tensor& tensor, DType type, std::size_t elements) const {
  CURIE_CHECK(tensor.defined(), usage, "{}: {}: expected {} elements of {}, got an undefined tensor", op_, argument,
              elements, name_of(type));
  CURIE_CHECK(tensor.device() == backend_.device(), usage,
              "{}: {}: expected a tensor on {}, got one on {}: copy it to the backend first", op_, argument,
              to_string(backend_.device()), to_string(tensor.device()));
  CURIE_CHECK(tensor.dtype() == type, usage, "{}: {}: expected elements of {}, got {}", op_, argument, name_of(type),
              name_of(tensor.dtype()));
  CURIE_CHECK(tensor.elements() == elements, usage, "{}: {}: expected {} elements, got {} in shape {}", op_, argument,
              elements, tensor.elements(), to_string(tensor.shape()));
  return tensor.raw();
}

Bf16Operations& Check::bf16() const {
  Bf16Operations* operations = backend_.bf16();
  CURIE_CHECK(operations != nullptr, usage,
              "{}: bf16 elements need a GPU's kernels made with --math bf16 (--device cuda or emulated); this is {}",
              op_, backend_.describe());
  return *operations;
}

Scratch Check::scratch(Scratch given, std::size_t bytes) const {
  CURIE_CHECK(given.bytes >= bytes && (bytes == 0 || given.data != nullptr), usage,
              "{}: scratch: expected at least {} bytes (Backend::scratch_bytes), got {}", op_, bytes,
              given.data == nullptr ? 0 : given.bytes);
  return given;
}

void Check::at_least(std::string_view what, long long value, long long minimum) const {
  CURIE_CHECK(value >= minimum, usage, "{}: {}: expected at least {}, got {}", op_, what, minimum, value);
}

void Check::between(std::string_view what, double value, double low, double high) const {
  CURIE_CHECK(value >= low && value <= high, usage, "{}: {}: expected a number from {} to {}, got {}", op_, what, low,
              high, value);
}

void Check::not_null(std::string_view what, const void* pointer) const {
  CURIE_CHECK(pointer != nullptr, usage, "{}: {}: expected an address on {}, got null", op_, what,
              to_string(backend_.device()));
}

void Check::fusible(Activation activation) const {
  CURIE_CHECK(activation == Activation::none || activation == Activation::relu, usage,
              "{}: activation: expected linear or relu, got {}: apply it with activation_forward", op_,
              name_of(activation));
}

void Check::windows(std::string_view axis, int in, int kernel, int stride, int pad_before, int out) const {
  CURIE_CHECK(in >= 1 && kernel >= 1 && stride >= 1 && out >= 1, usage,
              "{}: {}: expected input, kernel, stride and output of at least 1, got {}, {}, {} and {}", op_, axis, in,
              kernel, stride, out);
  CURIE_CHECK(pad_before >= 0 && pad_before < kernel, usage,
              "{}: {}: expected from 0 to {} cells of padding for a kernel of {}, got {}", op_, axis, kernel - 1,
              kernel, pad_before);
  const long long last = static_cast<long long>(out - 1) * stride - pad_before;
  CURIE_CHECK(last < in, usage, "{}: {}: expected at most {} outputs for {} inputs at stride {}, got {}", op_, axis,
              (in - 1 + pad_before) / stride + 1, in, stride, out);
}

void Check::shape(const Conv2dShape& shape) const {
  at_least("n", shape.n, 1);
  at_least("c", shape.c, 1);
  at_least("k", shape.k, 1);
  windows("rows", shape.h, shape.r, shape.stride_h, shape.pad_top, shape.p);
  windows("columns", shape.w, shape.s, shape.stride_w, shape.pad_left, shape.q);
}

void Check::shape(const ConvPoolShape& fused) const {
  shape(fused.conv);
  // The arg-max is one byte: at most 16 x 16 cells.
  CURIE_CHECK(fused.pool >= 1 && fused.pool <= 16 && fused.out_h() >= 1 && fused.out_w() >= 1, usage,
              "{}: pool: expected from 1 to min(16, {}, {}), got {}", op_, fused.conv.p, fused.conv.q, fused.pool);
}

void Check::shape(const PoolShape& shape) const {
  at_least("n", shape.n, 1);
  at_least("c", shape.c, 1);
  windows("rows", shape.h, shape.window_h, shape.stride_h, shape.pad_top, shape.p);
  windows("columns", shape.w, shape.window_w, shape.stride_w, shape.pad_left, shape.q);
}

void Check::shape(const DenseShape& shape) const {
  at_least("n", shape.n, 1);
  at_least("in", shape.in, 1);
  at_least("out", shape.out, 1);
}

void Check::shape(const BatchNormShape& shape) const {
  at_least("rows", shape.rows, 1);
  at_least("channels", shape.channels, 1);
  CURIE_CHECK(shape.epsilon > 0.0f, usage, "{}: epsilon: expected a number above 0, got {}", op_, shape.epsilon);
  between("momentum", shape.momentum, 0.0, 1.0);
}

void Check::rows(int rows, int classes) const {
  at_least("rows", rows, 1);
  at_least("classes", classes, 1);
}

}  // namespace curie::ops
