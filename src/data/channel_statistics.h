// The mean and the deviation of each channel over a training set: Keras' ImageDataGenerator.fit for featurewise_center
// and featurewise_std_normalization.
#pragma once

#include <vector>

#include "data/dataset.h"

namespace curie {

// Of pixels / divisor, one value a channel. They belong into the network's Normalization {divisor, mean, stddev}, which
// training, validation and prediction share and which is saved with the model: (v / divisor - mean[c]) / stddev[c] is
// what Keras makes of an image with both options, rescale = 1 / divisor and no augmentation while it fits.
struct ChannelStatistics {
  std::vector<double> mean, stddev;  // stddev with Keras' 1e-6 added, so it is never 0
};

// Of the population, exact but for the last roundings: sums are whole numbers. Throws Error(usage) for images that are
// not u8 (n, h, w, c) in host memory, for none, and for a divisor that is not above 0.
ChannelStatistics channel_statistics(const LabelledImages& images, double divisor);

}  // namespace curie
