// What a network must beat to be worth its parameters.
#pragma once

#include "data/dataset.h"
#include "report/report.h"

namespace curie {

// Ridge classification (alpha 1) on the images in grey at 32 x 32 pixels, fitted on `train` and counted on `test`; u8
// pixels.
Baseline ridge_baseline(const LabelledImages& train, const LabelledImages& test, int threads = 0);

}  // namespace curie
