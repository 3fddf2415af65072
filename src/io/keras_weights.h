// Weights as Keras' files hold them, to and from a layer's parameters. Used by io/keras.cpp and io/import_weights.cpp.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/hdf5.h"
#include "io/keras_groups.h"
#include "layers/layer.h"

namespace curie {

struct KerasArray {
  // Of an .h5 file: the layer's group ("conv2d", "vgg16" for a nested model), and the layer that the weight's own name
  // tells ("block1_conv1" of "block1_conv1/kernel:0"; empty when it tells none). Of an archive: the group
  // ("layers/conv2d") and the name that it carries, or that the archive's description gives it.
  std::string group, layer;
  std::string name;  // "kernel", "block1_conv1_W_1", "0"
  std::string path;  // in the file, for messages
  Tensor value;      // in Keras' order: convolutions HWIO
};

struct KerasArrays {
  std::string file;  // for messages
  std::vector<KerasArray> arrays;
  GroupNumbering numbering = GroupNumbering::once;
};

// What .h5 files and .keras archives have in common, without the architecture.
struct KerasFileWeights {
  KerasArrays arrays;
  std::string note;  // Curie's, JSON text; "null" in files that others wrote
};
KerasFileWeights read_keras_weights(std::span<const std::byte> bytes, const std::string& file);

// Finds the weights in a whole model or a weights-only file, of Keras 1 to 3. Error(file) where there are none.
KerasArrays keras_arrays(const Hdf5File& file);

// The arrays of one layer as its parameters, in Curie's order, named "<node>/<parameter>". By name where the names are
// Keras 2's or 3's, else by position. Error(file) that names the array where number, names or shapes do not fit or a
// value is not finite.
std::vector<std::pair<std::string, Tensor>> parameters_from_keras(const std::string& node,
                                                                  std::span<const Parameter> parameters,
                                                                  const std::vector<const KerasArray*>& arrays,
                                                                  const std::string& file);

// A parameter's value in Keras' order, from Curie's, and back.
Tensor keras_value(const Tensor& value);
Tensor curie_value(const Tensor& value);

// Error(file) that names the tensor, `path`, when an element is not a finite number.
void check_finite(const Tensor& value, const std::string& path, const std::string& file);

// The shape in Keras' order.
Shape keras_shape(const Shape& shape);

// `texts` as the attribute `name` of a group; as name0, name1, ... where 64,512 bytes, Keras' limit, are not enough.
void set_chunked_attribute(Hdf5Object& group, const std::string& name, const std::vector<std::string>& texts);
std::vector<std::string> chunked_attribute(const Hdf5Object& group, const std::string& name);

}  // namespace curie
