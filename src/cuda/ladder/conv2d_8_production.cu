// Convolution, rung 8: the kernel that convolution layers train with (cuda/conv2d.cu and its siblings), in TF32 where
// the shape allows.
//
// What it adds: every number of channels and every address that a float may have, where rungs 5 to 7 ask for channels
// in fours; bias and ReLU on the way out; a tile chosen by the shape (cuda/conv2d_plan.h); a kernel of its own for
// images of few channels; and a tap that is carried along by additions, where the rungs divide by c and s for every
// address.
#include "cuda/kernels.h"
#include "cuda/ladder/rungs.h"

namespace curie::CURIE_GPU::ladder {

void conv2d_8_production(Stream stream, const Conv2dShape& shape, const float* x, const float* w, float* y,
                         Scratch scratch) {
  conv2d_forward(stream, Math::tf32, shape, x, w, nullptr, Activation::none, y, scratch);
}

}  // namespace curie::CURIE_GPU::ladder
