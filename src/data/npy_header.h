// The text at the head of a .npy file: a Python dictionary. Internal to npy.h.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "data/npy.h"

namespace curie {

struct NpyHeader {
  NpyType type;
  Shape shape;
  std::size_t bytes;  // of the values; shape and type agree with it
};

// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, the members in any order, without others. Throws
// Error(file) that begins with `name`.
NpyHeader parse_npy_header(std::string_view text, std::string_view name);

// As NumPy 1.24 writes it, with what is before it (10 bytes) a multiple of 64 bytes, ending with a line feed.
std::string format_npy_header(NpyType type, const Shape& shape);

}  // namespace curie
