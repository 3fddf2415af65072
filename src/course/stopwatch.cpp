#include <algorithm>
#include <limits>

#include "course/run.h"
#include "tensor/error.h"

namespace curie {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{256} << 20;  // several times the largest second-level cache
constexpr int kRoofRepeats = 5;

const LadderBuild& build_for_times(const Backend& backend) {
  const LadderBuild* build = ladder_build_of(backend);
  CURIE_CHECK(build != nullptr && backend.device().kind == DeviceKind::cuda, usage,
              "ladder: only a GPU's times mean something, and this is {}", backend.describe());
  return *build;
}

}  // namespace

Stopwatch::Stopwatch(Backend& backend)
    : backend_(backend), build_(build_for_times(backend)), flushed_(backend.allocate(2 * kFlushBytes)) {
  ::CUstream_st* const stream = *build_.stream_of(backend_);
  const auto rate = [&](double work, const Start& start) {
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i <= kRoofRepeats; ++i) {
      const double milliseconds = build_.milliseconds(stream, start);
      if (i > 0) best = std::min(best, milliseconds);  // the first run loads the kernel
    }
    return work / (best * 1e-3);
  };
  // Enough blocks for any GPU, and long enough that their start does not count.
  constexpr std::size_t kThreads = std::size_t{256} * 4096;
  constexpr int kRounds = 4096;
  float* const y = reinterpret_cast<float*>(flushed_.data());
  const double steps = 1.0 * kThreads * kRounds * build_.roof_chains;
  roof_.operations = rate(2.0 * steps, [&] { build_.roof_multiply_adds(stream, kThreads, kRounds, y); });
  if (build_.has_tensor_cores(backend_)) {
    roof_.tensor_operations =
        rate(2.0 * 16 * 8 * 8 * steps / 32, [&] { build_.roof_tensor_cores(stream, kThreads, kRounds, y); });
  }
  roof_.bytes = rate(2.0 * kFlushBytes,
                     [&] { backend_.copy_on_device(flushed_.data() + kFlushBytes, flushed_.data(), kFlushBytes); });
}

double Stopwatch::best(const Start& start, int repeats) {
  double best = std::numeric_limits<double>::infinity();
  start();  // loads the kernel
  for (int i = 0; i < repeats; ++i) {
    backend_.copy_on_device(flushed_.data() + kFlushBytes, flushed_.data(), kFlushBytes);
    best = std::min(best, build_.milliseconds(*build_.stream_of(backend_), start));
  }
  return best * 1e-3;
}

Timing Stopwatch::time(const Course& course, std::size_t rung, const std::vector<Extent>& extents, int repeats) {
  const Rung& which = course.rungs.at(rung);
  const std::string objection = objection_to(which, extents, backend_);
  CURIE_CHECK(objection.empty(), usage, "{} {}", which.name, objection);
  Operands operands(backend_, extents);
  Timing timing{.seconds = best(course.prepare(operands, &build_, rung), repeats), .repeats = repeats};
  const double operations = which.tensor_cores ? roof_.tensor_operations : roof_.operations;
  const double least = std::max(course.operations(extents) / operations, course.least_bytes(extents) / roof_.bytes);
  timing.of_roof = least / timing.seconds;
  return timing;
}

}  // namespace curie
