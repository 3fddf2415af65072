// The ladder as a course: four computations, the rungs that lead from a naive kernel to the one that Curie trains with,
// what each rung claims to be better at, and what it asks of shapes. The kernels are in src/cuda/ladder.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "catalogue/catalogue.h"
#include "cuda/ladder/build.h"

namespace curie {

// What the emulator counts of a rung, and a rung can be better at than the one before.
enum class Counter {
  none,
  global_bytes,         // of the sectors that requests to global memory touch; no cache takes part
  sectors_per_request,  // of global memory; 4 for a float a lane side by side
  requests,             // load and store instructions of a warp, to global and shared memory
  shared_wavefronts,    // turns that shared memory takes to serve its requests
  barriers,             // of a block, added up over blocks
  blocks,               // more of them, where all others are better when they are fewer
};
std::string_view name_of(Counter counter);  // "bytes from and to global memory", ...
bool more_is_better(Counter counter);

struct Rung {
  std::string name;   // "gemm_3_shared_tiles", of its file and kernels
  std::string title;  // "shared tiles"
  std::string idea;   // one line
  Counter claim = Counter::none;
  std::vector<std::string> in_fours = {};  // extents that must be multiples of four
  // An extent's largest value, by its name; empty: there is none.
  std::string limited = {};
  int limit = 0;
  bool tensor_cores = false;  // needs compute capability 8.0, and rounds to TF32

  std::string file() const { return "src/cuda/ladder/" + name + ".cu"; }
  // Why the rung does not take these extents; empty when it does.
  std::string objection(const std::vector<Extent>& extents) const;
};

// A rung with its operands in place: starts it once.
using Start = std::function<void()>;

struct Course {
  std::string name;                            // "gemm"
  std::string description;                     // one line
  std::vector<Extent> extents, timed_extents;  // what is counted on the emulator; what is timed on a GPU
  bool exact = false;                          // small integers: every rung's result is the CPU's, bit for bit
  // The largest difference from the CPU's, relative to the larger of 1 and the value, that rounding explains.
  std::function<double(const std::vector<Extent>&)> bound;
  std::function<double(const std::vector<Extent>&)> operations;
  std::function<double(const std::vector<Extent>&)> least_bytes;  // every input read once, every output written once
  // Throws Error(usage) for extents that make no problem.
  std::function<void(const std::vector<Extent>&)> check;
  std::vector<Rung> rungs;
  // Puts the operands in place and returns what starts rung `rung`; build is null for the reference, the backend's own
  // method.
  std::function<Start(Operands&, const LadderBuild* build, std::size_t rung)> prepare;
};

const std::vector<Course>& courses();
// Throws Error(usage) with the nearest name for one that is not there.
const Course& find_course(const std::string& name);
// An extent's value.
int extent_of(const std::vector<Extent>& extents, const std::string& name);

}  // namespace curie
