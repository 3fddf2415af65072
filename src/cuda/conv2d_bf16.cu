// The tensor-core kernels of conv2d_mma.cuh with operands in bfloat16.
#include "cuda/conv2d_mma.cuh"

namespace curie::CURIE_GPU {

template void start_correlation_mma(Stream, const char*, const CorrelationPlan&, const Correlation&, std::size_t, bool,
                                    const CorrelationArguments<Bf16>&);
template void start_input_gradient_mma(Stream, const CorrelationPlan&, const Conv2dShape&,
                                       const CorrelationArguments<Bf16>&);
template void start_weight_gradient_mma(Stream, const char*, Tile, const Correlation&, const Bf16*, const Bf16*,
                                        const WeightSums&);

}  // namespace curie::CURIE_GPU
