// What a model answers to one made-up image, kept beside exported weights: whoever imports them can tell at once
// whether every axis arrived in its place.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "model/model.h"

namespace curie {

// {"pixels": how they are made, "outputs": [...], "features": [...], "features_stride": n}. Pixel i of the image is
// (i * 2654435761 mod 2^32) >> 24, before normalization. Features: every n-th value that the last layer with weights
// reads, where that is a vector. Null, with a warning, for a model whose layers give more than 2^26 values for an
// image.
nlohmann::json make_probe(Model& model);

// Error(file) unless the compiled model answers as `probe` says, to 1e-4 of the largest value. `without_last_layer`:
// compares the features only, for a model that was given a last layer of its own.
void check_probe(Model& model, const nlohmann::json& probe, bool without_last_layer, const std::string& file);

// The last layer with parameters; empty when there is none.
std::string last_weighted_layer(const Model& model);

}  // namespace curie
