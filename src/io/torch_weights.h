// Weights under PyTorch's names and in its order, one by one: "conv1.weight" (filters, channels, rows, columns),
// "fc.weight" (out, in), "bn1.running_mean". Layers that are named as Keras names those of VGG16 get torchvision's
// names, "features.0.weight", ...; others keep their own, so that a ResNet whose layers are named as torchvision's
// modules are
// ("layer1.0.conv1") has torchvision's tensors.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/graph.h"
#include "tensor/tensor.h"

namespace curie {

class TorchLayout {
 public:
  // A view of one parameter of `node`; all must outlive it.
  TorchLayout(const Graph& graph, const Node& node, const Parameter& parameter);

  // The names that the tensor may have in a file, the one to write first.
  const std::vector<std::string>& names() const { return names_; }
  Shape shape() const;                           // in PyTorch
  const char* order() const;                     // " (filters, channels, rows, columns)", for messages
  Tensor to_torch(const Tensor& value) const;    // from Curie's order
  Tensor from_torch(const Tensor& value) const;  // of `shape()`

 private:
  bool is_vector_of_image() const { return image_.rank() == 3 && parameter_->shape.rank() == 1; }

  const Parameter* parameter_;
  std::vector<std::string> names_;
  Shape image_;  // that Flatten made the vector of which this reads the elements; rank 0: none
};

}  // namespace curie
