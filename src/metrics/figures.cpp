#include "metrics/figures.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "metrics/calibration.h"
#include "metrics/confusion.h"
#include "metrics/top_k.h"
#include "tensor/error.h"

namespace curie {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double quotient(double numerator, double denominator) { return denominator == 0 ? 0 : numerator / denominator; }

// Areas under both curves for one class against the rest, on samples that count `times` times: sorted once, walked for
// every draw.
class Ranking {
 public:
  Ranking(std::span<const std::int32_t> truth, std::vector<float> scores, std::int32_t positive)
      : scores_(std::move(scores)), order_(truth.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [this](std::size_t a, std::size_t b) { return scores_[a] > scores_[b]; });
    for (const std::size_t i : order_) positive_.push_back(truth[i] == positive ? 1 : 0);
  }

  struct Areas {
    double roc, pr;
  };
  Areas areas(std::span<const std::int32_t> times) const {
    std::int64_t hits = 0, alarms = 0, earlier_hits = 0, earlier_alarms = 0;
    double roc = 0, pr = 0;
    for (std::size_t rank = 0; rank < order_.size(); ++rank) {
      (positive_[rank] != 0 ? hits : alarms) += times[order_[rank]];
      const bool tied = rank + 1 < order_.size() && scores_[order_[rank + 1]] == scores_[order_[rank]];
      if (tied) continue;
      roc += static_cast<double>((alarms - earlier_alarms) * (hits + earlier_hits)) / 2;
      const double precision = quotient(static_cast<double>(hits), static_cast<double>(hits + alarms));
      pr += static_cast<double>(hits - earlier_hits) * precision;
      earlier_hits = hits;
      earlier_alarms = alarms;
    }
    const auto positives = static_cast<double>(hits), negatives = static_cast<double>(alarms);
    return {positives > 0 && negatives > 0 ? roc / (positives * negatives) : kNone,
            positives > 0 ? pr / positives : kNone};
  }

 private:
  std::vector<float> scores_;
  std::vector<std::size_t> order_;
  std::vector<std::uint8_t> positive_;  // by rank
};

// Precision, recall, specificity and F1 of one class.
struct ClassQuality {
  double precision, recall, specificity, f1;
};

ClassQuality quality(const ConfusionMatrix& confusion, int label) {
  const auto hits = static_cast<double>(confusion.at(label, label));
  const double precision = quotient(hits, static_cast<double>(confusion.predicted_total(label)));
  const double recall = quotient(hits, static_cast<double>(confusion.truth_total(label)));
  return {precision, recall, confusion.specificity(label), quotient(2 * precision * recall, precision + recall)};
}

// The mean of what is not NaN.
class Mean {
 public:
  void add(double value) {
    if (std::isnan(value)) return;
    sum_ += value;
    ++count_;
  }
  double value() const { return count_ == 0 ? kNone : sum_ / count_; }

 private:
  double sum_ = 0;
  int count_ = 0;
};

struct Samples {
  std::span<const std::int32_t> truth, predicted;
  std::span<const float> probabilities;
  int classes, positive;

  std::size_t columns() const { return classes == 2 ? 1 : static_cast<std::size_t>(classes); }
  std::span<const float> row(std::size_t i) const { return probabilities.subspan(i * columns(), columns()); }
};

// All figures of a draw but the calibration error, in the order of their names.
class Scorer {
 public:
  explicit Scorer(const Samples& samples) : samples_(samples) {
    const bool two = samples.classes == 2;
    for (int label = two ? samples.positive : 0; label < (two ? samples.positive + 1 : samples.classes); ++label) {
      std::vector<float> scores;
      for (std::size_t i = 0; i < samples.truth.size(); ++i) {
        const std::span<const float> row = samples.row(i);
        scores.push_back(!two ? row[static_cast<std::size_t>(label)] : label == 1 ? row[0] : -row[0]);
      }
      rankings_.emplace_back(samples.truth, std::move(scores), label);
    }
    for (std::size_t i = 0; i < samples.truth.size(); ++i) {
      squares_.push_back(brier_score(samples.truth.subspan(i, 1), samples.row(i), static_cast<int>(samples.columns())));
      if (!two) second_.push_back(among_top_k(samples.row(i), samples.truth[i], 2) ? 1 : 0);
    }
  }

  std::vector<Figure> names() const {
    if (samples_.classes == 2) {
      return {{"accuracy", "Accuracy"},
              {"balanced_accuracy", "Balanced accuracy"},
              {"sensitivity", "Sensitivity (recall)"},
              {"specificity", "Specificity"},
              {"precision", "Precision"},
              {"f1", "F1"},
              {"roc_auc", "ROC-AUC"},
              {"pr_auc", "PR-AUC (average precision)"},
              {"matthews", "Matthews correlation"},
              brier()};
    }
    return {{"accuracy", "Accuracy"},
            {"top_2_accuracy", "Top-2 accuracy"},
            {"balanced_accuracy", "Balanced accuracy"},
            {"macro_precision", "Macro precision"},
            {"macro_specificity", "Macro specificity"},
            {"macro_f1", "Macro F1"},
            {"roc_auc", "ROC-AUC, macro"},
            {"pr_auc", "PR-AUC, macro"},
            {"matthews", "Matthews correlation"},
            brier()};
  }

