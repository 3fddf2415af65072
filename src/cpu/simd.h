// Include before any Highway header, in every file that holds vector code. Three compilations of each kernel: AVX-512,
// AVX2 and what the compiler's baseline gives (bits 0..13 are the x86 targets below SSE2; AVX3 also covers the newer
// AVX-512 machines). Scalable vectors (SVE) are left out: kernels keep arrays of vectors in registers.
#pragma once

#define HWY_DISABLED_TARGETS ((((1LL << 14) - 1) & ~(HWY_AVX3 | HWY_AVX2)) | (0xFLL << 24))

// Unrolls the loop that follows completely: its trip count is a template constant and its arrays are registers.
#if defined(__clang__)
#define CURIE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CURIE_UNROLL _Pragma("GCC unroll 32")
#endif
