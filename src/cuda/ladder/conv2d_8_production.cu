// Convolution, rung 8: the kernels that convolution layers train with (cuda/conv2d.cu and its siblings), in TF32 where
// the shape allows (cuda/conv2d_mma.cuh).
//
// What it adds: every number of channels and every address that a float may have, where rungs 5 to 7 ask for channels
// in fours; bias and ReLU on the way out; a tile chosen by the shape (cuda/conv2d_plan.h); three or four stages of
// tiles on their way instead of two; taps cut into parts where there are too few tiles to fill a GPU; a kernel of its
// own for images of few channels; and a tap that is carried along by additions, where the rungs divide by c and s.
#include "cuda/kernels.h"
#include "cuda/ladder/rungs.h"

namespace curie::CURIE_GPU::ladder {

void conv2d_8_production(Stream stream, const Conv2dShape& shape, const float* x, const float* w, float* y,
                         Scratch scratch) {
  conv2d_forward(stream, Math::tf32, shape, x, w, nullptr, Activation::none, y, scratch);
}

}  // namespace curie::CURIE_GPU::ladder
