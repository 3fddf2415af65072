// The JSON header of a safetensors file, to and from text. Used by io/safetensors.cpp.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/safetensors.h"

namespace curie {

// An element type in a file, and the one that holds it in memory.
struct StoredType {
  std::string_view name;
  std::size_t size;  // bytes of one element in the file
  DType type;
};

struct TensorEntry {
  std::string name;
  StoredType stored;
  Shape shape;
  std::size_t begin, end;  // bytes from the end of the header
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<TensorEntry> entries;  // by ascending `begin`; together they cover the data exactly
};

// `text` comes from `file`, in which `data_bytes` bytes follow it. Throws Error(file) for anything but a valid header.
SafetensorsHeader parse_header(std::string_view text, std::size_t data_bytes, const std::string& file,
                               const SafetensorsLimits& limits);

// The header of these tensors, padded with spaces so that the data starts at a multiple of 8 bytes.
std::string compose_header(const std::map<std::string, std::string>& metadata, std::span<const NamedTensor> tensors);

// A name from a file as it may appear in a message: quoted, control characters escaped, long ones cut.
std::string quote_name(std::string_view name);

}  // namespace curie
