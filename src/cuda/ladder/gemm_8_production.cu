// Matrix product, rung 8: the kernel that dense layers train with (cuda/dense.cu, cuda/dense_tile.cuh), in TF32.
//
// What it adds: every extent and every address that a float may have, where rungs 5 to 7 ask for rows of whole float4;
// bias and ReLU on the way out; a depth that is cut into slices where there are too few tiles to fill a GPU, with a
// second kernel that adds the slices in a fixed order (those partial sums are counted bytes, too); and larger tiles, of
// 128 x 64, in which an element fetched serves more products.
#include "cuda/kernels.h"
#include "cuda/ladder/rungs.h"

namespace curie::CURIE_GPU::ladder {

void gemm_8_production(Stream stream, const GemmShape& shape, const float* a, const float* b, float* c,
                       Scratch scratch) {
  dense_forward(stream, Math::tf32, {.n = shape.m, .in = shape.k, .out = shape.n}, a, b, nullptr, Activation::none, c,
                scratch);
}

}  // namespace curie::CURIE_GPU::ladder
