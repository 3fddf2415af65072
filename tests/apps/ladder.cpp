// `curie ladder`: the courses, in words and as JSON.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "program.h"

namespace curie::test {
namespace {

Result ladder(std::vector<std::string> words) {
  static const TemporaryFolder folder;
  words.insert(words.begin(), "ladder");
  return run_curie(folder, words);
}

}  // namespace

TEST_CASE("ladder alone lists the courses") {
  const Result text = ladder({}), json = ladder({"--json"});
  CHECK(text.status == 0);
  const auto all = nlohmann::json::parse(json.out);
  REQUIRE(all.size() == 4);
  for (const auto& course : all) {
    CHECK(contains(text.out, course.at("course").get<std::string>() + " "));
    CHECK(contains(text.out, course.at("description").get<std::string>()));
    CHECK(course.at("rungs").size() >= 6);
  }
}

#ifdef CURIE_WITH_EMULATED
TEST_CASE("ladder prints every rung with its file, and why columns are empty") {
  const Result result = ladder({"gemm", "--device", "emulated", "--shape", "m=64,n=32,k=32"});
  CHECK_MESSAGE(result.status == 0, result.err);
  CHECK(contains(result.out, "shape m=64,n=32,k=32"));
  for (const char* rung : {"1 naive ", "2 coalescing ", "7 tensor cores ", "8 production "})
    CHECK(contains(result.out, rung));
  CHECK(contains(result.out, "src/cuda/ladder/gemm_3_shared_tiles.cu"));
  CHECK(contains(result.out, "No times: only a GPU's times mean something"));
#ifdef CURIE_WITH_CHECKED
  CHECK(contains(result.out, "sectors a request: 16.74 -> "));
  CHECK_FALSE(contains(result.out, "No counts:"));
#else
  CHECK(contains(result.out, "No counts: checked mode needs a build by g++ without sanitizers"));
#endif
}

TEST_CASE("ladder --json has what the table has, and leaves out rungs that do not take a shape") {
  const Result result =
      ladder({"softmax", "--device", "emulated:descending", "--shape", "rows=3,classes=30", "--json"});
  CHECK_MESSAGE(result.status == 0, result.err);
  const auto found = nlohmann::json::parse(result.out);
  CHECK(found.at("course") == "softmax");
  CHECK(found.at("shape").at("classes") == 30);
  CHECK(found.at("least_bytes") == 3 * 30 * 8);
  CHECK(found.contains("no_times"));
  const auto& rungs = found.at("rungs");
  REQUIRE(rungs.size() == 6);
  CHECK(rungs.at(4).at("left_out") == "takes only multiples of four for classes");
  CHECK_FALSE(rungs.at(4).contains("agreement"));
  for (const std::size_t i : {0u, 1u, 2u, 3u, 5u}) {
    CHECK(rungs.at(i).at("agreement").at("holds") == true);
    CHECK(rungs.at(i).at("agreement").at("elements") == 90);
#ifdef CURIE_WITH_CHECKED
    CHECK(rungs.at(i).at("counts").at("sectors") > 0);
#endif
  }
}

TEST_CASE("ladder's mistakes have status 2 and say what there is") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
      {{"gem"}, "no course is named \"gem\"; did you mean \"gemm\"?"},
      {{"--shape", "m=4"}, "a shape is a course's"},
      {{"gemm", "--shape", "q=4"}, "expected extents of gemm of at least 1, as in m=128,n=128,k=128; got \"q=4\""},
      {{"gemm", "--shape", "m=0"}, "got \"m=0\""},
      {{"gemm", "--shape", "m=2147483647,n=2147483647"}, "fewer than 2^31 elements"},
      {{"gemm", "--device", "emulated", "--shape", "m=8192,n=8192,k=8192"}, "too many for the emulator"},
      {{"conv2d", "--shape", "r=65"}, "expected filters of at most 64 x 64, got 65 x 3"},
      {{"gemm", "--device", "cpu"}, "device \"cpu\" runs no CUDA kernels"},
      {{"gemm", "--device", "gpu"}, "device \"gpu\" is unknown"},
  };
  for (const auto& mistake : mistakes) {
    const std::string& message = mistake.second;
    CAPTURE(message);
    const Result result = ladder(mistake.first);
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    CHECK_MESSAGE(contains(result.err, message), result.err);
  }
}
#endif

}  // namespace curie::test
