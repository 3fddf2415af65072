// What the experiments of one document on the COVID-19 Radiography Database share: its four classes and its division.
#pragma once

#include "recipes/recipe.h"

namespace curie {

// "COVID-19 Cases from Chest X-Ray Images": Normal, COVID, Viral Pneumonia, Lung_Opacity; 70 : 15 : 15; 128 x 128;
// everything but name, network and compile is filled in.
Recipe radiography_experiment();

// Turned by small angles and mirrored, as torchvision does it.
Augmentation small_rotations();

// Mean and standard deviation of ImageNet's images, by channel: what torchvision's models expect.
Normalization imagenet_normalization();

}  // namespace curie
