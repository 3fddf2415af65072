// NumPy's .npy files: one array each (numpy/lib/format.py describes the format). Versions 1 to 3, C order,
// little-endian numbers of the types below; anything else is refused with what it is. Files may be hostile: nothing is
// allocated that the file does not hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/buffer.h"
#include "tensor/tensor.h"

namespace curie {

enum class NpyType { u8, i32, i64, f32, f64 };

std::size_t size_of(NpyType type);
std::string_view name_of(NpyType type);  // "uint8", "int32", ..., as NumPy says

template <typename T>
struct NpyTypeOf;
template <>
struct NpyTypeOf<std::uint8_t> {
  static constexpr NpyType value = NpyType::u8;
};
template <>
struct NpyTypeOf<std::int32_t> {
  static constexpr NpyType value = NpyType::i32;
};
template <>
struct NpyTypeOf<std::int64_t> {
  static constexpr NpyType value = NpyType::i64;
};
template <>
struct NpyTypeOf<float> {
  static constexpr NpyType value = NpyType::f32;
};
template <>
struct NpyTypeOf<double> {
  static constexpr NpyType value = NpyType::f64;
};

// An array in host memory. Copying copies the handle, as for a Tensor.
class NpyArray {
 public:
  NpyArray() : NpyArray(NpyType::f32, {0}) {}
  NpyArray(NpyType type, const Shape& shape);  // zeros
  explicit NpyArray(const Tensor& tensor);     // shares the memory of a host tensor of u8, i32 or f32
  template <typename T>
  NpyArray(const Shape& shape, std::span<const T> values) : NpyArray(NpyTypeOf<T>::value, shape) {
    copy(std::as_bytes(values));
  }

  NpyType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  std::span<std::byte> bytes() const;
  template <typename T>
  std::span<const T> values() const {  // of that very type
    check_type(NpyTypeOf<T>::value);
    return {reinterpret_cast<const T*>(bytes().data()), shape_.elements()};
  }

  // The array as a tensor: u8, i32 and f32 share their memory, f64 is rounded to f32. Throws Error(data) for i64, of
  // which there are no tensors.
  Tensor tensor() const;
  // Whole numbers of any type. Throws Error(data) for a value that is none.
  std::vector<std::int64_t> integers() const;

 private:
  void check_type(NpyType wanted) const;
  void copy(std::span<const std::byte> bytes);

  NpyType type_;
  Shape shape_;
  std::shared_ptr<const Buffer> buffer_;
};

// Throws Error(file) that begins with the path: not a .npy file, truncated, too long, Fortran order, objects, records,
// strings, complex or big-endian numbers, too many or too large extents.
NpyArray read_npy(const std::filesystem::path& path);

// The bytes that numpy.save (1.24) writes, whole or not at all.
void write_npy(const std::filesystem::path& path, const NpyArray& array);

// The format itself, wherever the bytes come from and go to. `read` is asked for stretches one after another, from
// offset 0 to `size`.
struct NpySource {
  std::string name;  // what messages begin with
  std::size_t size = 0;
  std::function<void(std::size_t offset, std::span<std::byte> out)> read;
};
NpyArray read_npy(const NpySource& source);
std::string npy_header(const NpyArray& array);  // what stands before the values

}  // namespace curie
