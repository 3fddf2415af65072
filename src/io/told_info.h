// What the files of other programs do not tell about a model of images, and where it is taken from instead: the user,
// or a guess.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/preprocess.h"
#include "model/model.h"

namespace curie {

struct ModelInfo;

// What the user tells. Empty members are guessed.
struct ToldInfo {
  std::vector<std::string> class_names = {};        // in the order of the outputs; of one output, for 0 and for 1
  std::optional<Resample> resample = {};            // guess: Pillow's bicubic
  std::optional<ChannelOrder> channel_order = {};   // of three channels; guess: rgb
  std::optional<Normalization> normalization = {};  // guess: pixels divided by 255
  bool by_recipe = false;                           // a recipe tells all of it, so that it need not be wrong to repeat
};

// What was guessed.
struct Assumed {
  bool class_names = false, resample = false, channel_order = false, normalization = false;
};

// Names, preprocessing and normalization for a model from another program's `file`, which tells the shape of its input
// and, when `scales`, how it scales pixels. The model is not compiled yet. Warns of each guess, with the option of
// `curie` that replaces it. Error(file) when the input is no image, Error(usage) for what does not fit the model or
// contradicts it.
ModelInfo foreign_info(Model& model, bool scales, const ToldInfo& told, Assumed& assumed, const std::string& file);

// For a model whose file tells all that: other names for its classes are taken, any other contradiction is an
// Error(usage).
void rename_classes(ModelInfo& info, const ToldInfo& told, const std::string& file);

}  // namespace curie
