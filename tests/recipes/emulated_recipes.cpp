// Every recipe but the two on VGG16 (emulated_vgg16_*.cpp) from pictures to a report on the emulated CUDA kernels, one
// epoch on a handful of small phantoms, and beside it the same on the CPU.
#include <doctest/doctest.h>

#include "emulated_run.h"

using namespace curie::test;

TEST_CASE("covid-cnn-64") { check_emulated_run({.recipe = "covid-cnn-64", .image_size = 32, .per_class = 20}); }
TEST_CASE("pneumonia-cnn-70") { check_emulated_run({.recipe = "pneumonia-cnn-70", .image_size = 32}); }
TEST_CASE("covid-basic-180") { check_emulated_run({.recipe = "covid-basic-180", .image_size = 96, .per_class = 20}); }
TEST_CASE("covid-dropout-224") {
  check_emulated_run({.recipe = "covid-dropout-224", .image_size = 96, .per_class = 20});
}
TEST_CASE("covid-batchnorm-224") {
  check_emulated_run({.recipe = "covid-batchnorm-224", .image_size = 96, .per_class = 20, .bound = 0.05});
}
TEST_CASE("radiography-lenet-128") { check_emulated_run({.recipe = "radiography-lenet-128", .image_size = 128}); }
TEST_CASE("radiography-lenet-128-augmented") {
  check_emulated_run({.recipe = "radiography-lenet-128-augmented", .image_size = 128});
}
TEST_CASE("radiography-resnet18") {
  check_emulated_run({.recipe = "radiography-resnet18", .image_size = 32, .per_class = 6, .bound = 0.05});
}
