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
#include <span>
#include <string>

#include "data/dataset.h"
#include "tensor/parallel.h"

namespace curie {

// What a phantom shows. The further findings are cruder drawings than the first two: they let recipes of other classes
// run, and no effort was made to hide them from simpler classifiers.
enum class PhantomFinding : std::int32_t {
  normal,         // one smooth veil on each lung
  ground_glass,   // "COVID": ragged patches in both lungs
  consolidation,  // one dense patch that fills a zone of one lung
  interstitial,   // a net of fine lines over both lungs
  nodular,        // a few round opacities in both lungs
};

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

// The same for any classes: label c is classes[c].
struct PhantomClass {
  std::string name;
  PhantomFinding finding = PhantomFinding::normal;
  int count = 100;
};
LabelledImages make_phantoms(std::span<const PhantomClass> classes, int size, std::uint64_t seed, ThreadPool& pool);

}  // namespace curie
