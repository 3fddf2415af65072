// One Keras layer to Curie's. Used by io/keras_read.cpp.
#pragma once

#include <span>
#include <string>

#include "io/keras_fields.h"
#include "io/keras_model.h"

namespace curie {

// A value of Curie's graph on its way to the next layer, with the zeros around it that a ZeroPadding2D asked for and
// the next layer will make.
struct Flow {
  int value = 0;
  Padding zeros = {};  // valid: none
};

// Appends the layer to `model` under the name `node`, or notes what it means for the next one. Returns its value.
Flow add_keras_layer(Model& model, const KerasFields& fields, std::span<const Flow> inputs, const std::string& node,
                     KerasVersion version);

}  // namespace curie
