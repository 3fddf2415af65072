// Element types of a tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tensor/bf16.h"

namespace curie {

enum class DType : std::uint8_t { f32, bf16, i32, u8 };

constexpr std::size_t size_of(DType type) {
  switch (type) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::bf16:
      return 2;
    case DType::u8:
      return 1;
  }
  return 0;
}

std::string_view name_of(DType type);

// The C++ type that holds one element of a tensor on the host.
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<Bf16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <typename T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

}  // namespace curie
