// Batch norm in training, rung 6: the kernels that batch-norm layers use (cuda/batch_norm.cu).
//
// What it adds: any number of channels and any address that a float may have; the running mean and variance that
// inference needs; groups of eight rows in a thread's registers, which are centred on their own mean before they are
// squared and put together in double, so that neither a far first value nor the number of rows costs accuracy; and
// chunks that are chosen so that their number suits a large GPU.
#include "cuda/kernels.h"
#include "cuda/ladder/rungs.h"

namespace curie::CURIE_GPU::ladder {

void batchnorm_6_production(Stream stream, const BatchNormShape& shape, const BatchNormArrays& arrays,
                            Scratch scratch) {
  batch_norm_forward(stream, shape, arrays.x, arrays.gamma, arrays.beta, arrays.y, arrays.mean, arrays.inv_std,
                     arrays.running_mean, arrays.running_variance, scratch);
}

}  // namespace curie::CURIE_GPU::ladder
