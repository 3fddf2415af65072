// As emulated_recipes.cpp. VGG16's pools and the head's leave nothing of images below 128 x 128; the emulator takes some
// seconds for each.
#include <doctest/doctest.h>

#include "emulated_run.h"

TEST_CASE("covid-vgg16-237") {
  curie::test::check_emulated_run({.recipe = "covid-vgg16-237", .image_size = 128, .per_class = 7});
}
