// Optimizer and loss in Keras' words. Used by io/keras.cpp.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "io/keras_model.h"

namespace curie {

// `training`: Model::training_config. Keras' training_config of .h5 files (keras2) or compile_config of .keras archives
// (keras3). Null where Keras has no such loss; then the model has to be compiled there.
nlohmann::json keras_training_config(const nlohmann::json& training, KerasVersion dialect);

// From either. What is not there, or is not one of Curie's, is replaced by what suits the model's last activation, with
// a warning that says so.
CompileOptions read_keras_training(const nlohmann::json& config, const Model& model, const std::string& file);

// Whether read_keras_training takes the optimizer as it is, rather than another one in its place.
bool knows_keras_optimizer(const nlohmann::json& config);

}  // namespace curie
