// Synthetic chest X-rays, so that everything can be tried, tested and measured without a patient's image. They are
// drawings, not medicine: nothing learnt from them says anything about a person.
//
// "COVID" phantoms have ragged patches in both lungs, mostly at the periphery and in the lower zones, the picture of
// ground-glass opacities. "Normal" phantoms carry the same attenuation in the same zones as one smooth veil, and every
// image is exposed to a brightness drawn independently of its class. So the mean images of the classes nearly agree, a
// linear classifier of pixels is left with little, and a classifier has to see structure. With 1,600 training images of
// 64 x 64 and 400 test images, ridge and logistic regression reached an accuracy of .55 to .64, the 5 nearest
// neighbours .59, and a CNN of three convolutions .95.
#pragma once

#include <cstdint>

#include "data/dataset.h"
#include "tensor/parallel.h"

namespace curie {

struct PhantomOptions {
  int normal = 100;  // images of each class
  int covid = 100;
  int size = 64;  // width and height in pixels, 16 .. 2048
  std::uint64_t seed = 0;
};

// Pixels u8 (n, size, size, 1); first the Normal images (label 0), then the COVID ones (label 1), sources
// "phantom: COVID #12". Image i of a class depends on (seed, class, i, size) alone: not on the number of images or
// threads, nor on the machine. Throws usage for a size outside the range, a negative number of images, or none at all.
LabelledImages make_phantoms(const PhantomOptions& options, ThreadPool& pool);

}  // namespace curie
