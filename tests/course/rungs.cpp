// Every rung of the ladder against the CPU, on CURIE_TEST_DEVICE: exact courses bit for bit, the others within their
// bound. Shapes lead through whole tiles and partial ones.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "course/run.h"
#include "support/backend.h"
#include "support/throws.h"
#include "tensor/error.h"

namespace curie::test {
namespace {

// One to either side of the tiles of 32, 64 and 128, one of everything, and depths that end within a step.
const std::map<std::string, std::vector<std::string>> kShapes = {
    {"gemm", {"m=1,n=4,k=4", "m=65,n=68,k=20", "m=33,n=31,k=33", "m=130,n=8,k=100", "m=1,n=1,k=1"}},
    {"conv2d",
     {"h=1,w=1,c=4,k=1", "n=2,h=9,w=7,c=8,k=65", "h=8,w=9,c=4,k=33,stride=2", "h=6,w=5,c=3,k=5",
      "h=7,w=7,c=20,k=8,r=1,s=1", "h=5,w=6,c=1,k=2,r=5,s=2"}},
    {"softmax",
     {"rows=1,classes=1", "rows=9,classes=1000", "rows=3,classes=33", "rows=2,classes=1028", "rows=300,classes=4"}},
    {"batchnorm", {"rows=1,channels=4", "rows=129,channels=36", "rows=300,channels=33", "rows=128,channels=1"}},
};

void check_course(const Course& course, const std::string& shape) {
  const std::unique_ptr<Backend> backend = test_backend();
  const Reference reference(course, with_shape(course.name, course.extents, shape));
  std::size_t tried = 0;
  for (std::size_t i = 0; i < course.rungs.size(); ++i) {
    CAPTURE(course.rungs[i].name);
    CAPTURE(shape);
    if (const std::string objection = objection_to(course.rungs[i], reference.extents(), *backend);
        !objection.empty()) {
      const std::string why = error_message([&] { run_rung(reference, i, *backend); });
      CHECK(why.find(course.rungs[i].name + " " + objection) != std::string::npos);
      continue;
    }
    const Agreement agreement = run_rung(reference, i, *backend).agreement;
    CHECK(agreement.elements > 0);
    CHECK(agreement.bound == course.bound(reference.extents()));
    CHECK(agreement.largest <= agreement.bound);
    if (course.exact) CHECK(agreement.equal == agreement.elements);
    ++tried;
  }
  CHECK(tried >= 4);
}

}  // namespace

TEST_CASE("every rung gives the CPU's result") {
  for (const Course& course : courses()) {
    REQUIRE(kShapes.count(course.name) == 1);
    for (const std::string& shape : kShapes.at(course.name)) check_course(course, shape);
    check_course(course, "");
  }
}

TEST_CASE("a device without kernels is refused") {
  const std::unique_ptr<Backend> cpu = make_cpu_backend(1);
  CHECK(ladder_build_of(*cpu) == nullptr);
  const Course& course = find_course("softmax");
  const Reference reference(course, course.extents);
  CHECK(error_message([&] { run_rung(reference, 0, *cpu); }).find("runs no CUDA kernels") != std::string::npos);
  CHECK_THROWS_AS(Stopwatch{*cpu}, Error);
}

TEST_CASE("a GPU's times and roof are positive, and nothing else is timed") {
  const std::unique_ptr<Backend> backend = test_backend();
  if (backend->device().kind != DeviceKind::cuda) {
    CHECK(error_message([&] { Stopwatch{*backend}; }).find("only a GPU's times mean something") != std::string::npos);
    return;
  }
  Stopwatch stopwatch(*backend);
  CHECK(stopwatch.roof().operations > 0.0);
  CHECK(stopwatch.roof().bytes > 0.0);
  for (const Course& course : courses()) {
    for (std::size_t i = 0; i < course.rungs.size(); ++i) {
      CAPTURE(course.rungs[i].name);
      if (!objection_to(course.rungs[i], course.extents, *backend).empty()) continue;
      const Timing timing = stopwatch.time(course, i, course.extents, 2);
      CHECK(timing.seconds > 0.0);
      CHECK(timing.of_roof > 0.0);
    }
  }
}

}  // namespace curie::test
