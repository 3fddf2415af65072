// Values of bfloat16 and the tensors that hold them.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "support/reference.h"

namespace curie::test {

inline constexpr double kBf16Unit = 0x1p-8;  // unit roundoff: eight bits of significand, rounded to nearest

// The nearest values of bfloat16, as float32.
inline Values rounded(std::span<const float> values) {
  Values result;
  for (const float value : values) result.push_back(to_float(to_bf16(value)));
  return result;
}

// Backend memory for `count` elements at a multiple of 16 bytes, or one element behind it; NaN everywhere.
inline GuardedTensor bf16_blank(Backend& backend, std::size_t count, bool aligned) {
  return aligned ? GuardedTensor(backend, {static_cast<int>(count)}, DType::bf16) : blank(backend, count, DType::bf16);
}
inline GuardedTensor bf16_holding(Backend& backend, std::span<const float> values, bool aligned) {
  const GuardedTensor guarded = bf16_blank(backend, values.size(), aligned);
  std::vector<Bf16> narrow(values.size());
  std::transform(values.begin(), values.end(), narrow.begin(), to_bf16);
  guarded.set(narrow);
  return guarded;
}
// The elements of a tensor of bf16 or f32, as float32.
inline Values values_of(const GuardedTensor& guarded) {
  CHECK(guarded.intact());
  if (guarded.tensor.dtype() == DType::f32) return guarded.values();
  Values result;
  for (const Bf16 value : guarded.values<Bf16>()) result.push_back(to_float(value));
  return result;
}

// Math::bf16 on the device under test; null, with a message, on the CPU, which has none.
inline std::unique_ptr<Backend> bf16_backend() {
  if (cpu_under_test()) {
    MESSAGE("skipped: the CPU keeps nothing in bf16");
    return nullptr;
  }
  return make_backend(device_under_test(), {.math = Math::bf16});
}

}  // namespace curie::test
