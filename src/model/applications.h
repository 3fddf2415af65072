// Well-known architectures, built layer by layer into a model, with the layer names under which their published weights
// are known.
#pragma once

#include "model/model.h"

namespace curie {

// VGG16 without its top (Simonyan, Zisserman 2015), as keras.applications builds it: 13 convolutions 3x3, "same",
// with bias and ReLU, five max pools; layers "block1_conv1" .. "block5_pool"; 14,714,688 parameters. Reads the value
// `input`, an image of three channels and at least 32x32 pixels; returns the value of block5_pool, (h / 32, w / 32,
// 512) rounded down. `kernel_initializer`: Keras' default; where no trained weights follow, He's keeps the signal alive
// through thirteen layers.
int vgg16_without_top(Model& model, int input = Model::kInput,
                      const Initializer& kernel_initializer = {Initializer::Kind::glorot_uniform});

// ResNet18 (He et al. 2016), as torchvision builds it: 7x7/2 stem, 3x3/2 max pool, four stages of two basic blocks,
// 1x1/2 projections where the shape changes, batch norm behind every convolution, global average pool, one dense layer.
// From the value `input`, an image of three channels; returns the value of the last layer, (classes).
//
// A layer's name is its module's in torchvision ("conv1", "bn1", "layer1.0.conv1", "layer2.0.downsample.0",
// "layer2.0.downsample.1", "fc"), so that the tensor "layer1.0.bn1/gamma" is torchvision's "layer1.0.bn1.weight" and
// "moving_mean" its "running_mean". 11,176,512 learned parameters and 513 for each class. Initial values are
// torchvision's: He's normal by fan-out for convolutions, PyTorch's default for fc.
//
// `head`: the activation of fc. torchvision ends in logits (Activation::none).
int resnet18(Model& model, int classes, Activation head = Activation::softmax, int input = Model::kInput);

}  // namespace curie
