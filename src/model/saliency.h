// Where in an image a model looks: Grad-CAM and occlusion.
#pragma once

#include "model/inspect.h"

namespace curie {

// Grad-CAM (Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", ICCV
// 2017): the layer's maps, each weighted by the mean over its cells of d score / d map, summed, and negative sums set
// to zero. (n, h, w) in host memory, each sample's map divided by its largest value; all zero where nothing speaks for
// the class. The inspector must have run. Throws Error(usage) for a value that is no stack of maps.
Tensor grad_cam(Inspector& inspector, int class_number, int value);

struct OcclusionOptions {
  int windows = 10;    // along each side of the image
  double share = 0.2;  // of the image's side that a window covers
  int batch_size = 32;
};

// Occlusion sensitivity (Zeiler, Fergus, "Visualizing and understanding convolutional networks", ECCV 2014): how much
// the class's probability falls when a window is painted over with the image's mean colour; each cell has the mean over
// the windows that cover it. (h, w) of the image in host memory; below zero where covering speaks for the class.
// `image` is (1, h, w, c) u8. Throws Error(usage) for another shape, windows < 1 or a share outside (0, 1].
Tensor occlusion_map(Model& model, const Tensor& image, int class_number, const OcclusionOptions& options = {});

}  // namespace curie
