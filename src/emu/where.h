// A place in a kernel's source. Written as a default argument it names the caller's line; std::source_location would do
// the same, but clang 14 has none.
#pragma once

namespace curie::emu {

struct Where {
  const char* file = "";
  int line = 0;
};

}  // namespace curie::emu

#define CURIE_WHERE ::curie::emu::Where where = {__builtin_FILE(), __builtin_LINE()}
