// The lines of kernels, as numbers that fit into a Cell.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "emu/where.h"

namespace curie::emu {

class Places {
 public:
  std::uint32_t of(const void* code);  // a return address
  std::uint32_t of(Where where);
  std::string line(std::uint32_t place) const;  // "pool.cu:23"

 private:
  struct Place {
    const void* code = nullptr;
    Where where;
  };
  std::vector<Place> places_{Place{}};
  std::unordered_map<const void*, std::uint32_t> of_code_;
  std::map<std::pair<const char*, int>, std::uint32_t> of_where_;
};

}  // namespace curie::emu
