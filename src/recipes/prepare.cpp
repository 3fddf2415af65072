#include "recipes/prepare.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "data/smote.h"
#include "data/split.h"
#include "data/undersample.h"
#include "tensor/log.h"
#include "tensor/parallel.h"

namespace curie {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Phantoms have no test part of their own: some of them are set apart.
TestPart test_part_of(const Recipe& recipe, const SourceImages& source) {
  const bool official = recipe.test.kind == TestPart::Kind::official;
  return official && source.synthetic ? TestPart::stratified(0.1) : recipe.test;
}

std::vector<std::string> pick(const std::vector<std::string>& of, const std::vector<int>& indices) {
  std::vector<std::string> picked;
  if (of.empty()) return picked;
  for (const int index : indices) picked.push_back(of[static_cast<std::size_t>(index)]);
  return picked;
}

class Preparation {
 public:
  Preparation(const Recipe& recipe, const DataOptions& options)
      : recipe_(recipe), options_(options), pool_(options.threads) {}

  PreparedData run(SourceImages& source) {
    const Clock::time_point start = Clock::now();
    count("Loaded", source.images);
    check_loaded(source);
    cut_test_part(source);
    if (options_.by_patient) cut_validation_part(group_split(patients_, recipe_.validation.fraction, seed()));
    data_.split_seconds = seconds_since(start);

    const Clock::time_point resampling = Clock::now();
    if (recipe_.resampling) resample(*recipe_.resampling);
    data_.resample_seconds = seconds_since(resampling);

    const Clock::time_point validation = Clock::now();
    if (!options_.by_patient) {
      if (recipe_.validation.kind == ValidationPart::Kind::test_part) {
        data_.validation = data_.test;
      } else {
        cut_validation_part(divide(recipe_.validation, rest_.labels, seed()));
      }
    }
    data_.train = std::move(rest_);
    finish();
    data_.split_seconds += seconds_since(validation);
    return std::move(data_);
  }

 private:
  std::uint32_t seed() const { return options_.split_seed; }

  void count(const char* step, const LabelledImages& part) { data_.counts.push_back({step, part.class_counts()}); }

  // What no division can mend.
  void check_loaded(const SourceImages& source) const {
    const std::string place = source.place.empty() ? "the data" : source.place;
    const std::vector<int> counts = source.images.class_counts();
    for (std::size_t c = 0; c < counts.size(); ++c) {
      CURIE_CHECK(counts[c] > 0, data, "{}: expected images of each class ({}), found none of \"{}\" among {}", place,
                  fmt::join(recipe_.classes, ", "), recipe_.classes[c], source.images.size());
      CURIE_CHECK(counts[c] > 1 || recipe_.test.kind != TestPart::Kind::stratified, data,
                  "{}: expected at least 2 images of each class, to divide it in its proportion, found 1 of \"{}\"",
                  place, recipe_.classes[c]);
    }
  }

  void cut_test_part(SourceImages& source) {
    const TestPart part = test_part_of(recipe_, source);
    own_parts_ = part.kind == TestPart::Kind::official;
    const Split split = options_.by_patient ? group_split(source.patients, share_of_patients(part, source), seed())
                                            : divide(part, source.images.labels, source.official_test, seed());
    data_.test = source.images.select(split.test);
    rest_ = source.images.select(split.train);
    source.images = {};
    patients_ = pick(source.patients, split.train);
    data_.test_patients = pick(source.patients, split.test);
    const std::set<std::string> known(patients_.begin(), patients_.end());
    data_.test_of_known_patients =
        static_cast<int>(std::count_if(data_.test_patients.begin(), data_.test_patients.end(),
                                       [&](const std::string& patient) { return known.contains(patient); }));
    data_.division = options_.by_patient
                         ? fmt::format("By patient: {:g} % of the patients test, {:g} % of the others validate.",
                                       100 * share_of_patients(part, source), 100 * recipe_.validation.fraction)
                         : fmt::format("Test: {}. Validation: {}.", to_string(part), to_string(recipe_.validation));
    count("Test part", data_.test);
    count("Training part", rest_);
  }

  double share_of_patients(const TestPart& part, const SourceImages& source) const {
    CURIE_CHECK(part.kind != TestPart::Kind::official, usage,
                "recipe {}: the data set's own test part is used, so there is nothing to divide by patient",
                recipe_.name);
    if (part.kind != TestPart::Kind::held_back) return part.fraction;
    const auto samples = static_cast<double>(source.patients.size());
    return static_cast<double>(recipe_.classes.size()) * part.of_each_class / samples;
  }

  void cut_validation_part(const Split& parts) {
    data_.validation = rest_.select(parts.test);
    rest_ = rest_.select(parts.train);
  }

  void resample(const Resampling& how) {
    const std::vector<int> counts = rest_.class_counts();
    const auto [fewest, most] = std::minmax_element(counts.begin(), counts.end());
    if (static_cast<double>(*most) * how.smote_ratio >= static_cast<double>(*fewest) + 1.0) {
      CURIE_CHECK(
          *fewest > how.smote_neighbours, data,
          "SMOTE: expected at least {} images of each class in the training part, found {} of \"{}\": give more "
          "images of it",
          how.smote_neighbours + 1, *fewest, recipe_.classes[static_cast<std::size_t>(fewest - counts.begin())]);
      rest_ = smote(rest_, how.smote_ratio, how.smote_neighbours, seed(), pool_);
      count("After SMOTE", rest_);
    } else {
      data_.resampling_note =
          fmt::format("SMOTE was left out: the classes already have {} and {} samples, {} : 1 or better", *fewest,
                      *most, how.smote_ratio);
      log_info("{}", data_.resampling_note);
    }
    rest_ = rest_.select(random_undersample(rest_.labels, how.undersample_ratio, seed()));
    count("After undersampling", rest_);
  }

  void finish() {
    count("Training", data_.train);
    count("Validation", data_.validation);
    check_every_class("training", data_.train);
    check_every_class("validation", data_.validation);
    check_every_class("test", data_.test);
    data_.leaks = check_leaks(data_.train, data_.validation);
    data_.test_leaks = check_leaks(data_.train, data_.test);
  }

  void check_every_class(const char* part, const LabelledImages& images) const {
    const std::vector<int> counts = images.class_counts();
    for (std::size_t c = 0; c < counts.size(); ++c) {
      CURIE_CHECK(counts[c] > 0, data, "the {} part ({} images) has no image of class \"{}\": {}", part, images.size(),
                  images.class_names[c],
                  own_parts_ ? "it is the data set's own part, so images of that class have to be put there"
                             : "give more images of it, or another --split-seed");
    }
  }

  const Recipe& recipe_;
  const DataOptions& options_;
  ThreadPool pool_;
  LabelledImages rest_;                // what is not yet test or validation part
  std::vector<std::string> patients_;  // of `rest_` before resampling
  bool own_parts_ = false;             // the data set's makers divided it
  PreparedData data_;
};

}  // namespace

PreparedData prepare(const Recipe& recipe, LabelledImages images, const DataOptions& options) {
  SourceImages source;
  source.images = std::move(images);
  return prepare(recipe, source, options);
}

PreparedData prepare(const Recipe& recipe, SourceImages& source, const DataOptions& options) {
  return Preparation(recipe, options).run(source);
}

}  // namespace curie
