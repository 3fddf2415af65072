#include "io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "io/safetensors_header.h"
#include "tensor/files.h"

namespace curie {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little endian, and elements are not swapped");

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// IEEE 754 binary16, all of whose values binary32 holds exactly.
float widen_half(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 0x1f ? 0xffu : exponent + (127 - 15);
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

// Reads elements of type From, piece by piece, and stores convert(element) in `tensor`.
template <typename From, typename To, typename Convert>
void read_converted(const InputFile& file, std::size_t offset, const Tensor& tensor, Convert&& convert) {
  std::array<From, 8192> piece;
  std::span<To> out = tensor.host<To>();
  while (!out.empty()) {
    const std::size_t count = std::min(piece.size(), out.size());
    file.read(offset, std::as_writable_bytes(std::span(piece).first(count)));
    std::transform(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count), out.begin(), convert);
    out = out.subspan(count);
    offset += count * sizeof(From);
  }
}

void read_elements(const InputFile& file, std::size_t offset, const TensorEntry& entry, const Tensor& tensor) {
  const std::string path = file.path().string();
  if (entry.stored.name == "F16") {
    read_converted<std::uint16_t, float>(file, offset, tensor, widen_half);
  } else if (entry.stored.name == "I64") {
    read_converted<std::int64_t, std::int32_t>(file, offset, tensor, [&](std::int64_t value) {
      using Range = std::numeric_limits<std::int32_t>;
      CURIE_CHECK(value >= Range::min() && value <= Range::max(), file,
                  "{}: tensor {}: expected I64 values that fit into 32 bits, found {}", path, quote_name(entry.name),
                  value);
      return static_cast<std::int32_t>(value);
    });
  } else if (entry.stored.name == "BOOL") {
    read_converted<std::uint8_t, std::uint8_t>(file, offset, tensor, [&](std::uint8_t value) {
      CURIE_CHECK(value <= 1, file, "{}: tensor {}: expected BOOL values of 0 or 1, found {}", path,
                  quote_name(entry.name), value);
      return value;
    });
  } else {
    file.read(offset, {tensor.raw(), tensor.bytes()});
  }
}

}  // namespace

const Tensor* SafetensorsFile::find(std::string_view name) const {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [name](const NamedTensor& named) { return named.name == name; });
  return found == tensors.end() ? nullptr : &found->tensor;
}

const Tensor& SafetensorsFile::at(std::string_view name) const {
  if (const Tensor* tensor = find(name)) return *tensor;
  constexpr std::size_t kShown = 8;
  std::string names;
  for (std::size_t i = 0; i < std::min(kShown, tensors.size()); ++i) {
    names += (i == 0 ? "" : ", ") + quote_name(tensors[i].name);
  }
  if (tensors.size() > kShown) names += fmt::format(" and {} more", tensors.size() - kShown);
  throw_error(ErrorKind::file, fmt::format("{}: expected a tensor {}, found {}", path, quote_name(name),
                                           tensors.empty() ? "no tensors" : names));
}

SafetensorsFile read_safetensors(const std::filesystem::path& path, const SafetensorsLimits& limits) {
  const InputFile input(path);
  SafetensorsFile file{.path = path.string(), .metadata = {}, .tensors = {}};
  CURIE_CHECK(input.size() >= kLengthBytes, file, "{}: expected a safetensors file, found {} bytes", file.path,
              input.size());
  CURIE_CHECK(input.size() <= limits.file_bytes, file, "{}: expected at most {} bytes, found {}", file.path,
              limits.file_bytes, input.size());
  std::uint64_t length = 0;
  input.read(0, std::as_writable_bytes(std::span(&length, 1)));
  const std::size_t longest = std::min(limits.header_bytes, input.size() - kLengthBytes);
  CURIE_CHECK(length <= longest, file,
              "{}: expected a safetensors file with a header of at most {} bytes, found a length of {}", file.path,
              longest, length);
  std::string text(length, '\0');
  input.read(kLengthBytes, std::as_writable_bytes(std::span(text)));
  const std::size_t data_start = kLengthBytes + length;
  SafetensorsHeader header = parse_header(text, input.size() - data_start, file.path, limits);

  std::size_t total = 0;
  for (const TensorEntry& entry : header.entries) total += aligned(entry.shape.elements() * size_of(entry.stored.type));
  const auto buffer = std::make_shared<const Buffer>(allocate_host(total));
  file.metadata = std::move(header.metadata);
  file.tensors.reserve(header.entries.size());
  std::size_t offset = 0;
  for (const TensorEntry& entry : header.entries) {
    Tensor tensor(buffer, offset, entry.shape, entry.stored.type);
    read_elements(input, data_start + entry.begin, entry, tensor);
    offset += aligned(tensor.bytes());
    file.tensors.push_back({entry.name, std::move(tensor)});
  }
  return file;
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata,
                       std::span<const NamedTensor> tensors) {
  const std::string header = compose_header(metadata, tensors);
  const std::uint64_t length = header.size();
  write_file(path, [&](const std::function<void(Piece)>& put) {
    put(std::as_bytes(std::span(&length, 1)));
    put(std::as_bytes(std::span(header)));
    for (const NamedTensor& named : tensors) put({named.tensor.raw(), named.tensor.bytes()});
  });
}

void check_finite(const SafetensorsFile& file) {
  for (const NamedTensor& named : file.tensors) {
    if (named.tensor.dtype() != DType::f32 && named.tensor.dtype() != DType::bf16) continue;
    const Tensor floats = as_floats(named.tensor);
    const std::span<const float> values = floats.host<float>();
    const auto found = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
    CURIE_CHECK(found == values.end(), file, "{}: tensor {}: expected finite numbers, found {} at element {} of {}",
                file.path, quote_name(named.name), *found, found - values.begin(), to_string(named.tensor.shape()));
    const bool variance = named.name.ends_with("moving_variance") || named.name.ends_with("running_var");
    if (variance) check_variance(floats, named.name, file.path);
  }
}

void check_variance(const Tensor& variance, const std::string& tensor, const std::string& file) {
  const std::span<const float> values = variance.host<float>();
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return value < 0.0f; });
  if (bad == values.end()) return;
  throw_error(ErrorKind::file, fmt::format("{}: tensor {}: expected variances of at least 0, found {} at element {}",
                                           file, quote_name(tensor), *bad, bad - values.begin()));
}

}  // namespace curie
