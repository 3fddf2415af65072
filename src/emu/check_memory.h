// Checked mode's view of memory: which buffer or shared array an address belongs to, and what happened to each of its
// words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "emu/emulator.h"

namespace curie::emu {

// The last write and the last reads of four bytes. Sub-word accesses by different threads share one cell.
struct Cell {
  std::uint32_t write_interval, read_interval;
  std::uint32_t write_place, read_place;  // lines, as numbers (Checker)
  std::uint32_t readers;                  // ReadBy::lanes: a mask; ReadBy::warps: a reader of another warp
  std::uint16_t write_thread, read_thread;
  std::uint16_t write_count, read_count;
  std::uint8_t written, read;  // bytes, as a mask
  std::uint8_t initialised;    // the same
  std::uint8_t state;          // CellState
};

enum CellState : std::uint8_t {
  kAtomic = 1,       // the last write was one
  kInFlight = 2,     // the target of a cp.async that nobody has waited for
  kReadByLanes = 4,  // since the last write, by several lanes of a warp
  kReadByWarps = 8,  // by several warps
};

struct Region {
  const std::byte* first = nullptr;
  std::size_t bytes = 0;
  bool shared = false;
  std::string name;
  std::uint64_t serial = 0;  // of a device buffer
  Cell* cells = nullptr;

  Region() = default;
  Region(const std::byte* first_, std::size_t bytes_, bool shared_, std::string name_);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  // Whether all of the access lies inside.
  bool holds(const std::byte* at, std::size_t size) const {
    return at >= first && static_cast<std::size_t>(at - first) < bytes &&
           bytes - static_cast<std::size_t>(at - first) >= size;
  }
  Cell& cell_of(const std::byte* at) const {
    return cells[(reinterpret_cast<std::uintptr_t>(at) >> 2) - (reinterpret_cast<std::uintptr_t>(first) >> 2)];
  }
  // `shared array tile of 256 bytes`, `device buffer "x" of 1024 bytes`
  std::string describe() const;
  // `tile, element 3 (bytes 12 to 15)`
  std::string describe(const std::byte* at, std::size_t size) const;
};

class Regions {
 public:
  void launch_begins(const Grid& grid);
  Region& shared_ready(const std::byte* data, std::size_t bytes, const char* name);
  // Null when the address belongs to none; `code` is the accessing code, where it is known.
  Region* find(const std::byte* at, const void* code);
  // What is wrong with an address that belongs to no region, in words that follow "reads 4 bytes at pool.cu:3"; empty
  // when nothing is: constants, the program's own variables and the kernel's parameters.
  std::string objection(const std::byte* at, std::size_t size, bool write) const;

 private:
  bool is_parameter(const std::byte* at) const;
  Region* find_static(const std::byte* at, const void* code);
  const Region* nearest(const std::byte* at) const;

  std::vector<std::unique_ptr<Region>> buffers_;  // by address
  std::uint64_t changes_ = ~std::uint64_t{0};
  std::map<const std::byte*, std::unique_ptr<Region>> shared_;  // every one that was ever seen
  std::vector<Region*> here_;                                   // shared arrays of the running kernel
  std::map<const void*, std::vector<Region*>> statics_;         // by kernel
  const Grid* grid_ = nullptr;
};

}  // namespace curie::emu
