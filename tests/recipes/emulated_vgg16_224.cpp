// As emulated_vgg16_237.cpp. The recipe holds 32 images back for the test, and its backbone sees every augmented image.
#include <doctest/doctest.h>

#include "emulated_run.h"

TEST_CASE("covid-vgg16-224") {
  curie::test::check_emulated_run({.recipe = "covid-vgg16-224", .image_size = 128, .per_class = 18});
}
