// Does one part of a data set know the other? A model tested on samples that it has met in training, whole or as a
// parent of a synthetic sample, looks better than it is.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace curie {

struct LeakReport {
  int samples = 0;                    // in the other part (validation or test)
  int duplicates = 0;                 // of them: pixels equal to those of a training sample
  int synthetic_here = 0;             // of them: synthetic, with a parent that is in training
  int synthetic_there = 0;            // of them: a parent of a synthetic training sample
  int siblings = 0;                   // of them: synthetic, sharing a parent with a synthetic training sample
  int affected = 0;                   // of them: any of the above, each counted once
  std::vector<std::string> examples;  // at most kLeakExamples sentences

  bool clean() const { return affected == 0; }
};

inline constexpr int kLeakExamples = 3;

// Compares `other` with `train`. Parents are known from LabelledImages::sources (origin.h); without sources only
// pixels are compared. Throws usage when the two hold samples of different shape or type.
LeakReport check_leaks(const LabelledImages& train, const LabelledImages& other);

// The finding in one or two sentences, `part` naming the other part: "validation", "test".
std::string to_string(const LeakReport& report, const std::string& part);

}  // namespace curie
