// Small models for tests of file formats: every layer, extents that differ in every direction, weights without
// symmetry.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "io/model_file.h"
#include "model/model.h"
#include "tensor/random.h"

namespace curie::test {

// Kernels that keep the size of what goes through them (He's uniform distribution), so that outputs do not saturate;
// the rest in (-.5, .5); variances above .25.
inline std::vector<std::pair<std::string, Tensor>> random_state(const Model& model, std::uint32_t seed = 7) {
  std::vector<std::pair<std::string, Tensor>> state = model.state();
  std::uint32_t stream = 0;
  for (auto& [name, tensor] : state) {
    const RandomStream random{.seed = seed, .stream = stream++};
    const Shape& shape = tensor.shape();
    const bool kernel = name.ends_with("/kernel");
    const int inputs = shape.rank() == 4 ? shape[1] * shape[2] * shape[3] : shape[0];
    const float range = kernel ? 2.0f * std::sqrt(6.0f / static_cast<float>(inputs)) : 1.0f;
    std::uint64_t i = 0;
    for (float& value : tensor.host<float>()) {
      value = range * (random.uniform(i++) - 0.5f);
      if (name.ends_with("variance")) value = std::abs(value) + 0.25f;
    }
  }
  return state;
}

inline LabelledImages random_images(const Shape& shape, int count, int classes = 2, std::uint32_t seed = 3) {
  LabelledImages images;
  images.pixels = Tensor::zeros(shape.with_batch(count), DType::u8);
  const RandomStream random{.seed = seed, .stream = 99};
  const std::size_t each = shape.elements();
  std::uint64_t i = 0;
  for (std::uint8_t& pixel : images.pixels.host<std::uint8_t>()) {
    const float brightness =
        256.0f / static_cast<float>(1 + 3 * (i / each % 2));  // or they would look alike to a network
    pixel = static_cast<std::uint8_t>(random.uniform(i++) * brightness);
  }
  images.labels.assign(static_cast<std::size_t>(count), 0);
  for (int c = 0; c < classes; ++c) images.class_names.push_back("class " + std::to_string(c));
  return images;
}

inline std::vector<float> outputs_of(Model& model, const LabelledImages& images) {
  const Tensor outputs = model.predict(ImageDataset(images));
  const std::span<const float> values = outputs.host<float>();
  return {values.begin(), values.end()};
}

inline ModelInfo info_for(const Model& model, int classes) {
  const Shape& input = model.graph().input_shape();
  ModelInfo info;
  info.preprocessing = {.width = input[1], .height = input[0], .channels = input[2], .resample = Resample::bilinear};
  for (int c = 0; c < classes; ++c) info.class_names.push_back("kind " + std::to_string(c));
  info.provenance = {{"recipe", "test"}, {"seed", 1}};
  return info;
}

// The chain of the covid recipes, with what they have between them: valid, same and explicit padding, strides, batch
// normalization with and without scale, max and average pools, dropout, Flatten of a non-square map, sigmoid.
inline Model chain_model() {
  Sequential model({13, 11, 3});
  model.add(Conv2D{.filters = 4, .kernel = {3, 2}, .activation = Activation::relu})
      .add(MaxPool2D{.pool = {2, 1}})
      .add(Dropout{.rate = 0.3f})
      .add(Conv2D{.filters = 5, .kernel = {2, 3}, .stride = {1, 2}, .padding = Padding::same(), .bias = false})
      .add(BatchNormalization{.scale = false})
      .add(ReLU{})
      .add(AveragePool2D{.pool = 2, .stride = 1, .padding = Padding::same()})
      .add(Conv2D{.filters = 3, .kernel = 2, .padding = {Padding::Kind::cells, 1, 0, 0, 1}})
      .add(Tanh{})
      .add(Flatten{})
      .add(Dense{.units = 6, .bias = false})
      .add(BatchNormalization{.momentum = 0.9f, .epsilon = 1e-5f})
      .add(ReLU{})
      .add(Dropout{.rate = 0.5f})
      .add(Dense{.units = 1, .activation = Activation::sigmoid});
  return Model(std::move(model));
}

// The beginning of a ResNet, under torchvision's names: a padded stem and max pool, a block with a projection, global
// average pool.
inline Model residual_model(Activation last = Activation::softmax, int classes = 3) {
  Model model({15, 13, 3}, 1, "residual");
  const auto normalization = [](std::string name) {
    BatchNormalization spec = BatchNormalization::pytorch();
    spec.name = std::move(name);
    return spec;
  };
  const auto convolution = [](std::string name, int filters, Extent2 kernel, int stride, int pad) {
    return Conv2D{.filters = filters,
                  .kernel = kernel,
                  .stride = stride,
                  .padding = Padding::cells(pad),
                  .bias = false,
                  .name = std::move(name)};
  };
  int x = model.apply(convolution("conv1", 4, 7, 2, 3), {Model::kInput});
  x = model.apply(normalization("bn1"), {x});
  x = model.apply(ReLU{.name = "relu"}, {x});
  x = model.apply(MaxPool2D{.pool = 3, .stride = 2, .padding = Padding::cells(1), .name = "maxpool"}, {x});
  int y = model.apply(convolution("layer1.0.conv1", 6, 3, 2, 1), {x});
  y = model.apply(normalization("layer1.0.bn1"), {y});
  y = model.apply(ReLU{.name = "layer1.0.relu"}, {y});
  y = model.apply(convolution("layer1.0.conv2", 6, 3, 1, 1), {y});
  y = model.apply(normalization("layer1.0.bn2"), {y});
  int shortcut = model.apply(convolution("layer1.0.downsample.0", 6, 1, 2, 0), {x});
  shortcut = model.apply(normalization("layer1.0.downsample.1"), {shortcut});
  x = model.apply(Add{.name = "layer1.0.add"}, {y, shortcut});
  x = model.apply(ReLU{.name = "layer1.0.out"}, {x});
  x = model.apply(GlobalAveragePool2D{.name = "avgpool"}, {x});
  model.apply(Dense{.units = classes, .activation = last, .name = "fc"}, {x});
  return model;
}

// Compiled for the CPU, with random weights.
inline Model ready(Model model, const CompileOptions& options = {}) {
  CompileOptions here = options;
  here.device = "cpu";
  model.compile(here);
  model.set_state(random_state(model));
  return model;
}

}  // namespace curie::test
