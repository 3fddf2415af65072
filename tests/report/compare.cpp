#include "report/compare.h"

#include <doctest/doctest.h>

#include <cmath>

#include "report/markup.h"
#include "support/temporary_folder.h"
#include "support/throws.h"
#include "tensor/files.h"

namespace curie {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

struct RunFiles {
  json config, history, metrics;
};

RunFiles files(double accuracy, double loss, int epochs, int seed) {
  RunFiles files;
  files.config = {{"recipe", "covid-cnn-64"},
                  {"seed", seed},
                  {"split_seed", 1},
                  {"data_digest", "abc"},
                  {"phantoms", false},
                  {"version", "0.1"},
                  {"started", fmt::format("day {}", seed)}};
  json rows = json::array();
  for (int epoch = 0; epoch < epochs; ++epoch) {
    rows.push_back({{"epoch", epoch},
                    {"logs",
                     {{"loss", loss + 0.1 * epoch},
                      {"accuracy", 0.8},
                      {"val_loss", loss - 0.01 * epoch},
                      {"val_accuracy", "nan"}}},
                    {"seconds", 2.0}});
    json pairs = json::array();
    for (const auto& [name, value] : rows.back()["logs"].items()) pairs.push_back({name, value});
    rows.back()["logs"] = pairs;
  }
  files.history = {{"epochs", rows}, {"stop_reason", ""}};
  const json figure = {{"value", accuracy}, {"low", accuracy - 0.01}, {"high", accuracy + 0.01}};
  files.metrics = {
      {"train", {{"loss", 0.05}, {"accuracy", 0.99}}},
      {"test",
       {{"loss", loss},
        {"accuracy", accuracy},
        {"class_names", {"Normal", "COVID"}},
        {"confusion", {{80, 20}, {5, 95}}},
        {"figures", {{"accuracy", figure}, {"brier", {{"value", loss / 3}, {"low", nullptr}, {"high", nullptr}}}}}}},
      {"stop_reason", "enough"},
      {"synthetic", false}};
  return files;
}

fs::path put(const TemporaryFolder& folder, const std::string& name, const RunFiles& files) {
  fs::create_directories(folder / name);
  folder.put(name + "/config.json", files.config.dump());
  folder.put(name + "/history.json", files.history.dump());
  folder.put(name + "/metrics.json", files.metrics.dump());
  return folder / name;
}

const ComparedFigure& row(const std::vector<ComparedFigure>& rows, std::string_view key) {
  for (const ComparedFigure& one : rows) {
    if (one.key == key) return one;
  }
  FAIL("no such row");
  return rows.front();
}

TEST_CASE("runs are read and compared figure by figure") {
  const TemporaryFolder folder;
  const std::vector<fs::path> folders{put(folder, "a", files(0.91, 0.3, 4, 1)),
                                      put(folder, "b", files(0.94, 0.2, 7, 2))};
  const std::vector<RunRecord> runs = read_runs(folders);
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].name == "a");
  CHECK(runs[1].history.size() == 7);
  CHECK(runs[1].history[6].epoch == 7);
  CHECK(runs[1].history[6].val_loss == doctest::Approx(0.14));
  CHECK(std::isnan(runs[0].history[0].val_accuracy));
  CHECK(runs[0].confusion.at(1, 0) == 5);

  const std::vector<ComparedFigure> rows = compared_figures(runs);
  CHECK(row(rows, "accuracy").best() == std::vector<bool>{false, true});
  CHECK(row(rows, "brier").best() == std::vector<bool>{false, true});  // lower is better
  CHECK(row(rows, "accuracy").intervals[0].low == doctest::Approx(0.90));
  CHECK_FALSE(row(rows, "brier").intervals[0].known());
  CHECK(row(rows, "best_val_loss").values[0] == doctest::Approx(0.27));
  CHECK(row(rows, "epochs").best() == std::vector<bool>{false, false});
  CHECK(row(rows, "train_loss").best() == std::vector<bool>{false, false});
  CHECK(row(rows, "seconds_an_epoch").values[1] == 2);
  for (const ComparedFigure& one : rows) CHECK(one.key != "roc_auc");  // nobody knows it

  const std::vector<ComparedOption> options = compared_options(runs);
  REQUIRE(options.size() == 1);  // the start is told by no one
  CHECK(options[0].name == "seed");
  CHECK(options[0].values == std::vector<std::string>{"1", "2"});
  CHECK(comparison_caveats(runs).empty());
}

TEST_CASE("the table, the JSON and the page tell the same") {
  const TemporaryFolder folder;
  const std::string hostile = "<b>\x1b[31m";
  RunFiles second = files(0.94, 0.2, 7, 2);
  second.config["recipe"] = hostile;
  const std::vector<fs::path> folders{put(folder, "a", files(0.91, 0.3, 4, 1)), put(folder, "b<i>", second)};
  const std::vector<RunRecord> runs = read_runs(folders);
  const std::string text = comparison_text(runs);
  CHECK(contains(text, "Test accuracy"));
  CHECK(contains(text, "0.9100   0.9400*"));
  CHECK(contains(text, "Normal"));
  CHECK_FALSE(contains(text, "\x1b"));
  const nlohmann::ordered_json told = comparison_json(runs);
  CHECK(told["runs"][1]["confusion"][1][1] == 95);
  CHECK(told["figures"][0]["values"][1] == 0.94);
  CHECK(told["runs"][0]["history"][0]["val_accuracy"].is_null());
  CHECK(told["differences"]["seed"][1] == "2");
  for (const bool interactive : has_chart_js() ? std::vector<bool>{false, true} : std::vector<bool>{false}) {
    const std::string page = comparison_html(runs, interactive);
    const markup::Page read = markup::read(page);
    CHECK(read.problem == "");
    CHECK(contains(page, "&lt;b&gt;"));
    CHECK(contains(page, "<bdi>b&lt;i&gt;</bdi>"));
    CHECK(contains(page, "0.900 to 0.920"));
    CHECK(contains(page, "What they were told differently"));
    CHECK(contains(page, "id=\"chart-val-loss\""));
    CHECK_FALSE(contains(page, "id=\"chart-val-accuracy\""));  // no run has one
  }
}

