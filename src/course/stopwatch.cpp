#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "course/run.h"
#include "tensor/error.h"

namespace curie {
namespace {

Backend& device_of(Backend& backend) {
  CURIE_CHECK(ladder_build_of(backend) != nullptr && backend.device().kind == DeviceKind::cuda, usage,
              "ladder: only a GPU's times mean something, and this is {}", backend.describe());
  return backend;
}

// A backend measures the arithmetic that it was made for, so tensor cores need one of their own.
DeviceRoof measured_roof(Backend& backend) {
  const Roof roof = backend.measure_roof().value();
  DeviceRoof measured{.operations = roof.elementwise, .bytes = roof.bytes};
  if (ladder_build_of(backend)->has_tensor_cores(backend)) {
    const std::string device = fmt::format("cuda:{}", backend.device().index);
    measured.tensor_operations = make_backend(device, {.math = Math::tf32})->measure_roof().value().products;
  }
  return measured;
}

}  // namespace

Stopwatch::Stopwatch(Backend& backend) : backend_(backend), timer_(device_of(backend)), roof_(measured_roof(backend)) {}

double Stopwatch::best(const Start& start, int repeats) {
  double best = std::numeric_limits<double>::infinity();
  start();  // loads the kernel
  for (int i = 0; i < repeats; ++i) best = std::min(best, timer_.milliseconds(start));
  return best * 1e-3;
}

Timing Stopwatch::time(const Course& course, std::size_t rung, const std::vector<Extent>& extents, int repeats) {
  const Rung& which = course.rungs.at(rung);
  const std::string objection = objection_to(which, extents, backend_);
  CURIE_CHECK(objection.empty(), usage, "{} {}", which.name, objection);
  Operands operands(backend_, extents);
  Timing timing{.seconds = best(course.prepare(operands, ladder_build_of(backend_), rung), repeats),
                .repeats = repeats};
  const double operations = which.tensor_cores ? roof_.tensor_operations : roof_.operations;
  const double least = std::max(course.operations(extents) / operations, course.least_bytes(extents) / roof_.bytes);
  timing.of_roof = least / timing.seconds;
  return timing;
}

}  // namespace curie
