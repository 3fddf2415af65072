// --kernels as a user meets it: who runs, what is recorded, and why a library cannot.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "program.h"
#include "support/temporary_folder.h"
#include "tensor/files.h"

using namespace curie;
using namespace curie::test;

TEST_CASE("asking for cuDNN without a GPU is a mistake that says why") {
  const TemporaryFolder folder;
  const Result on_cpu = run_curie(folder, {"bench-step", "--device", "cpu", "--kernels", "cudnn"});
  CHECK(on_cpu.status == 2);
  CHECK(contains(on_cpu.err, "NVIDIA's libraries need a GPU, and device \"cpu\" is the CPU"));
  CHECK(contains(on_cpu.err, "use --device cuda or --kernels curie"));
  CHECK(on_cpu.out.empty());
#ifdef CURIE_WITH_EMULATED
  const Result emulated = run_curie(folder, {"bench-step", "--device", "emulated", "--kernels", "cudnn"});
  CHECK(emulated.status == 2);
  CHECK(contains(emulated.err, "device \"emulated\" is Curie's CUDA kernels run on the CPU"));
#endif
  const Result unknown = run_curie(folder, {"bench-step", "--kernels", "cublas"});
  CHECK(unknown.status == 2);
  CHECK(contains(unknown.err, "--kernels: expected curie, cudnn or auto, got \"cublas\""));
}

TEST_CASE("the kernels of a run are recorded, and auto is Curie's on a CPU") {
  const TemporaryFolder folder;
  const Result bench = run_curie(
      folder, {"bench-step", "--device", "cpu", "--batch-size", "2", "--steps", "1", "--kernels", "auto", "--json"});
  REQUIRE(bench.status == 0);
  const nlohmann::json timed = nlohmann::json::parse(bench.out);
  CHECK(timed.at("kernels") == "auto");
  CHECK(timed.at("math") == "exact");

  const Result training = run_curie(folder, {"train", "--device", "cpu", "--limit", "Normal=40", "--limit", "COVID=40",
                                             "--epochs", "1", "--kernels", "auto", "--out", "run", "--quiet"});
  REQUIRE(training.status == 0);
  const nlohmann::json config = nlohmann::json::parse(read_text(folder.path() / "run" / "config.json"));
  CHECK(config.at("kernels") == "auto");
}

TEST_CASE("info tells whether the libraries can be had, or why not") {
  const TemporaryFolder folder;
  const Result info = run_curie(folder, {"info", "--json"});
  REQUIRE(info.status == 0);
  const nlohmann::json told = nlohmann::json::parse(info.out);
  bool found = false;
  for (const nlohmann::json& part : told.at("parts")) {
    if (part.at("name") != "--kernels cudnn") continue;
    found = true;
    CHECK_FALSE(part.at("detail").get<std::string>().empty());
  }
  CHECK(found);
}
