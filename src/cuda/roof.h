// Kernels that do one thing as fast as the device can, for Backend::measure_roof.
#pragma once

#include <cstddef>

#include "cuda/kernels.h"

namespace curie::CURIE_GPU {

// Multiply-adds without end: `blocks` blocks that go `rounds` times through chains of their own, and write one float a
// thread, so that nothing can be left out: (roof_threads(blocks)) floats. Returns the operations. exact: float32 on
// the CUDA cores; else TF32 or bfloat16 on the tensor cores, through the instruction that the kernels use.
double roof_products(Stream stream, Math math, int blocks, int rounds, float* sums);
std::size_t roof_threads(int blocks);
void roof_copy(Stream stream, std::size_t floats, const float* from, float* to);  // multiples of 4, aligned to 16 bytes
void roof_nothing(Stream stream);

}  // namespace curie::CURIE_GPU
