// Source lines and static arrays of this program, by elfutils' libdw where the build has it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace curie::emu {

// "pool.cu:23", or "reduce.cuh:49, called at softmax.cu:31" for code that was inlined from another file; empty when the
// program has no debug information for it.
std::string source_line(const void* address);
std::string function_name(const void* address);

// A `static` array inside a function: what a pasted __shared__ becomes.
struct StaticArray {
  std::string name;      // "tile"
  std::string function;  // its name alone
  const std::byte* data;
  std::size_t bytes;
};
std::vector<StaticArray> static_arrays_of(const void* function);
// The writable one at this address, in a module whose kernels static_arrays_of has seen.
std::optional<StaticArray> static_array_at(const void* address);
// Whether a variable with a name of its own, in no function, lies at this address.
bool is_global_variable(const void* address);
// Whether the code at `address` is the function's, or was inlined into it or from it.
bool is_code_of(const void* address, const std::string& function);

enum class Segment { none, constant, writable };
Segment segment_of(const void* address);  // of the program and its libraries

}  // namespace curie::emu
