#include "data/leak.h"

#include <fmt/format.h>

#include <cstddef>
#include <string_view>
#include <unordered_map>

#include "data/origin.h"
#include "tensor/error.h"

namespace curie {
namespace {

std::string_view pixels_of(const LabelledImages& images, int index) {
  const std::size_t bytes = images.pixels.bytes() / static_cast<std::size_t>(images.size());
  return {reinterpret_cast<const char*>(images.pixels.raw()) + static_cast<std::size_t>(index) * bytes, bytes};
}

std::string_view source_of(const LabelledImages& images, int index) {
  const std::size_t i = static_cast<std::size_t>(index);
  return i < images.sources.size() ? std::string_view(images.sources[i]) : std::string_view();
}

// The training part, by what could be recognised in it: the first sample of each kind.
struct Known {
  std::unordered_map<std::string_view, int> by_pixels;
  std::unordered_map<std::string, int> by_source;    // real samples
  std::unordered_map<std::string, int> by_ancestor;  // synthetic samples, under each of their real ancestors
};

Known index_of(const LabelledImages& train) {
  Known known;
  for (int i = 0; i < train.size(); ++i) {
    known.by_pixels.emplace(pixels_of(train, i), i);
    const std::string_view source = source_of(train, i);
    if (source.empty()) continue;
    if (!parents_of(source)) {
      known.by_source.emplace(source, i);
      continue;
    }
    for (const std::string& ancestor : real_ancestors(source)) known.by_ancestor.emplace(ancestor, i);
  }
  return known;
}

std::string label_of(const LabelledImages& images, int index) {
  const std::string_view source = source_of(images, index);
  return source.empty() ? fmt::format("sample {}", index) : fmt::format("\"{}\"", source);
}

}  // namespace

LeakReport check_leaks(const LabelledImages& train, const LabelledImages& other) {
  LeakReport report;
  report.samples = other.size();
  if (train.size() == 0 || other.size() == 0) return report;
  CURIE_CHECK(train.sample_shape() == other.sample_shape() && train.pixels.dtype() == other.pixels.dtype(), usage,
              "leak check: expected samples alike in both parts, got {} of type {} and {} of type {}; check before or "
              "after preprocessing, not one of each",
              to_string(train.sample_shape()), name_of(train.pixels.dtype()), to_string(other.sample_shape()),
              name_of(other.pixels.dtype()));

  const Known known = index_of(train);
  const auto note = [&](int sample, std::string_view relation, int train_sample) {
    if (static_cast<int>(report.examples.size()) >= kLeakExamples) return;
    report.examples.push_back(
        fmt::format("{} {} {}", label_of(other, sample), relation, label_of(train, train_sample)));
  };

  for (int i = 0; i < other.size(); ++i) {
    bool affected = false;
    const auto look_up = [&](const auto& index, const auto& key, int& count, std::string_view relation) {
      const auto found = index.find(key);
      if (found == index.end()) return false;
      ++count;
      if (!affected) note(i, relation, found->second);
      return affected = true;
    };
    look_up(known.by_pixels, pixels_of(other, i), report.duplicates, "equals the training sample");

    const std::string source(source_of(other, i));
    if (parents_of(source)) {
      const std::vector<std::string> ancestors = real_ancestors(source);
      for (const std::string& ancestor : ancestors) {
        if (look_up(known.by_source, ancestor, report.synthetic_here, "is made from the training sample")) break;
      }
      for (const std::string& ancestor : ancestors) {
        if (look_up(known.by_ancestor, ancestor, report.siblings, "shares a parent with the training sample")) break;
      }
    } else if (!source.empty()) {
      look_up(known.by_ancestor, source, report.synthetic_there, "is a parent of the training sample");
    }
    if (affected) ++report.affected;
  }
  return report;
}

std::string to_string(const LeakReport& report, const std::string& part) {
  if (report.clean())
    return fmt::format("leak check: none of the {} {} samples is known from training", report.samples, part);
  std::string text = fmt::format(
      "leak check: {} of {} {} samples ({:.1f} %) are related to training samples: {} have equal pixels, {} are "
      "synthetic "
      "with a parent in training, {} are a parent of a synthetic training sample, {} are synthetic and share a parent "
      "with "
      "one. Figures on this part will look better than on new patients",
      report.affected, report.samples, part, 100.0 * report.affected / report.samples, report.duplicates,
      report.synthetic_here, report.synthetic_there, report.siblings);
  if (report.synthetic_here + report.synthetic_there + report.siblings > 0) {
    text += "; splitting before resampling avoids it";
  } else {
    text += "; removing the repeated images avoids it";
  }
  return text + ".";
}

}  // namespace curie
