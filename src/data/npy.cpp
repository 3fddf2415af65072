#include "data/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/npy_header.h"
#include "tensor/error.h"
#include "tensor/files.h"

namespace curie {

static_assert(std::endian::native == std::endian::little, ".npy values are written as they lie in memory");

namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kLargestHeader = std::size_t{1} << 16;  // of an array of numbers; NumPy needs about 100 bytes

template <typename From>
void append_integers(std::span<const From> values, std::vector<std::int64_t>& integers) {
  for (const From value : values) {
    if constexpr (std::is_floating_point_v<From>) {
      CURIE_CHECK(std::abs(value) <= 0x1p53 && value == std::floor(value), data, "expected whole numbers, got {}",
                  value);
    }
    integers.push_back(static_cast<std::int64_t>(value));
  }
}

}  // namespace

std::size_t size_of(NpyType type) {
  static constexpr std::array<std::size_t, 5> kSizes = {1, 4, 8, 4, 8};
  return kSizes[static_cast<std::size_t>(type)];
}

std::string_view name_of(NpyType type) {
  static constexpr std::array<std::string_view, 5> kNames = {"uint8", "int32", "int64", "float32", "float64"};
  return kNames[static_cast<std::size_t>(type)];
}

NpyArray::NpyArray(NpyType type, const Shape& shape)
    : type_(type),
      shape_(shape),
      buffer_(std::make_shared<const Buffer>(allocate_host(shape.elements() * curie::size_of(type)))) {}

NpyArray::NpyArray(const Tensor& tensor) : NpyArray() {
  switch (tensor.dtype()) {
    case DType::u8:
      type_ = NpyType::u8;
      break;
    case DType::i32:
      type_ = NpyType::i32;
      break;
    case DType::f32:
      type_ = NpyType::f32;
      break;
    case DType::bf16:
      throw_error(ErrorKind::usage, "NumPy has no type bf16: convert the tensor to f32 first");
  }
  CURIE_CHECK(tensor.defined() && tensor.device().host_readable(), usage,
              "a NumPy array needs its values in host memory: copy them there first");
  shape_ = tensor.shape();
  // The tensor keeps its buffer alive; the array's refers to its elements.
  buffer_ = std::make_shared<const Buffer>(tensor.raw(), tensor.bytes(), tensor.device(), [tensor](std::byte*) {});
}

std::span<std::byte> NpyArray::bytes() const { return {buffer_->data(), shape_.elements() * curie::size_of(type_)}; }

void NpyArray::check_type(NpyType wanted) const {
  CURIE_CHECK(type_ == wanted, data, "expected an array of {}, got one of {}", name_of(wanted), name_of(type_));
}

void NpyArray::copy(std::span<const std::byte> values) {
  CURIE_CHECK(values.size() == bytes().size(), usage, "an array of shape {} of {} takes {} bytes, got {}",
              to_string(shape_), name_of(type_), bytes().size(), values.size());
  std::copy(values.begin(), values.end(), bytes().begin());
}

Tensor NpyArray::tensor() const {
  switch (type_) {
    case NpyType::u8:
      return {buffer_, 0, shape_, DType::u8};
    case NpyType::i32:
      return {buffer_, 0, shape_, DType::i32};
    case NpyType::f32:
      return {buffer_, 0, shape_, DType::f32};
    case NpyType::f64: {
      Tensor rounded = Tensor::zeros(shape_);
      std::transform(values<double>().begin(), values<double>().end(), rounded.data<float>(),
                     [](double value) { return static_cast<float>(value); });
      return rounded;
    }
    case NpyType::i64:
      break;
  }
  throw_error(ErrorKind::data, "expected an array of uint8, int32, float32 or float64, got one of int64");
}

std::vector<std::int64_t> NpyArray::integers() const {
  std::vector<std::int64_t> integers;
  integers.reserve(shape_.elements());
  switch (type_) {
    case NpyType::u8:
      append_integers(values<std::uint8_t>(), integers);
      break;
    case NpyType::i32:
      append_integers(values<std::int32_t>(), integers);
      break;
    case NpyType::i64:
      append_integers(values<std::int64_t>(), integers);
      break;
    case NpyType::f32:
      append_integers(values<float>(), integers);
      break;
    case NpyType::f64:
      append_integers(values<double>(), integers);
      break;
  }
  return integers;
}

NpyArray read_npy(const NpySource& source) {
  const auto require = [&](std::size_t bytes) {
    CURIE_CHECK(source.size >= bytes, file, "{}: truncated: it has {} bytes, its header alone takes {}", source.name,
                source.size, bytes);
  };
  std::array<char, 12> start{};
  const auto read_start = [&](std::size_t from, std::size_t to) {
    source.read(from, std::as_writable_bytes(std::span(start)).subspan(from, to - from));
  };
  CURIE_CHECK(source.size >= kMagic.size(), file, "{}: expected a .npy file, found {} bytes", source.name, source.size);
  read_start(0, kMagic.size());
  CURIE_CHECK(std::string_view(start.data(), kMagic.size()) == kMagic, file,
              "{}: expected a .npy file: it does not begin as one", source.name);
  require(10);
  read_start(6, 8);
  const int version = static_cast<unsigned char>(start[6]);
  CURIE_CHECK(version >= 1 && version <= 3, file, "{}: expected version 1, 2 or 3 of the .npy format, found {}.{}",
              source.name, version, static_cast<unsigned char>(start[7]));
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t before = 8 + length_bytes;
  require(before);
  read_start(8, before);
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) {
    length |= std::size_t{static_cast<unsigned char>(start[8 + i])} << (8 * i);
  }
  CURIE_CHECK(length <= kLargestHeader, file, "{}: expected a header of at most {} bytes, it claims {}", source.name,
              kLargestHeader, length);
  require(before + length);
  std::string text(length, '\0');
  source.read(before, std::as_writable_bytes(std::span(text)));
  const NpyHeader header = parse_npy_header(text, source.name);

  const std::size_t held = source.size - before - length;
  CURIE_CHECK(header.bytes == held, file, "{}: {}: an array of shape {} of {} takes {} bytes, the file holds {}",
              source.name, header.bytes > held ? "truncated" : "too long", to_string(header.shape),
              name_of(header.type), header.bytes, held);
  NpyArray array(header.type, header.shape);
  source.read(before + length, array.bytes());
  return array;
}

NpyArray read_npy(const std::filesystem::path& path) {
  const InputFile file(path);
  return read_npy(
      {path.string(), file.size(), [&](std::size_t offset, std::span<std::byte> out) { file.read(offset, out); }});
}

std::string npy_header(const NpyArray& array) {
  const std::string text = format_npy_header(array.type(), array.shape());
  std::string header(kMagic);
  header += {'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

void write_npy(const std::filesystem::path& path, const NpyArray& array) {
  const std::string header = npy_header(array);
  write_file(path, [&](const std::function<void(Piece)>& put) {
    put(std::as_bytes(std::span(header)));
    put(array.bytes());
  });
}

}  // namespace curie
