#include "model/applications.h"

#include <array>

namespace curie {
namespace {

class ResNetBuilder {
 public:
  ResNetBuilder(Model& model, int input) : model_(model), value_(input) {}

  int value() const { return value_; }

  void stem() {
    value_ = convolution(value_, "conv1", 64, 7, 2, 3);
    value_ = norm(value_, "bn1");
    value_ = model_.apply(ReLU{.name = "relu"}, {value_});
    value_ = model_.apply(MaxPool2D{.pool = 3, .stride = Extent2(2), .padding = Padding::cells(1), .name = "maxpool"},
                          {value_});
  }

  // Two 3x3 convolutions and the input itself, or its projection where the shape changes.
  void basic_block(const std::string& name, int filters, int stride) {
    const int input = value_;
    int path = convolution(input, name + ".conv1", filters, 3, stride, 1);
    path = norm(path, name + ".bn1");
    path = model_.apply(ReLU{.name = name + ".relu1"}, {path});
    path = convolution(path, name + ".conv2", filters, 3, 1, 1);
    path = norm(path, name + ".bn2");
    int shortcut = input;
    if (stride != 1 || model_.graph().shape(input)[-1] != filters) {
      shortcut = convolution(input, name + ".downsample.0", filters, 1, stride, 0);
      shortcut = norm(shortcut, name + ".downsample.1");
    }
    path = model_.apply(Add{.name = name + ".add"}, {path, shortcut});
    value_ = model_.apply(ReLU{.name = name + ".relu2"}, {path});
  }

  void head(int classes, Activation activation) {
    value_ = model_.apply(GlobalAveragePool2D{.name = "avgpool"}, {value_});
    value_ = model_.apply(Dense{.units = classes,
                                .activation = activation,
                                .kernel_initializer = {Initializer::Kind::pytorch_uniform},
                                .bias_initializer = {Initializer::Kind::pytorch_uniform},
                                .name = "fc"},
                          {value_});
  }

 private:
  int convolution(int input, const std::string& name, int filters, int kernel, int stride, int padding) {
    return model_.apply(Conv2D{.filters = filters,
                               .kernel = kernel,
                               .stride = stride,
                               .padding = Padding::cells(padding),
                               .bias = false,
                               .kernel_initializer = {Initializer::Kind::he_normal_fan_out},
                               .name = name},
                        {input});
  }

  int norm(int input, const std::string& name) {
    BatchNormalization spec = BatchNormalization::pytorch();
    spec.name = name;
    return model_.apply(spec, {input});
  }

  Model& model_;
  int value_;
};

void check_colour(const Model& model, int input, const char* what) {
  const Shape& shape = model.graph().shape(input);
  CURIE_CHECK(shape.rank() == 3 && shape[-1] == 3, usage,
              "{}: expected an image of three channels, (height, width, 3), got {}", what, to_string(shape));
}

}  // namespace

int vgg16_without_top(Model& model, int input, const Initializer& kernel_initializer) {
  check_colour(model, input, "VGG16");
  const Shape& image = model.graph().shape(input);
  CURIE_CHECK(image[0] >= 32 && image[1] >= 32, usage,
              "VGG16: expected an image of at least 32x32 pixels, because five pools halve it, got {}x{}", image[0],
              image[1]);
  struct Block {
    int convolutions, filters;
  };
  constexpr std::array<Block, 5> kBlocks = {{{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}}};
  int value = input;
  for (std::size_t b = 0; b < kBlocks.size(); ++b) {
    for (int c = 1; c <= kBlocks[b].convolutions; ++c) {
      value = model.apply(Conv2D{.filters = kBlocks[b].filters,
                                 .kernel = 3,
                                 .padding = Padding::same(),
                                 .activation = Activation::relu,
                                 .kernel_initializer = kernel_initializer,
                                 .name = fmt::format("block{}_conv{}", b + 1, c)},
                          {value});
    }
    value = model.apply(MaxPool2D{.pool = 2, .name = fmt::format("block{}_pool", b + 1)}, {value});
  }
  return value;
}

int resnet18(Model& model, int classes, Activation head, int input) {
  check_colour(model, input, "ResNet18");
  ResNetBuilder builder(model, input);
  builder.stem();
  constexpr std::array<int, 4> kFilters = {64, 128, 256, 512};
  for (std::size_t stage = 0; stage < kFilters.size(); ++stage) {
    for (const int block : {0, 1}) {
      builder.basic_block(fmt::format("layer{}.{}", stage + 1, block), kFilters[stage],
                          stage > 0 && block == 0 ? 2 : 1);
    }
  }
  builder.head(classes, head);
  return builder.value();
}

}  // namespace curie
