// What a model says about every sample of one part of the data.
#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.h"
#include "model/model.h"

namespace curie {

struct Predictions {
  std::vector<float> probabilities;     // two classes: of class 1, one a sample; else `classes` a sample
  std::vector<std::int32_t> predicted;  // class numbers
  double loss = 0.0;
  double accuracy = 0.0;

  // The probability that was given to the class that was predicted.
  double confidence(int sample) const;
};

// Probabilities whatever the model ends in: log-probabilities are raised, logits go through sigmoid or softmax.
Predictions predict_all(Model& model, const LabelledImages& images, int batch_size = 256);

}  // namespace curie
