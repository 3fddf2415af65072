// Softmax, rung 6: the kernel that layers and losses use (cuda/softmax.cu).
//
// What it adds: rows of any length, at any address that a float may have, where rungs 4 and 5 ask for at most 1024
// classes; a block to a row of more than 512, read once up to 4096; y may be x; and exponentials and sums in double, so
// that a result carries one rounding. Classifiers have few classes and their softmax takes no time, so it trades
// vector loads for that.
#include "cuda/kernels.h"
#include "cuda/ladder/rungs.h"

namespace curie::CURIE_GPU::ladder {

void softmax_6_production(Stream stream, const SoftmaxShape& shape, const float* x, float* y) {
  softmax_forward(stream, shape.rows, shape.classes, x, y);
}

}  // namespace curie::CURIE_GPU::ladder
