// The part of HDF5 that Keras uses: groups, datasets of floats, single integers, attributes of text. Reading takes
// place in a process of its own (io/isolated.h), since damaged files are known to crash the HDF5 library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/isolated.h"
#include "tensor/tensor.h"

namespace curie {

struct Hdf5Text {
  std::vector<std::string> texts;
  bool list = true;  // else exactly one text
};

struct Hdf5Object {
  std::string path;                                 // "/model_weights/conv2d"; "/" is the root
  bool group = true;                                // else a dataset
  std::map<std::string, Hdf5Text> attributes = {};  // those of text; others are left out
  Tensor values = {};                        // of a dataset of floats, in f32 host memory; undefined for other types
  std::optional<std::int64_t> integer = {};  // of a dataset that is one integer
  std::string type = {};                     // what a dataset without values holds: "integers of 8 bytes"

  const Hdf5Text* attribute(const std::string& name) const;  // null when there is none
};

struct Hdf5File {
  std::string name;                 // for messages
  std::vector<Hdf5Object> objects;  // a group before what is in it
  const Hdf5Object* find(std::string_view path) const;
};

struct Hdf5Limits {
  std::size_t file_bytes = std::size_t{4} << 30;
  std::size_t objects = 20'000;
  int seconds = 60;  // of processor time
};

// Throws Error(file) for a file that is damaged, that asks for more memory than its size explains, that refers to other
// files, or that has tensors of more than Shape::kMaxRank extents. Groups at the root that `skip` names are left out.
Hdf5File read_hdf5(const std::filesystem::path& path, const std::vector<std::string>& skip = {},
                   const Hdf5Limits& limits = {});
Hdf5File parse_hdf5(std::span<const std::byte> bytes, const std::string& name,
                    const std::vector<std::string>& skip = {}, const Hdf5Limits& limits = {});

// The bytes of a file with these objects, in this order, each after the group it is in. The same objects give the same
// bytes.
std::vector<std::byte> compose_hdf5(std::span<const Hdf5Object> objects);

// Whether the first bytes are those of an HDF5 file.
bool looks_like_hdf5(std::span<const std::byte> bytes);

// Whether this build reads and writes HDF5; the library's version, or why not.
struct FormatSupport {
  bool present;
  std::string detail;
};
FormatSupport hdf5_support();

}  // namespace curie
