// Matrix product, rung 8: the kernels that dense layers train with (cuda/dense.cu, and cuda/conv2d_mma.cuh, since a
// dense layer is a convolution of images of one pixel), in TF32.
//
// What it adds: every extent and every address that a float may have, where rungs 5 to 7 ask for rows of whole float4;
// bias and ReLU on the way out; a tile chosen by the shape; three or four stages of tiles on their way instead of two;
// and a depth that is cut into parts where there are too few tiles to fill a GPU, which a second kernel adds in a fixed
// order. Where that happens the partial sums are bytes of their own.
#include "cuda/kernels.h"
#include "cuda/ladder/rungs.h"

namespace curie::CURIE_GPU::ladder {

void gemm_8_production(Stream stream, const GemmShape& shape, const float* a, const float* b, float* c,
                       Scratch scratch) {
  dense_forward(stream, Math::tf32, {.n = shape.m, .in = shape.k, .out = shape.n}, a, b, nullptr, Activation::none, c,
                scratch);
}

}  // namespace curie::CURIE_GPU::ladder
