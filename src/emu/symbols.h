// Source lines of addresses in this program, by elfutils' libdw where the build has it.
#pragma once

#include <string>

namespace curie::emu {

// "pool.cu:23", or empty when the program has no debug information for it.
std::string source_line(const void* address);
std::string function_name(const void* address);

}  // namespace curie::emu
