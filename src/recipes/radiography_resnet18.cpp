// Four classes by ResNet18 as torchvision builds it, from scratch or from ImageNet's weights.
#include "model/applications.h"
#include "recipes/radiography.h"

namespace curie {
namespace {

Model network(const Shape& input, std::uint64_t seed) {
  Model model(input, seed);
  model.set_normalization(imagenet_normalization());
  resnet18(model, 4, Activation::softmax);
  return model;
}

CompileOptions compile() {
  return {.optimizer = Adam{.learning_rate = 3e-5f, .epsilon = 1e-8f, .convention = Convention::pytorch},
          .loss = SparseCategoricalCrossentropy{}};
}

}  // namespace

Recipe radiography_resnet18() {
  Recipe recipe = radiography_experiment();
  recipe.name = "radiography-resnet18";
  recipe.title = "Normal, COVID-19, viral pneumonia or lung opacity, by ResNet18";
  recipe.description =
      "ResNet18 with four outputs, 11,178,564 parameters, on images turned by up to 10 degrees and mirrored at random; "
      "Adam with a rate of 3e-5, cross-entropy; ImageNet's mean and deviation.";
  recipe.augmentation = small_rotations();
  recipe.network = network;
  recipe.compile = compile;
  recipe.pretraining = Pretraining{.what = "ResNet18, trained on ImageNet, but for its last layer",
                                   .without =
                                       "The network is trained from scratch, as in the first of the document's two "
                                       "ResNet18 runs (84.9 %). The second, 95.3 %, starts from ImageNet's "
                                       "weights: --pretrained FILE.",
                                   .import = {.leave_out = {"fc"}}};
  recipe.notes.push_back(
      {"Augmented images only",
       "The document trains ResNet18 on augmented images only, turned by \"small angles\" (10 degrees are taken) and "
       "mirrored."});
  recipe.notes.push_back(
      {"Which image size",
       "The document brings images to 128 x 128, and its table of ResNet18's shapes is the one for 224 x 224 from the "
       "architecture's paper. 128 is used; --image-size 224 gives the table's shapes."});
  return recipe;
}

}  // namespace curie
