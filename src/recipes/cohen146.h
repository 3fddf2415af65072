// What the four experiments of one document share: its data, its division and its training part's treatment.
#pragma once

#include "recipes/recipe.h"

namespace curie {

// "COVID X-Ray Image Classification Using Deep Learning": 146 COVID and 146 normal images, 16 of each held back, the
// others divided 3 : 1; everything but name, network and compile is filled in.
Recipe covid_experiment(int image_size, int channels);

}  // namespace curie
