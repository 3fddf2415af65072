#include <fmt/format.h>

#include <algorithm>

#include "report/compare.h"
#include "tensor/error.h"
#include "tensor/files.h"

namespace curie {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json read_json(const fs::path& path) {
  json value = json::parse(read_text(path), nullptr, false);
  CURIE_CHECK(value.is_object(), file, "{}: damaged: expected a JSON object", path.string());
  return value;
}

double number(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : kUnknown;
}

// As History writes it: "logs" is a list of [name, value].
EpochRecord epoch_of(const json& epoch) {
  json logs = json::object();
  for (const json& entry : epoch.at("logs")) logs[entry.at(0).get<std::string>()] = entry.at(1);
  return {.epoch = epoch.at("epoch").get<int>() + 1,
          .loss = number(logs, "loss"),
          .accuracy = number(logs, "accuracy"),
          .val_loss = number(logs, "val_loss"),
          .val_accuracy = number(logs, "val_accuracy"),
          .learning_rate = number(logs, "learning_rate"),
          .seconds = number(epoch, "seconds")};
}

const json& object(const json& parent, const char* name) {
  const json& value = parent.at(name);
  CURIE_CHECK(value.is_object(), file, "damaged: expected \"{}\" to be a JSON object, got {}", name, value.type_name());
  return value;
}

void read_confusion(const json& test, RunRecord& run) {
  if (!test.contains("confusion") || !test.contains("class_names")) return;
  run.class_names = test.at("class_names").get<std::vector<std::string>>();
  const auto rows = test.at("confusion").get<std::vector<std::vector<std::int64_t>>>();
  run.confusion.classes = static_cast<int>(rows.size());
  for (const std::vector<std::int64_t>& row : rows) {
    CURIE_CHECK(row.size() == rows.size() && rows.size() == run.class_names.size(), file,
                "damaged: a confusion matrix of {} classes has a row of {}", run.class_names.size(), row.size());
    run.confusion.counts.insert(run.confusion.counts.end(), row.begin(), row.end());
  }
}

void read_figures(const json& test, RunRecord& run) {
  if (!test.contains("figures")) {
    run.figures = {
        {.key = "accuracy", .label = "", .value = number(test, "accuracy"), .interval = {kUnknown, kUnknown}},
        {.key = "roc_auc", .label = "", .value = number(test, "auc"), .interval = {kUnknown, kUnknown}}};
    return;
  }
  const json& figures = object(test, "figures");
  for (const auto& entry : figures.items()) {
    const json& figure = object(figures, entry.key().c_str());
    run.figures.push_back({.key = entry.key(),
                           .label = "",
                           .value = number(figure, "value"),
                           .interval = {number(figure, "low"), number(figure, "high")}});
  }
}

RunRecord read_run(const fs::path& folder) {
  CURIE_CHECK(fs::is_regular_file(folder / "config.json"), file, "{}: not the folder of a run: it holds no config.json",
              folder.string());
  CURIE_CHECK(
      fs::is_regular_file(folder / "metrics.json") && fs::is_regular_file(folder / "history.json"), file,
      "{}: the run is not finished: it holds no metrics.json or history.json; go on with curie train --resume {}",
      folder.string(), folder.string());
  RunRecord run;
  run.folder = folder;
  run.config = read_json(folder / "config.json");
  const json history = read_json(folder / "history.json"), metrics = read_json(folder / "metrics.json");
  const auto reading = [&](const char* name, const auto& read) {
    try {
      read();
    } catch (const json::exception& error) {
      throw_error(ErrorKind::file, fmt::format("{}: damaged: {}", (folder / name).string(), error.what()));
    } catch (Error& error) {
      throw error.add_context(fmt::format("reading {}", (folder / name).string()));
    }
  };
  reading("history.json", [&] {
    for (const json& epoch : history.at("epochs")) run.history.push_back(epoch_of(epoch));
  });
  reading("metrics.json", [&] {
    const json &train = object(metrics, "train"), &test = object(metrics, "test");
    run.stop_reason = metrics.value("stop_reason", "");
    run.synthetic = metrics.value("synthetic", false);
    run.train_loss = number(train, "loss");
    run.train_accuracy = number(train, "accuracy");
    run.test_loss = number(test, "loss");
    read_confusion(test, run);
    read_figures(test, run);
  });
  return run;
}

// The folders' own names, with as many of their parents as it takes to tell them apart.
void name_runs(std::vector<RunRecord>& runs) {
  std::vector<fs::path> paths;
  for (const RunRecord& run : runs) {
    fs::path path = fs::absolute(run.folder).lexically_normal();
    if (path.filename().empty()) path = path.parent_path();
    paths.push_back(path);
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    fs::path name = paths[i].filename(), above = paths[i].parent_path();
    const auto shared = [&](const fs::path& candidate) {
      return std::any_of(paths.begin(), paths.end(), [&](const fs::path& other) {
        return other != paths[i] && other.string().ends_with("/" + candidate.string());
      });
    };
    while (shared(name) && above.has_relative_path()) {
      name = above.filename() / name;
      above = above.parent_path();
    }
    runs[i].name = name.string();
  }
}

}  // namespace

std::vector<RunRecord> read_runs(std::span<const fs::path> folders) {
  CURIE_CHECK(folders.size() >= 2, usage, "compare: expected the folders of two or more runs, got {}", folders.size());
  std::vector<RunRecord> runs;
  for (const fs::path& folder : folders) runs.push_back(read_run(folder));
  name_runs(runs);
  return runs;
}

}  // namespace curie