TEST_CASE("runs that cannot simply be compared say so") {
  const TemporaryFolder folder;
  RunFiles other = files(0.9, 0.3, 2, 1);
  other.config["data_digest"] = "xyz";
  other.metrics["synthetic"] = true;
  other.metrics["test"]["class_names"] = {"A", "B"};
  const fs::path a = put(folder, "a", files(0.91, 0.3, 4, 1)), b = put(folder, "b", other);
  std::vector<std::string> caveats = comparison_caveats(read_runs(std::vector<fs::path>{a, b}));
  REQUIRE(caveats.size() == 4);
  CHECK(contains(caveats[0], "different classes"));
  CHECK(contains(caveats[1], "different images"));
  CHECK(contains(caveats[2], "no figure is marked"));
  CHECK(contains(caveats[3], "Some runs are of synthetic phantoms"));
  other = files(0.9, 0.3, 2, 1);
  other.config["split_seed"] = 9;
  put(folder, "b", other);
  caveats = comparison_caveats(read_runs(std::vector<fs::path>{a, b}));
  REQUIRE(caveats.size() == 1);
  CHECK(contains(caveats[0], "divided the images differently"));
}

TEST_CASE("no figure is the best where the runs had other images or classes") {
  const TemporaryFolder folder;
  RunFiles other = files(0.94, 0.2, 7, 2);
  other.config["data_digest"] = "another";
  const std::vector<fs::path> folders{put(folder, "a", files(0.91, 0.3, 4, 1)), put(folder, "b", other)};
  const std::vector<RunRecord> runs = read_runs(folders);
  CHECK_FALSE(comparable(runs));
  for (const ComparedFigure& one : compared_figures(runs)) CHECK(one.best() == std::vector<bool>{false, false});
  const std::string text = comparison_text(runs);
  CHECK(text.find('*') == std::string::npos);
  CHECK(text.find("no figure is marked as the best") != std::string::npos);
  CHECK(comparison_html(runs, false).find("No figure is marked as the best") != std::string::npos);
}

TEST_CASE("folders named alike get their parents' names, and an older run's metrics are enough") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "x");
  fs::create_directories(folder / "y");
  RunFiles old = files(0.9, 0.3, 2, 1);
  old.metrics["test"] = {{"loss", 0.3}, {"accuracy", 0.9}, {"auc", 0.95}};
  const std::vector<RunRecord> runs =
      read_runs(std::vector<fs::path>{put(folder, "x/run", old), put(folder, "y/run", files(0.8, 0.4, 2, 1)) / ""});
  CHECK(runs[0].name == "x/run");
  CHECK(runs[1].name == "y/run");
  CHECK(row(compared_figures(runs), "roc_auc").values[0] == 0.95);
  CHECK(contains(comparison_text(runs), "Test accuracy"));
  CHECK(markup::read(comparison_html(runs, false)).problem == "");
}

TEST_CASE("folders that hold no finished run are refused with what to do") {
  const TemporaryFolder folder;
  const fs::path good = put(folder, "good", files(0.9, 0.3, 2, 1));
  const auto read = [&](const fs::path& other) { return [=] { read_runs(std::vector<fs::path>{good, other}); }; };
  CHECK_ERROR([&] { read_runs(std::vector<fs::path>{good}); }, usage, "two or more runs, got 1");
  CHECK_ERROR(read(folder / "nowhere"), file, "nowhere: not the folder of a run");
  CHECK_ERROR(read(folder.path()), file, "holds no config.json");
  fs::create_directories(folder / "begun");
  folder.put("begun/config.json", "{}");
  CHECK_ERROR(read(folder / "begun"), file, "not finished");
  CHECK_ERROR(read(folder / "begun"), file, "--resume");
  const fs::path bad = put(folder, "bad", files(0.9, 0.3, 2, 1));
  for (const char* text : {"", "[1]", "{\"epochs\": 3}", "{\"epochs\": [{\"epoch\": \"x\"}]}", "{\"epochs\": [[]]}"}) {
    CAPTURE(std::string(text));
    folder.put("bad/history.json", text);
    CHECK_ERROR(read(bad), file, "damaged");
  }
  put(folder, "bad", files(0.9, 0.3, 2, 1));
  for (const char* text : {"{}", "{\"train\": 1, \"test\": 2}",
                           "{\"train\": {}, \"test\": {\"class_names\": [\"a\"], \"confusion\": [[1, 2]]}}",
                           "{\"train\": {}, \"test\": {\"class_names\": [\"a\"], \"confusion\": [[\"x\"]]}}",
                           "{\"train\": {}, \"test\": {\"figures\": [1]}}"}) {
    CAPTURE(std::string(text));
    folder.put("bad/metrics.json", text);
    CHECK_ERROR(read(bad), file, "damaged");
  }
}

}  // namespace
}  // namespace curie
