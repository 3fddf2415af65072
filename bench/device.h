// Rows of the benchmark that run on a GPU.
#pragma once

#include <string>

namespace curie::bench {

// Registers a row for each case, arithmetic (exact, Winograd, TF32, bfloat16) and maker of kernels (Curie; cuDNN and
// cuBLASLt, where they can be had; for convolutions also cuDNN's fastest algorithm by trial):
// gpu/PRIMITIVE/SHAPE/MATH/KERNELS. Each is checked against the CPU before it is timed, between CUDA events, with the
// level-2 cache overwritten before each call. Says what it registered, or why nothing.
//
// CURIE_BENCH_DEVICE names another device: "emulated" runs every row on one small image, which shows that the rows work
// and measures nothing.
std::string register_device_rows();

}  // namespace curie::bench
