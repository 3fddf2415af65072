#include "report/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/html.h"
#include "report/metrics_json.h"
#include "report/text_table.h"

namespace curie {
namespace {

using nlohmann::json;

struct Known {
  const char* key;
  const char* label;
  bool lower_is_better;
};

// In the order of the report, for two classes and for more.
constexpr Known kKnown[] = {{"accuracy", "Test accuracy", false},
                            {"top_2_accuracy", "Top-2 accuracy", false},
                            {"balanced_accuracy", "Balanced accuracy", false},
                            {"sensitivity", "Sensitivity", false},
                            {"specificity", "Specificity", false},
                            {"precision", "Precision", false},
                            {"f1", "F1", false},
                            {"macro_precision", "Macro precision", false},
                            {"macro_specificity", "Macro specificity", false},
                            {"macro_f1", "Macro F1", false},
                            {"roc_auc", "ROC-AUC", false},
                            {"pr_auc", "PR-AUC", false},
                            {"matthews", "Matthews correlation", false},
                            {"brier", "Brier score", true},
                            {"calibration_error", "Calibration error", true}};

template <typename Value>
ComparedFigure row_of(std::span<const RunRecord> runs, std::string key, std::string label, Value&& value) {
  ComparedFigure row{.key = std::move(key), .label = std::move(label), .values = {}, .intervals = {}};
  for (const RunRecord& run : runs) {
    row.values.push_back(value(run));
    row.intervals.push_back({kUnknown, kUnknown});
  }
  return row;
}

double best_of(const RunRecord& run, double EpochRecord::*value, bool lowest) {
  double best = kUnknown;
  for (const EpochRecord& epoch : run.history) {
    const double own = epoch.*value;
    if (std::isfinite(own) && (std::isnan(best) || (lowest ? own < best : own > best))) best = own;
  }
  return best;
}

double seconds_an_epoch(const RunRecord& run) {
  double sum = 0;
  for (const EpochRecord& epoch : run.history) sum += epoch.seconds;
  return run.history.empty() ? kUnknown : sum / static_cast<double>(run.history.size());
}

std::string text_of(const json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string number_text(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : std::string("-");
}

bool same_member(std::span<const RunRecord> runs, const char* name) {
  return std::all_of(runs.begin(), runs.end(), [&](const RunRecord& run) {
    return run.config.value(name, json()) == runs[0].config.value(name, json());
  });
}

bool same_classes(std::span<const RunRecord> runs) {
  return std::all_of(runs.begin(), runs.end(),
                     [&](const RunRecord& run) { return run.class_names == runs[0].class_names; });
}

bool same_images(std::span<const RunRecord> runs) {
  return same_member(runs, "data_digest") && same_member(runs, "phantoms");
}

std::vector<std::string> names_row(std::span<const RunRecord> runs, std::string heading) {
  std::vector<std::string> row{std::move(heading)};
  for (const RunRecord& run : runs) row.push_back(html::clean(run.name));
  return row;
}

std::string confusion_text(const RunRecord& run) {
  if (run.confusion.classes == 0) return "";
  std::vector<std::vector<std::string>> rows{{"  truth \\ predicted"}};
  for (const std::string& name : run.class_names) rows[0].push_back(html::clean(name));
  for (int truth = 0; truth < run.confusion.classes; ++truth) {
    rows.push_back({"  " + html::clean(run.class_names[static_cast<std::size_t>(truth)])});
    for (int predicted = 0; predicted < run.confusion.classes; ++predicted) {
      rows.back().push_back(fmt::format("{}", run.confusion.at(truth, predicted)));
    }
  }
  return fmt::format("\n{}\n{}", html::clean(run.name), text_table(rows));
}

}  // namespace

std::vector<bool> ComparedFigure::best() const {
  std::vector<bool> marks(values.size(), false);
  if (!ranked) return marks;
  double low = INFINITY, high = -INFINITY;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (!(low < high)) return marks;
  for (std::size_t i = 0; i < values.size(); ++i) marks[i] = values[i] == (lower_is_better ? low : high);
  return marks;
}

std::vector<ComparedFigure> compared_figures(std::span<const RunRecord> runs) {
  std::vector<ComparedFigure> rows;
  for (const Known& known : kKnown) {
    ComparedFigure row = row_of(runs, known.key, known.label, [&](const RunRecord& run) {
      const Figure* figure = find_figure(run.figures, known.key);
      return figure == nullptr ? kUnknown : figure->value;
    });
    row.lower_is_better = known.lower_is_better;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const Figure* figure = find_figure(runs[i].figures, known.key);
      if (figure != nullptr) row.intervals[i] = figure->interval;
    }
    const bool any = std::any_of(row.values.begin(), row.values.end(), [](double v) { return std::isfinite(v); });
    if (any) rows.push_back(std::move(row));
  }
  const auto add = [&](const char* key, const char* label, bool lower, int digits, bool ranked, auto&& value) {
    ComparedFigure row = row_of(runs, key, label, value);
    row.lower_is_better = lower;
    row.digits = digits;
    row.ranked = ranked;
    rows.push_back(std::move(row));
  };
  add("test_loss", "Test loss", true, 4, true, [](const RunRecord& run) { return run.test_loss; });
  add("train_accuracy", "Training accuracy", false, 4, false, [](const RunRecord& run) { return run.train_accuracy; });
  add("train_loss", "Training loss", true, 4, false, [](const RunRecord& run) { return run.train_loss; });
  add("best_val_loss", "Best validation loss", true, 4, true,
      [](const RunRecord& run) { return best_of(run, &EpochRecord::val_loss, true); });
  add("best_val_accuracy", "Best validation accuracy", false, 4, true,
      [](const RunRecord& run) { return best_of(run, &EpochRecord::val_accuracy, false); });
  // Other classes or images make another question: no answer to one is better than one to the other.
  if (!comparable(runs))
    for (ComparedFigure& row : rows) row.ranked = false;
  add("epochs", "Epochs", false, 0, false,
      [](const RunRecord& run) { return static_cast<double>(run.history.size()); });
  add("seconds_an_epoch", "Seconds an epoch", true, 2, false, seconds_an_epoch);
  return rows;
}

std::vector<ComparedOption> compared_options(std::span<const RunRecord> runs) {
  std::vector<std::string> names;
  for (const RunRecord& run : runs) {
    for (const auto& [name, value] : run.config.items()) {
      const bool told = name != "started" && name != "command_line" && name != "data_digest";
      if (told && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  std::vector<ComparedOption> options;
  for (const std::string& name : names) {
    if (same_member(runs, name.c_str())) continue;
    ComparedOption option{.name = name, .values = {}};
    for (const RunRecord& run : runs) {
      option.values.push_back(run.config.contains(name) ? text_of(run.config.at(name)) : std::string("-"));
    }
    options.push_back(std::move(option));
  }
  return options;
}

bool comparable(std::span<const RunRecord> runs) { return same_classes(runs) && same_images(runs); }

std::vector<std::string> comparison_caveats(std::span<const RunRecord> runs) {
  std::vector<std::string> caveats;
  if (!same_classes(runs)) caveats.emplace_back("The runs tell different classes apart.");
  if (!same_images(runs)) {
    caveats.emplace_back("The runs saw different images.");
  } else if (!same_member(runs, "split_seed") || !same_member(runs, "recipe") || !same_member(runs, "by_patient")) {
    caveats.emplace_back("The runs may have divided the images differently, so their test parts need not be the same.");
  }
  if (!comparable(runs)) caveats.emplace_back("So no figure is marked as the best.");
  const auto synthetic = std::count_if(runs.begin(), runs.end(), [](const RunRecord& run) { return run.synthetic; });
  if (synthetic > 0) {
    caveats.emplace_back(static_cast<std::size_t>(synthetic) == runs.size()
                             ? "All runs are of synthetic phantoms, not patients."
                             : "Some runs are of synthetic phantoms, not patients.");
  }
  return caveats;
}

std::string comparison_text(std::span<const RunRecord> runs) {
  std::vector<std::vector<std::string>> rows{names_row(runs, "")};
  for (const ComparedFigure& figure : compared_figures(runs)) {
    rows.push_back({figure.label});
    const std::vector<bool> best = figure.best();
    for (std::size_t i = 0; i < runs.size(); ++i) {
      rows.back().push_back(number_text(figure.values[i], figure.digits) + (best[i] ? "*" : " "));
    }
  }
  std::string text = text_table(rows);
  const std::vector<ComparedOption> options = compared_options(runs);
  if (!options.empty()) {
    std::vector<std::vector<std::string>> differences{names_row(runs, "Differences")};
    for (const ComparedOption& option : options) {
      differences.push_back({html::clean(option.name)});
      for (const std::string& value : option.values) differences.back().push_back(html::clean(value));
    }
    text += "\n" + text_table(differences);
  }
  text += "\nConfusion matrices of the test parts\n";
  for (const RunRecord& run : runs) text += confusion_text(run);
  for (const std::string& caveat : comparison_caveats(runs)) text += "\n" + caveat;
  return text + std::string("\nOne run a recipe proves little: another seed moves every figure.") +
         (comparable(runs) ? " * is the best of a row.\n" : "\n");
}

nlohmann::ordered_json comparison_json(std::span<const RunRecord> runs) {
  nlohmann::ordered_json result{{"runs", json::array()}, {"figures", json::array()}, {"differences", json::object()}};
  for (const RunRecord& run : runs) {
    json history = json::array(), confusion = json::array();
    for (const EpochRecord& epoch : run.history) {
      history.push_back({{"epoch", epoch.epoch},
                         {"loss", number_or_null(epoch.loss)},
                         {"accuracy", number_or_null(epoch.accuracy)},
                         {"val_loss", number_or_null(epoch.val_loss)},
                         {"val_accuracy", number_or_null(epoch.val_accuracy)},
                         {"learning_rate", number_or_null(epoch.learning_rate)}});
    }
    for (int truth = 0; truth < run.confusion.classes; ++truth) {
      json row = json::array();
      for (int predicted = 0; predicted < run.confusion.classes; ++predicted)
        row.push_back(run.confusion.at(truth, predicted));
      confusion.push_back(row);
    }
    result["runs"].push_back({{"name", run.name},
                              {"folder", run.folder.string()},
                              {"recipe", run.config.value("recipe", "")},
                              {"stop_reason", run.stop_reason},
                              {"synthetic", run.synthetic},
                              {"class_names", run.class_names},
                              {"confusion", confusion},
                              {"history", history}});
  }
  for (const ComparedFigure& figure : compared_figures(runs)) {
    json values = json::array(), intervals = json::array();
    for (std::size_t i = 0; i < runs.size(); ++i) {
      values.push_back(number_or_null(figure.values[i]));
      intervals.push_back({number_or_null(figure.intervals[i].low), number_or_null(figure.intervals[i].high)});
    }
    result["figures"].push_back({{"key", figure.key},
                                 {"label", figure.label},
                                 {"values", values},
                                 {"intervals", intervals},
                                 {"lower_is_better", figure.lower_is_better},
                                 {"best", figure.best()}});
  }
  for (const ComparedOption& option : compared_options(runs)) result["differences"][option.name] = option.values;
  result["caveats"] = comparison_caveats(runs);
  return result;
}

}  // namespace curie
