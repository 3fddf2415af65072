// Named tensors in one file, as the safetensors format lays them out (github.com/huggingface/safetensors): the header's
// length (8 bytes, little endian), a JSON header {"__metadata__": {text: text}, name: {dtype, shape, data_offsets}},
// then the elements, row-major, without holes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace curie {

struct NamedTensor {
  std::string name;
  Tensor tensor;  // host memory
};

// What a file may ask for before it is refused.
struct SafetensorsLimits {
  std::size_t header_bytes = 100'000'000;  // the reference implementation's own limit
  std::size_t file_bytes = std::size_t{16} << 30;
  std::size_t tensors = 100'000;
};

struct SafetensorsFile {
  std::string path;  // for messages
  std::map<std::string, std::string> metadata;
  std::vector<NamedTensor> tensors;  // in the order of their elements in the file; windows of one shared buffer

  const Tensor* find(std::string_view name) const;  // null when the file has no such tensor
  const Tensor& at(std::string_view name) const;    // Error(file) that lists names when it has none
};

// Reads F32, BF16, I32 and U8 as they are. F16 becomes f32 and BOOL becomes u8, exactly; I64 becomes i32 if every value
// fits. Other types are refused, as is every file that breaks the format: Error(file) names the file, the tensor, what
// was expected and what was found. The file may come from anywhere: memory use is bounded by its size and `limits`.
// Elements may be NaN; see `check_finite`.
SafetensorsFile read_safetensors(const std::filesystem::path& path, const SafetensorsLimits& limits = {});

// Replaces `path` whole or not at all (see tensor/files.h). The same arguments give the same bytes: tensors in the
// given order, metadata in the order of its keys. Error(usage) for a tensor or a text that the format cannot hold.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata,
                       std::span<const NamedTensor> tensors);

// Error(file) that names the first tensor with a NaN or an infinity, and its place; or with a variance below 0.
void check_finite(const SafetensorsFile& file);

// Error(file) that names the tensor and the value when an element of a running variance is below 0: its root is NaN.
void check_variance(const Tensor& variance, const std::string& tensor, const std::string& file);

}  // namespace curie
