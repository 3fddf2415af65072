#include "recipes/run.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <cstring>

#include "io/checkpoint.h"
#include "io/model_file.h"
#include "model/session.h"
#include "recipes/predictions.h"
#include "recipes/prepare.h"
#include "report/pdf.h"
#include "support/quiet.h"
#include "support/temporary_folder.h"
#include "support/throws.h"
#include "tensor/files.h"
#include "tensor/log.h"

using namespace curie;

namespace {

namespace fs = std::filesystem;

RunOptions tiny(const fs::path& out) {
  RunOptions options;
  options.out = out;
  options.epochs = 3;
  options.batch_size = 32;
  options.limits = {{"Normal", 120}, {"COVID", 50}};
  options.backend.threads = 2;
  options.use_cache = false;
  options.verbose = Verbosity::silent;
  options.command_line = "curie train <tiny>";
  return options;
}

std::string bytes_of(const fs::path& path) { return read_text(path); }

}  // namespace

TEST_CASE("a run leaves a model, its history, its figures and a report") {
  const Quiet quiet;
  const TemporaryFolder folder;
  const fs::path out = folder / "run";
  const RunOutcome outcome = run_recipe(tiny(out));
  CHECK_FALSE(outcome.interrupted);
  CHECK(outcome.history.epochs.size() == 3);
  for (const char* name : {kConfigFile, kModelFile, kBestModelFile, kReportFile, kMetricsFile, "history.csv",
                           "history.json", "checkpoint.safetensors"}) {
    CAPTURE(name);
    CHECK(fs::file_size(out / name) > 0);
  }
  const std::string report = bytes_of(outcome.report);
  CHECK(report.find("phantom") != std::string::npos);
  CHECK(report.find("&lt;tiny&gt;") != std::string::npos);
  CHECK(report.find("ridge regression on pixels") != std::string::npos);
  CHECK(outcome.metrics.at("test").at("figures").at("roc_auc").at("low").is_number());
  CHECK(outcome.metrics.at("test").at("confusion").size() == 2);
  CHECK(fs::exists(out / kContactSheetFile) == has_pdf());
  // Notes count this run's images, not the document's.
  std::int64_t tested = 0;
  for (const nlohmann::json& row : outcome.metrics.at("test").at("confusion")) {
    for (const nlohmann::json& count : row) tested += count.get<std::int64_t>();
  }
  const std::string note =
      fmt::format("With {} test images one more error is {:.1f} points", tested, 100.0 / static_cast<double>(tested));
  CHECK_MESSAGE(report.find(note) != std::string::npos, note);
  CHECK_FALSE(fs::exists(out / "mistakes.html"));  // the report shows them all

  // What was saved says what the run said: the same model on the same test part.
  LoadedModel loaded = load_model(out / kModelFile, "cpu", {.threads = 1});
  CHECK(loaded.info.class_names == std::vector<std::string>{"Normal", "COVID"});
  DataOptions data;
  data.limits = tiny(out).limits;
  const Recipe& recipe = find_recipe("covid-cnn-64");
  const PreparedData parts = prepare(recipe, source_images(recipe, data).images, data);
  const Predictions predictions = predict_all(loaded.model, parts.test);
  CHECK(predictions.accuracy == outcome.metrics.at("test").at("accuracy").get<double>());
  CHECK(predictions.loss == doctest::Approx(outcome.metrics.at("test").at("loss").get<double>()).epsilon(1e-6));

  CHECK_ERROR([&] { run_recipe(tiny(out)); }, usage, "already holds a run");
}

TEST_CASE("an interrupted run resumes to the same bytes") {
  const Quiet quiet;
  const TemporaryFolder folder;
  run_recipe(tiny(folder / "whole"));
  for (const int stop_after : {1, 5, 8}) {
    CAPTURE(stop_after);
    const fs::path out = folder / ("cut" + std::to_string(stop_after));
    RunOptions options = tiny(out);
    std::atomic<int> asked{0};
    options.interrupted = [&] { return ++asked > stop_after; };
    const RunOutcome cut = run_recipe(options);
    CHECK(cut.interrupted);
    CHECK_FALSE(fs::exists(out / kReportFile));
    RunOptions rest = options_of_run(out);
    CHECK(rest.epochs == 3);
    rest.resume = true;
    rest.use_cache = false;
    rest.verbose = Verbosity::silent;
    CHECK_FALSE(run_recipe(rest).interrupted);
    const SafetensorsFile a = read_safetensors(folder / "whole" / kModelFile);
    const SafetensorsFile b = read_safetensors(out / kModelFile);
    REQUIRE(a.tensors.size() == b.tensors.size());
    for (std::size_t i = 0; i < a.tensors.size(); ++i) {
      CHECK(std::memcmp(a.tensors[i].tensor.raw(), b.tensors[i].tensor.raw(), a.tensors[i].tensor.bytes()) == 0);
    }
    CHECK(bytes_of(folder / "whole" / "history.csv") == bytes_of(out / "history.csv"));
  }
}

TEST_CASE("a run on other images than the interrupted one is refused") {
  const Quiet quiet;
  const TemporaryFolder folder;
  const fs::path out = folder / "run";
  run_recipe(tiny(out));
  RunOptions other = options_of_run(out);
  other.resume = true;
  other.limits["Normal"] = 119;
  other.use_cache = false;
  CHECK_ERROR([&] { run_recipe(other); }, data, "not those of the interrupted run");
}

TEST_CASE("options that cannot work, and folders that hold no run, are clear errors") {
  const Quiet quiet;
  const TemporaryFolder folder;
  RunOptions options = tiny(folder / "run");
  options.recipe = "covid-cnn-65";
  CHECK_ERROR([&] { run_recipe(options); }, usage, "covid-cnn-64");
  options = tiny(folder / "run");
  options.data = folder / "nowhere";
  CHECK_ERROR([&] { run_recipe(options); }, data, "nowhere");
  options = tiny(folder / "run");
  options.device = "cuda";
  CHECK_ERROR([&] { run_recipe(options); }, usage, "cuda");
  CHECK_ERROR([&] { options_of_run(folder.path()); }, file, kConfigFile);
  folder.put("config.json", "{\"recipe\": 3");
  CHECK_ERROR([&] { options_of_run(folder.path()); }, file, "damaged");
  folder.put("blocked", "a file where a folder should be");
  options = tiny(folder / "blocked" / "run");
  CHECK_ERROR([&] { run_recipe(options); }, file, "blocked");
}

TEST_CASE("a model file that is damaged or no model is refused with its name") {
  const Quiet quiet;
  const TemporaryFolder folder;
  const fs::path out = folder / "run";
  run_recipe(tiny(out));
  std::string bytes = bytes_of(out / kModelFile);
  folder.put("cut.safetensors", bytes.substr(0, bytes.size() / 2));
  CHECK_ERROR([&] { load_model(folder / "cut.safetensors"); }, file, "cut.safetensors");
  CHECK_ERROR([&] { load_model(out / "checkpoint.safetensors"); }, file, "not a model saved by Curie");
  const std::size_t kind = bytes.find("Conv2D");
  REQUIRE(kind != std::string::npos);
  bytes.replace(kind, 6, "Conv9D");
  folder.put("kind.safetensors", bytes);
  CHECK_ERROR([&] { load_model(folder / "kind.safetensors"); }, file, "Conv9D");
}