  void operator()(std::span<const std::int32_t> times, std::span<double> figures) const {
    const auto classes = static_cast<std::size_t>(samples_.classes);
    ConfusionMatrix confusion{.classes = samples_.classes, .counts = std::vector<std::int64_t>(classes * classes, 0)};
    double squares = 0, second = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
      const std::size_t truth = static_cast<std::size_t>(samples_.truth[i]);
      confusion.counts[truth * classes + static_cast<std::size_t>(samples_.predicted[i])] += times[i];
      squares += squares_[i] * times[i];
      if (!second_.empty()) second += second_[i] * times[i];
    }
    const auto samples = static_cast<double>(confusion.total());
    Mean roc, pr, precision, specificity, f1;
    for (const Ranking& ranking : rankings_) {
      const Ranking::Areas areas = ranking.areas(times);
      roc.add(areas.roc);
      pr.add(areas.pr);
    }
    for (int label = 0; label < samples_.classes; ++label) {
      const ClassQuality one = quality(confusion, label);
      precision.add(one.precision);
      specificity.add(one.specificity);
      f1.add(one.f1);
    }
    const double accuracy = static_cast<double>(confusion.correct()) / samples;
    const double balanced = balanced_accuracy(confusion), matthews = matthews_correlation(confusion);
    std::vector<double> values;
    if (samples_.classes == 2) {
      const ClassQuality own = quality(confusion, samples_.positive);
      values = {accuracy, balanced,    own.recall, own.specificity, own.precision,
                own.f1,   roc.value(), pr.value(), matthews,        squares / samples};
    } else {
      values = {accuracy,   second / samples, balanced,   precision.value(), specificity.value(),
                f1.value(), roc.value(),      pr.value(), matthews,          squares / samples};
    }
    std::copy(values.begin(), values.end(), figures.begin());
  }

 private:
  static Figure brier() { return {.key = "brier", .label = "Brier score", .lower_is_better = true}; }

  Samples samples_;
  std::vector<Ranking> rankings_;
  std::vector<double> squares_;       // each sample's part of the Brier score
  std::vector<std::int32_t> second_;  // whether the truth is among the two likeliest; empty for two classes
};

double calibration_error(const Samples& samples) {
  std::vector<std::uint8_t> holds;
  std::vector<float> beliefs;
  for (std::size_t i = 0; i < samples.truth.size(); ++i) {
    const std::span<const float> row = samples.row(i);
    const bool two = samples.classes == 2;
    beliefs.push_back(two ? row[0] : row[static_cast<std::size_t>(samples.predicted[i])]);
    holds.push_back(two ? samples.truth[i] == 1 : samples.truth[i] == samples.predicted[i]);
  }
  return calibration_curve(holds, beliefs).expected_error;
}

}  // namespace

std::vector<Figure> classification_figures(std::span<const std::int32_t> truth, std::span<const std::int32_t> predicted,
                                           std::span<const float> probabilities, int classes, int positive,
                                           const BootstrapOptions& bootstrap) {
  CURIE_CHECK(classes >= 2 && positive >= 0 && positive < classes, usage,
              "figures: expected two or more classes and a positive one among them, got {} and {}", classes, positive);
  const Samples samples{truth, predicted, probabilities, classes, positive};
  CURIE_CHECK(!truth.empty(), data, "figures: expected at least one sample, got none");
  CURIE_CHECK(probabilities.size() == truth.size() * samples.columns(), data,
              "figures: expected {} probabilities for {} samples of {} classes, got {}",
              truth.size() * samples.columns(), truth.size(), classes, probabilities.size());
  for (const float p : probabilities) {
    CURIE_CHECK(p >= 0 && p <= 1, data, "figures: expected probabilities from 0 to 1, got {}", p);
  }
  confusion_matrix(truth, predicted, classes);  // checks the labels

  const Scorer score(samples);
  std::vector<Figure> figures = score.names();
  std::vector<double> values(figures.size());
  const std::vector<std::int32_t> once(truth.size(), 1);
  score(once, values);
  const std::vector<Interval> intervals =
      bootstrap_intervals(truth, static_cast<int>(figures.size()), std::cref(score), bootstrap);
  for (std::size_t i = 0; i < figures.size(); ++i) {
    figures[i].value = values[i];
    figures[i].interval = intervals[i];
  }
  figures.push_back({.key = "calibration_error",
                     .label = "Expected calibration error",
                     .value = calibration_error(samples),
                     .interval = {kNone, kNone},
                     .lower_is_better = true});
  return figures;
}

const Figure* find_figure(std::span<const Figure> figures, std::string_view key) {
  const auto found = std::find_if(figures.begin(), figures.end(), [key](const Figure& f) { return f.key == key; });
  return found == figures.end() ? nullptr : &*found;
}

}  // namespace curie
