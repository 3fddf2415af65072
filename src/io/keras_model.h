// Keras' description of a model, the JSON of Sequential and Functional models of Keras 2 and 3, to and from Curie's.
//
// Layers that only one side has are translated where the result is the same to the last bit: ZeroPadding2D becomes the
// padding of the convolution or the pool behind it, Rescaling at the input the model's normalization, nested models are
// taken apart. What cannot be translated is an error that names the layer.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/keras_groups.h"
#include "model/model.h"

namespace curie {

// Where a layer's weights lie in Keras' files.
struct KerasPlace {
  std::string node;                    // the layer in Curie's model
  std::vector<std::string> names;      // the layer in Keras', after the models around it, outermost first
  std::vector<std::size_t> positions;  // of the layer, and of the models around it, among the layers of theirs
  std::string archive_group;           // "layers/functional/layers/conv2d" in .keras files
};

struct KerasModel {
  Model model;  // not compiled
  std::vector<KerasPlace>
      places;           // the layers with parameters, in Keras' order, which is that of its optimizer's state
  bool scales = false;  // a Rescaling layer gave the model's normalization
};

// The major version of Keras that wrote a file: what its batch normalization means.
enum class KerasVersion { keras2, keras3 };

// `config`: {"class_name": "Sequential" | "Functional" | "Model", "config": ...}. Error(file) for what is damaged or
// has no translation. `numbering`: of the archive's groups.
KerasModel read_keras_model(const nlohmann::json& config, const std::string& file, KerasVersion version,
                            GroupNumbering numbering = GroupNumbering::once);

struct KerasLayer {
  std::string class_name, name;
  nlohmann::json config;            // without the members that differ between versions
  std::vector<std::string> inputs;  // names of layers
  Shape output;                     // without the batch extent
  int node = -1;                    // whose parameters it has, as an index into Graph::nodes(); -1: none
};

// The model's layers for Keras, the first an InputLayer. Error(usage) for a layer that Keras does not have.
std::vector<KerasLayer> keras_layers(const Model& model);

// The whole description: Keras 2's dialect, which Keras 3 reads from .h5 files too, or Keras 3's for .keras archives.
nlohmann::json keras_model_config(const std::string& name, const std::vector<KerasLayer>& layers, KerasVersion dialect);

// Whether no element of the value can be below 0, so that padding with zeros and padding with nothing give one maximum.
bool never_negative(const Graph& graph, int value, const Normalization& normalization);

}  // namespace curie
