// Running a rung: is it right, what does it count, how long does it take.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "course/course.h"
#include "ops/cold_timer.h"

namespace curie {

// The rungs' build for a backend's kernels; null where the backend runs none (a CPU).
const LadderBuild* ladder_build_of(const Backend& backend);

// Why a rung cannot run: it does not take the extents, or the device has no tensor cores. Empty when it can.
std::string objection_to(const Rung& rung, const std::vector<Extent>& extents, const Backend& backend);

// A course's results as the CPU backend computes them, for comparison.
class Reference {
 public:
  Reference(const Course& course, std::vector<Extent> extents);
  const Course& course() const { return course_; }
  const std::vector<Extent>& extents() const { return extents_; }
  const std::vector<Operands::Result>& results() const { return results_; }

 private:
  const Course& course_;
  std::vector<Extent> extents_;
  std::vector<Operands::Result> results_;
};

struct Agreement {
  std::size_t elements = 0, equal = 0;  // equal bit for bit
  double largest = 0.0;                 // difference, relative to the larger of 1 and the value; NaN where one is
  double bound = 0.0;                   // what rounding explains
  bool holds() const { return equal == elements || largest <= bound; }
};

struct Counts {
  std::uint64_t blocks = 0, barriers = 0;
  std::uint64_t global_requests = 0, sectors = 0;
  std::uint64_t shared_requests = 0, shared_wavefronts = 0;
  std::uint64_t bank_conflicts = 0;   // wavefronts beyond those that the lanes would take without
  std::uint64_t matrix_products = 0;  // mma instructions of a warp
  std::uint64_t async_bytes = 0;      // that cp.async copied

  static constexpr std::uint64_t kSectorBytes = 32;
  std::uint64_t global_bytes() const { return sectors * kSectorBytes; }
  std::uint64_t requests() const { return global_requests + shared_requests; }
  double sectors_per_request() const;
  double of(Counter counter) const;  // 0 for Counter::none
};
// Whether `counts` is better than `before` by what the rung claims; true where it claims nothing.
bool claim_holds(const Rung& rung, const Counts& counts, const Counts& before);

struct Outcome {
  Agreement agreement;
  std::optional<Counts> counts;  // where the backend is the emulator in checked mode
};
// Runs a rung once, on a backend with kernels. Throws Error(usage) where the rung does not take the extents or the
// backend has no kernels, and Error(internal) where checked mode finds something.
Outcome run_rung(const Reference& reference, std::size_t rung, Backend& backend);

// What a device can do at most, as Backend::measure_roof finds it: multiply-adds, tensor-core products in TF32, bytes
// of memory that no cache holds.
struct DeviceRoof {
  double operations = 0.0, tensor_operations = 0.0, bytes = 0.0;  // a second; 0: the device has no tensor cores
};

struct Timing {
  double seconds = 0.0;  // the best of `repeats`, with cold caches
  int repeats = 0;
  double of_roof = 0.0;  // the larger of the times that the roof allows for operations and bytes, over `seconds`
};

// Times the rungs of a course on a GPU. The second-level cache is flushed before every run.
class Stopwatch {
 public:
  explicit Stopwatch(Backend& backend);  // Error(usage) for another device than a GPU
  const DeviceRoof& roof() const { return roof_; }
  Timing time(const Course& course, std::size_t rung, const std::vector<Extent>& extents, int repeats = 10);

 private:
  double best(const Start& start, int repeats);

  Backend& backend_;
  ColdTimer timer_;
  DeviceRoof roof_;
};

}  // namespace curie
