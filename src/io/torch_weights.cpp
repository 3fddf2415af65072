#include "io/torch_weights.h"

#include <array>
#include <string_view>

#include "io/layout.h"

namespace curie {
namespace {

// torchvision.models.vgg16: the places of the layers in its two Sequential parts.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kVgg16 = {{
    {"block1_conv1", "features.0"},
    {"block1_conv2", "features.2"},
    {"block2_conv1", "features.5"},
    {"block2_conv2", "features.7"},
    {"block3_conv1", "features.10"},
    {"block3_conv2", "features.12"},
    {"block3_conv3", "features.14"},
    {"block4_conv1", "features.17"},
    {"block4_conv2", "features.19"},
    {"block4_conv3", "features.21"},
    {"block5_conv1", "features.24"},
    {"block5_conv2", "features.26"},
    {"block5_conv3", "features.28"},
    {"fc1", "classifier.0"},
    {"fc2", "classifier.3"},
    {"predictions", "classifier.6"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kParameters = {{
    {"kernel", "weight"},
    {"bias", "bias"},
    {"gamma", "weight"},
    {"beta", "bias"},
    {"moving_mean", "running_mean"},
    {"moving_variance", "running_var"},
}};

template <std::size_t count>
std::string_view translate(const std::array<std::pair<std::string_view, std::string_view>, count>& table,
                           std::string_view name) {
  for (const auto& [from, to] : table)
    if (from == name) return to;
  return name;
}

// The image that Flatten made a vector of, if the value is that vector, element by element; rank 0 otherwise.
Shape flattened_image(const Graph& graph, int value) {
  while (value > 0) {
    const Node& node = graph.nodes()[static_cast<std::size_t>(value - 1)];
    const std::string_view kind = node.layer->kind();
    if (kind == "Flatten") return graph.shape(node.inputs[0]);
    const bool elementwise = kind == "Dropout" || kind == "ReLU" || kind == "Sigmoid" || kind == "Tanh" ||
                             kind == "BatchNormalization" || kind == "Add" || kind == "Softmax" || kind == "LogSoftmax";
    if (!elementwise) return {};
    value = node.inputs[0];
  }
  return {};
}

}  // namespace

TorchLayout::TorchLayout(const Graph& graph, const Node& node, const Parameter& parameter) : parameter_(&parameter) {
  const std::string suffix = "." + std::string(translate(kParameters, parameter.name));
  const std::string_view known = translate(kVgg16, node.name);
  names_.push_back(std::string(known) + suffix);
  if (known != node.name) names_.push_back(node.name + suffix);
  const Shape image = graph.shape(node.inputs[0]).rank() == 1 ? flattened_image(graph, node.inputs[0]) : Shape();
  const bool features = node.layer->kind() == "BatchNormalization" || parameter.name == "kernel";
  if (image.rank() == 3 && features) image_ = image;
}

Shape TorchLayout::shape() const {
  const Shape& own = parameter_->shape;
  if (own.rank() == 4) return {own[0], own[3], own[1], own[2]};
  if (own.rank() == 2) return {own[1], own[0]};
  return own;
}

const char* TorchLayout::order() const {
  const int rank = parameter_->shape.rank();
  return rank == 4 ? " (filters, channels, rows, columns)" : (rank == 2 ? " (units, inputs)" : "");
}

Tensor TorchLayout::to_torch(const Tensor& value) const {
  const int rank = value.shape().rank();
  if (rank == 4) return oihw_from_krsc(value);
  if (rank == 2) return transposed(image_.rank() == 3 ? channel_outermost_rows(value, image_) : value);
  if (is_vector_of_image()) return permuted(value.reshape(image_), std::array{2, 0, 1}).reshape(value.shape());
  return value;
}

Tensor TorchLayout::from_torch(const Tensor& value) const {
  const int rank = value.shape().rank();
  if (rank == 4) return krsc_from_oihw(value);
  if (rank == 2) return image_.rank() == 3 ? channel_innermost_rows(transposed(value), image_) : transposed(value);
  if (is_vector_of_image())
    return permuted(value.reshape({image_[2], image_[0], image_[1]}), std::array{1, 2, 0}).reshape(value.shape());
  return value;
}

}  // namespace curie
