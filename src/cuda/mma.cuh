// Tensor-core products of one warp (compute capability 8.0): D (16x8) += A (16x8) * B (8x8) in TF32, and the same with
// depth 16 in bf16, summed in float32. PTX ISA, "Matrix fragments for mma.m16n8k8 / mma.m16n8k16".
//
// A warp holds each matrix spread over its lanes. The maps below say which element of which matrix lies in which
// register of which lane; kernels load and store by them, and the emulator computes by them.
#pragma once

#include "cuda/device.cuh"

namespace curie::CURIE_GPU {

struct FragmentA {
  unsigned x[4];
};
struct FragmentB {
  unsigned x[2];
};
struct FragmentD {
  float x[4];
};

struct Element {
  int row, column;
};
// TF32: one element a register. A is 16 x 8, B is 8 x 8, D is 16 x 8.
__host__ __device__ constexpr Element element_of_a(int lane, int i) {
  return {lane / 4 + 8 * (i % 2), lane % 4 + 4 * (i / 2)};
}
__host__ __device__ constexpr Element element_of_b(int lane, int i) { return {lane % 4 + 4 * i, lane / 4}; }
__host__ __device__ constexpr Element element_of_d(int lane, int i) {
  return {lane / 4 + 8 * (i / 2), 2 * (lane % 4) + i % 2};
}
// bf16: two elements a register, in this column and the next (A, 16 x 16) or this row and the next (B, 16 x 8).
__host__ __device__ constexpr Element pair_of_a(int lane, int i) {
  return {lane / 4 + 8 * (i % 2), 2 * (lane % 4) + 8 * (i / 2)};
}
__host__ __device__ constexpr Element pair_of_b(int lane, int i) { return {2 * (lane % 4) + 8 * i, lane / 4}; }

// The nearest TF32 value (10 bits of mantissa, ties away from zero), as float32 bits. Infinity and NaN stay.
__device__ __forceinline__ unsigned to_tf32(float value) {
#if defined(__CUDACC__) && __CUDA_ARCH__ >= 800
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
#else
  const unsigned bits = __float_as_uint(value);
  return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
#endif
}

#if defined(__CUDACC__)

// All lanes of the warp take part.
__device__ __forceinline__ void mma_tf32(FragmentD& d, const FragmentA& a, const FragmentB& b) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d.x[0]), "+f"(d.x[1]), "+f"(d.x[2]), "+f"(d.x[3])
      : "r"(a.x[0]), "r"(a.x[1]), "r"(a.x[2]), "r"(a.x[3]), "r"(b.x[0]), "r"(b.x[1]));
#else
  __trap();  // the host never starts this kernel on an older device
#endif
}

__device__ __forceinline__ void mma_bf16(FragmentD& d, const FragmentA& a, const FragmentB& b) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d.x[0]), "+f"(d.x[1]), "+f"(d.x[2]), "+f"(d.x[3])
      : "r"(a.x[0]), "r"(a.x[1]), "r"(a.x[2]), "r"(a.x[3]), "r"(b.x[0]), "r"(b.x[1]));
#else
  __trap();
#endif
}

// Four 8x8 matrices of 16-bit elements (or 8x4 of 32 bits) from shared memory. Lane l gives the address of row l % 8 of
// matrix l / 8, a multiple of 16; it receives, of each matrix, elements 2 * (l % 4) and the next of row l / 4.
__device__ __forceinline__ void load_matrices(unsigned (&r)[4], const void* row) {
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
// The same, each matrix (of 16-bit elements) transposed: the lane receives elements 2 * (l % 4) and the next of column
// l / 4, one from each row.
__device__ __forceinline__ void load_matrices_transposed(unsigned (&r)[4], const void* row) {
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

#else

// The whole warp's product, by the maps above. Sums run over the depth in ascending order.
void emulate_mma_tf32(void** slots, unsigned lanes);
void emulate_mma_bf16(void** slots, unsigned lanes);
void emulate_load_matrices(void** slots, unsigned lanes);
void emulate_load_matrices_transposed(void** slots, unsigned lanes);

struct MmaSlot {
  FragmentD* d;
  const FragmentA* a;
  const FragmentB* b;
};
static inline void mma_tf32(FragmentD& d, const FragmentA& a, const FragmentB& b, CURIE_WHERE) {
  MmaSlot slot{&d, &a, &b};
  emu::warp_operation(emu::WarpWord::mma, kFullWarp, &slot, emulate_mma_tf32, where);
}
static inline void mma_bf16(FragmentD& d, const FragmentA& a, const FragmentB& b, CURIE_WHERE) {
  MmaSlot slot{&d, &a, &b};
  emu::warp_operation(emu::WarpWord::mma, kFullWarp, &slot, emulate_mma_bf16, where);
}

struct MatricesSlot {
  unsigned* out;
  const std::byte* row;
};
static inline void load_matrices(unsigned (&r)[4], const void* row, CURIE_WHERE) {
  emu::touch_read(row, 16, where);
  MatricesSlot slot{r, static_cast<const std::byte*>(row)};
  emu::warp_operation(emu::WarpWord::ldmatrix, kFullWarp, &slot, emulate_load_matrices, where);
}
static inline void load_matrices_transposed(unsigned (&r)[4], const void* row, CURIE_WHERE) {
  emu::touch_read(row, 16, where);
  MatricesSlot slot{r, static_cast<const std::byte*>(row)};
  emu::warp_operation(emu::WarpWord::ldmatrix, kFullWarp, &slot, emulate_load_matrices_transposed, where);
}

#endif

}  // namespace curie::CURIE_GPU
