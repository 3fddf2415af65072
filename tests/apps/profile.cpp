// `curie profile` and `curie summary --plan`, as a user runs them.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/program.h"

using namespace curie;
using test::contains;
using test::Result;
using test::run_curie;

TEST_CASE("profile: a table whose parts add up, on the CPU") {
  const TemporaryFolder folder;
  const Result result =
      run_curie(folder, {"profile", "radiography-lenet-128", "--batch-size", "2", "--steps", "2", "--device", "cpu"});
  REQUIRE(result.status == 0);
  CHECK(contains(result.out, "radiography-lenet-128 at batch 2 on cpu"));
  CHECK(contains(result.out, "conv_pool_forward"));
  CHECK(contains(result.out, "a step, watched"));
  CHECK(contains(result.out, "GFLOP/s"));
  CHECK(contains(result.out, "Memory"));
}

TEST_CASE("profile: JSON on stdout, and files that agree with it") {
  const TemporaryFolder folder;
  const Result result = run_curie(folder, {"profile", "radiography-lenet-128", "--batch-size", "2", "--steps", "2",
                                           "--device", "cpu", "--json", "--out", "profile"});
  REQUIRE(result.status == 0);
  const nlohmann::json profile = nlohmann::json::parse(result.out);
  CHECK(nlohmann::json::parse(read_text(folder / "profile" / "profile.json")) == profile);
  CHECK(contains(read_text(folder / "profile" / "profile.html"), "<circle class=\"kernel"));
  double seconds = 0.0, products = 0.0;
  for (const nlohmann::json& kernel : profile.at("kernels")) {
    seconds += kernel.at("seconds").get<double>();
    products += kernel.at("work").at("dense_products").get<double>();
  }
  CHECK(seconds + profile.at("rest_seconds").get<double>() ==
        doctest::Approx(profile.at("watched_step_seconds").get<double>()));
  CHECK(products == doctest::Approx(profile.at("least_work").at("dense_products").get<double>()));
  CHECK(profile.at("roof").at("bytes_per_second").get<double>() > 0.0);
  CHECK(profile.at("launches") == 0.0);
}

#ifdef CURIE_WITH_EMULATED
TEST_CASE("profile: the emulator tells launches and no times") {
  const TemporaryFolder folder;
  const Result result =
      run_curie(folder, {"profile", "radiography-lenet-128", "--batch-size", "1", "--device", "emulated", "--json"});
  REQUIRE(result.status == 0);
  const nlohmann::json profile = nlohmann::json::parse(result.out);
  CHECK(profile.at("timed") == false);
  CHECK_FALSE(profile.contains("step_seconds"));
  CHECK_FALSE(profile.contains("roof"));
  CHECK(profile.at("launches").get<double>() > 20.0);
  const nlohmann::json& kernels = profile.at("kernels");
  CHECK(std::any_of(kernels.begin(), kernels.end(), [](const nlohmann::json& kernel) {
    return kernel.at("primitive") == "conv_pool_forward" && kernel.at("launches").size() == 1;
  }));
}
#endif

TEST_CASE("profile: what cannot work is refused") {
  const TemporaryFolder folder;
  const Result unknown = run_curie(folder, {"profile", "radiography-lenet-129"});
  CHECK(unknown.status == 2);
  CHECK(contains(unknown.err, "radiography-lenet-128"));
  CHECK(run_curie(folder, {"profile", "covid-cnn-64", "--steps", "0"}).status == 2);
}

TEST_CASE("train --profile: a section of the run's report") {
  const TemporaryFolder folder;
  const Result result = run_curie(folder, {"train", "--limit", "Normal=120", "--limit", "COVID=50", "--epochs", "1",
                                           "--batch-size", "32", "--device", "cpu", "--out", "run", "--profile"});
  REQUIRE_MESSAGE(result.status == 0, result.err);
  const std::string report = read_text(folder / "run" / "report.html");
  CHECK(contains(report, "<section id=\"roofline\">"));
  CHECK(contains(report, "<a href=\"#roofline\">Roofline</a>"));
  CHECK(contains(report, "<circle class=\"kernel"));
}

TEST_CASE("summary --plan: steps, reasons and memory") {
  const TemporaryFolder folder;
  const Result result =
      run_curie(folder, {"summary", "radiography-resnet18", "--batch-size", "2", "--device", "cpu", "--plan"});
  REQUIRE(result.status == 0);
  CHECK(contains(result.out, "Steps after fusion"));
  CHECK(contains(result.out, "not fused: no max pool follows"));
  CHECK(contains(result.out, "in one arena for batches of 2"));
  CHECK_FALSE(contains(result.out, "weight gradient:"));  // a GPU's kernels
  const Result without = run_curie(folder, {"summary", "radiography-resnet18", "--batch-size", "2", "--device", "cpu"});
  CHECK_FALSE(contains(without.out, "Steps after fusion"));
}

#ifdef CURIE_WITH_EMULATED
TEST_CASE("summary --plan: a GPU's kernels") {
  const TemporaryFolder folder;
  const Result result =
      run_curie(folder, {"summary", "radiography-resnet18", "--batch-size", "2", "--device", "emulated", "--plan"});
  REQUIRE(result.status == 0);
  CHECK(contains(result.out, "forward: few channels"));
  CHECK(contains(result.out, "weight gradient: float32, tiles"));
}
#endif
