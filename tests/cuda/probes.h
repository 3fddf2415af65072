// Kernels that each ask the hardware one question, and the functions that start them. Compiled by nvcc for a GPU and as
// plain C++ for the emulator; pointers are the device's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels.h"

namespace curie::CURIE_GPU::probe {

// One warp's product through the fragment maps: d (16 x 8) = c + a (16 x Depth) * b (Depth x 8), all row by row.
void multiply_tf32(Stream stream, const float* a, const float* b, const float* c, float* d);  // depth 8, rounds a and b
// Depth 16. a and b are bf16: the upper halves of float32.
void multiply_bf16(Stream stream, const std::uint16_t* a, const std::uint16_t* b, const float* c, float* d);
void round_to_tf32(Stream stream, std::size_t count, const float* x, std::uint32_t* bits);
// Four 8 x 8 matrices of 16-bit elements one below the other, as 32 rows of 4 words; out: each lane's 4 registers.
void load_matrices(Stream stream, const std::uint32_t* rows, std::uint32_t* registers);

// y[i] = x[i] for i < count and 0 up to `padded`, a multiple of kCopyTile, through shared memory, tile after tile, with
// one tile always on its way. Every element is read by another thread than the one that queued its copy.
// By 16 bytes: count is a multiple of 4.
constexpr std::size_t kCopyTile = 512;
void copy_by_16_bytes(Stream stream, std::size_t count, std::size_t padded, const float* x, float* y);
void copy_by_4_bytes(Stream stream, std::size_t count, std::size_t padded, const float* x, float* y);

// x[i] = factor * x[i] + *term + i: no two calls can change places unnoticed.
void advance(Stream stream, std::size_t count, std::uint32_t factor, const std::uint32_t* term, std::uint32_t* x);
std::uint32_t advanced(std::uint32_t x, std::uint32_t factor, std::uint32_t term, std::size_t i);
// *sum = the sum of x, rounded in a fixed order.
void add_up(Stream stream, std::size_t count, const float* x, float* sum);

// No device takes these.
void too_large_block(Stream stream);
void too_much_shared_memory(Stream stream);

}  // namespace curie::CURIE_GPU::probe
