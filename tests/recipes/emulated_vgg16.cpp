// The recipes that stand on VGG16, whose pools leave nothing of images below 128 x 128.
#include <doctest/doctest.h>

#include "emulated_run.h"

using namespace curie::test;

TEST_CASE("covid-vgg16-224") { check_emulated_run({.recipe = "covid-vgg16-224", .image_size = 128, .per_class = 18}); }
TEST_CASE("covid-vgg16-237") { check_emulated_run({.recipe = "covid-vgg16-237", .image_size = 128, .per_class = 8}); }
