// The rungs of the ladder: four computations, each from its naive kernel to the one that Curie trains with, one idea a
// rung and one file a rung, whose head says what changes and what that should buy, in things that can be counted.
// src/course knows what each rung asks of shapes, compares, counts and times. All arrays start at multiples of 16
// bytes.
#pragma once

#include "cuda/kernels.h"
#include "cuda/ladder/shapes.h"

namespace curie::CURIE_GPU::ladder {

GemmRung gemm_1_naive, gemm_2_coalesced, gemm_3_shared_tiles, gemm_4_register_blocking, gemm_5_vector_loads,
    gemm_6_double_buffered, gemm_7_tensor_cores, gemm_8_production;
Conv2dRung conv2d_1_naive, conv2d_2_coalesced, conv2d_3_shared_tiles, conv2d_4_register_blocking, conv2d_5_vector_loads,
    conv2d_6_double_buffered, conv2d_7_tensor_cores, conv2d_8_production;
SoftmaxRung softmax_1_naive, softmax_2_coalesced, softmax_3_online, softmax_4_in_registers, softmax_5_vector_loads,
    softmax_6_production;
BatchNormRung batchnorm_1_naive, batchnorm_2_coalesced, batchnorm_3_one_pass, batchnorm_4_split_rows,
    batchnorm_5_vector_loads, batchnorm_6_production;

}  // namespace curie::CURIE_GPU::ladder
