// One block's tile of a matrix product, C (128 x 64) = A (128 x depth) * B (depth x 64), for kernels that differ only
// in where their operands come from. Per step of 16 along the depth a block copies both operands to shared memory,
// while it multiplies those of the step before:
//
//   ExactSums sums;                                              or MmaSums<float or Bf16>: tensor cores
//   multiply_steps(stages, sums, steps, [&](Stage& stage, int step) { fill stage.a and stage.b });
//   sums.for_each([&](int row, int column, float value) { ... });
//
// 128 threads hold 8 x 8 sums each (exact), or 4 warps 64 x 32 (tensor cores): of every float that is read from shared
// memory 4 to 8 products are made.
//
// Shared memory holds float, or Bf16 for MmaSums<Bf16>, whatever global memory holds.
#pragma once

#include <type_traits>

#include "cuda/copy_async.cuh"
#include "cuda/mma.cuh"
#include "cuda/vec.cuh"
#include "ops/types.h"

// A loop that nvcc must not unroll: it would keep the addresses of every turn in registers.
#if defined(__CUDACC__)
#define CURIE_ROLLED _Pragma("unroll 1")
#else
#define CURIE_ROLLED
#endif

namespace curie::CURIE_GPU {

// The arithmetic that tensor cores do on arrays of T; another one takes float32 products.
template <typename T>
inline constexpr Math kMmaMath = std::is_same_v<T, float> ? Math::tf32 : Math::bf16;

}  // namespace curie::CURIE_GPU

namespace curie::CURIE_GPU::tile {

constexpr int kBlock = 128;
constexpr int kBlocksPerProcessor = 3;  // of sm_80 and later: at most 168 registers a thread
constexpr int kRows = 128, kColumns = 64, kDepth = 16;
constexpr int kPerThread = 8;  // rows, and columns, of a thread's sums
template <typename T>
constexpr int kChunk = 16 / static_cast<int>(sizeof(T));  // elements of T that are copied at a time

// `kExtent` rows of A (or columns of B) by kDepth, stored so that what is contiguous in global memory is contiguous
// here: along the depth, or along the rows. The padding keeps the reads below free of bank conflicts: a row of 20 words
// shifts eight neighbouring rows to different groups of four banks, one of 8 modulo 32 does the same for the depths of
// a tensor-core fragment. Rows of Bf16 are 12 words, or 4 modulo 32: eight of them, four words each, pass all banks.
template <int kExtent, bool kByDepth, typename Cell = float>
struct Operand;

template <int kExtent>
struct Operand<kExtent, true, Bf16> {
  alignas(16) Bf16 cell[kExtent][kDepth + 8];

  __device__ __forceinline__ void read_block(int first, int depth, unsigned (&values)[4]) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    load_matrices(values, &cell[first + lane % 16][depth + lane / 16 * 8]);
  }
};

template <int kExtent>
struct Operand<kExtent, false, Bf16> {
  alignas(16) Bf16 cell[kDepth][kExtent + 8];

  __device__ __forceinline__ void read_block(int first, int depth, unsigned (&values)[4]) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    load_matrices_transposed(values, &cell[depth + lane / 16 * 8 + lane % 8][first + lane / 8 % 2 * 8]);
  }
};

template <int kExtent>
struct Operand<kExtent, true, float> {
  alignas(16) float cell[kExtent][kDepth + 4];

  // The eight rows of thread `t` of kExtent / 8, at four depths.
  __device__ __forceinline__ void read(int t, int depth, float (&values)[4][kPerThread]) const {
    CURIE_UNROLL
    for (int i = 0; i < kPerThread; ++i) {
      const float4 four = load4(&cell[index_of(t, i)][depth]);
      values[0][i] = four.x, values[1][i] = four.y, values[2][i] = four.z, values[3][i] = four.w;
    }
  }
  __device__ __forceinline__ static int index_of(int t, int i) { return t + kExtent / kPerThread * i; }
  // A warp's 16 x 8 block from there, spread over its lanes as element_of_a says: four matrices of 8 x 4.
  __device__ __forceinline__ void read_block(int first, int depth, unsigned (&values)[4]) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    load_matrices(values, &cell[first + lane % 16][depth + lane / 16 * 4]);
  }
};

template <int kExtent>
struct Operand<kExtent, false, float> {
  alignas(16) float cell[kDepth][kExtent + 8];

  __device__ __forceinline__ void read(int t, int depth, float (&values)[4][kPerThread]) const {
    CURIE_UNROLL
    for (int d = 0; d < 4; ++d) {
      CURIE_UNROLL
      for (int half = 0; half < 2; ++half) {
        const float4 four = load4(&cell[depth + d][index_of(t, 4 * half)]);
        values[d][4 * half] = four.x, values[d][4 * half + 1] = four.y;
        values[d][4 * half + 2] = four.z, values[d][4 * half + 3] = four.w;
      }
    }
  }
  __device__ __forceinline__ static int index_of(int t, int i) { return 4 * t + i % 4 + kExtent / 2 * (i / 4); }
  __device__ __forceinline__ void read_block(int first, int depth, unsigned (&values)[4]) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    CURIE_UNROLL
    for (int i = 0; i < 4; ++i) {
      const Element at = element_of_a(lane, i);
      values[i] = __float_as_uint(cell[depth + at.column][first + at.row]);
    }
  }
};

template <bool kAByDepth, bool kBByDepth, typename Cell = float>
struct Stage {
  Operand<kRows, kAByDepth, Cell> a;
  Operand<kColumns, kBByDepth, Cell> b;
};

// float32 products and sums. A warp covers 4 x 8 threads, so that its reads of A go to 4 addresses and of B to 8.
struct ExactSums {
  using Cell = float;
  static constexpr int kAcross = kColumns / kPerThread;
  float sums[kPerThread][kPerThread] = {};

  template <bool kAByDepth, bool kBByDepth>
  __device__ __forceinline__ void add_products(const Stage<kAByDepth, kBByDepth>& stage) {
    const int thread = static_cast<int>(threadIdx.x);
    CURIE_ROLLED
    for (int depth = 0; depth < kDepth; depth += 4) {
      float a[4][kPerThread], b[4][kPerThread];
      stage.a.read(thread / kAcross, depth, a);
      stage.b.read(thread % kAcross, depth, b);
      CURIE_UNROLL
      for (int d = 0; d < 4; ++d) {
        CURIE_UNROLL
        for (int i = 0; i < kPerThread; ++i) {
          CURIE_UNROLL
          for (int j = 0; j < kPerThread; ++j) sums[i][j] += a[d][i] * b[d][j];
        }
      }
    }
  }

  template <bool kAByDepth, bool kBByDepth, typename Visit>
  __device__ __forceinline__ void for_each(Visit visit) const {
    const int thread = static_cast<int>(threadIdx.x);
    CURIE_UNROLL
    for (int i = 0; i < kPerThread; ++i) {
      CURIE_UNROLL
      for (int j = 0; j < kPerThread; ++j) {
        visit(Operand<kRows, kAByDepth>::index_of(thread / kAcross, i),
              Operand<kColumns, kBByDepth>::index_of(thread % kAcross, j), sums[i][j]);
      }
    }
  }
};

// Operands in TF32 (rounded from float) or Bf16, products and sums by the tensor cores: two warps by two, each 4 x 4
// fragments of 16 x 8.
template <typename CellType>
struct MmaSums {
  using Cell = CellType;
  static constexpr bool kTf32 = std::is_same_v<Cell, float>;
  static constexpr int kFragmentDepth = kTf32 ? 8 : 16;
  static constexpr int kDown = kRows / 2 / 16, kAcross = kColumns / 2 / 8;
  FragmentD sums[kDown][kAcross] = {};

  template <bool kAByDepth, bool kBByDepth>
  __device__ __forceinline__ void add_products(const Stage<kAByDepth, kBByDepth, Cell>& stage) {
    CURIE_UNROLL
    for (int depth = 0; depth < kDepth; depth += kFragmentDepth) {
      FragmentA a[kDown];
      FragmentB b[kAcross];
      CURIE_UNROLL
      for (int i = 0; i < kDown; ++i) {
        stage.a.read_block(first_row() + 16 * i, depth, a[i].x);
        round(a[i].x);
      }
      // A fragment of B is transposed: of a block of 16 columns the first eight are registers 0 and 2.
      CURIE_UNROLL
      for (int j = 0; j < kAcross; j += 2) {
        unsigned block[4];
        stage.b.read_block(first_column() + 8 * j, depth, block);
        round(block);
        b[j] = {{block[0], block[2]}};
        b[j + 1] = {{block[1], block[3]}};
      }
      CURIE_UNROLL
      for (int i = 0; i < kDown; ++i) {
        CURIE_UNROLL
        for (int j = 0; j < kAcross; ++j) {
          if constexpr (kTf32) {
            mma_tf32(sums[i][j], a[i], b[j]);
          } else {
            mma_bf16(sums[i][j], a[i], b[j]);
          }
        }
      }
    }
  }

  template <bool kAByDepth, bool kBByDepth, typename Visit>
  __device__ __forceinline__ void for_each(Visit visit) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    CURIE_UNROLL
    for (int i = 0; i < kDown; ++i) {
      CURIE_UNROLL
      for (int j = 0; j < kAcross; ++j) {
        CURIE_UNROLL
        for (int e = 0; e < 4; ++e) {
          const Element at = element_of_d(lane, e);
          visit(first_row() + 16 * i + at.row, first_column() + 8 * j + at.column, sums[i][j].x[e]);
        }
      }
    }
  }

 private:
  __device__ __forceinline__ static void round(unsigned (&values)[4]) {
    if constexpr (kTf32) {
      CURIE_UNROLL
      for (int i = 0; i < 4; ++i) values[i] = to_tf32(__uint_as_float(values[i]));
    }
  }
  __device__ __forceinline__ static int first_row() {
    return static_cast<int>(threadIdx.x) / kWarpSize / 2 * (kRows / 2);
  }
  __device__ __forceinline__ static int first_column() {
    return static_cast<int>(threadIdx.x) / kWarpSize % 2 * (kColumns / 2);
  }
};

// load(stage, step) copies, asynchronously or not, what the step needs. It is called for step s + 1 behind the barrier
// of step s: what a load writes elsewhere in shared memory the next load may read. After the call the stages are free.
template <typename StageType, typename Sums, typename Load>
__device__ __forceinline__ void multiply_steps(StageType (&stages)[2], Sums& sums, int steps, Load load) {
  if (steps > 0) load(stages[0], 0);
  copy_async_commit();
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<0>();
    __syncthreads();
    if (step + 1 < steps) load(stages[(step + 1) % 2], step + 1);
    copy_async_commit();
    sums.add_products(stages[step % 2]);
  }
  __syncthreads();
}

// A matrix of `extent` rows (of A; columns of B) and `depth`. kByDepth: element (i, d) at data[i * stride + d], else at
// data[d * stride + i].
template <typename T>
struct Matrix {
  const T* data;
  std::size_t stride;
  int extent, depth;
  bool in_chunks;  // address, stride and the contiguous extent are multiples of 16 bytes

  static Matrix by_depth(const T* data, int extent, int depth) {
    return {data, static_cast<std::size_t>(depth), extent, depth, depth % kChunk<T> == 0 && aligned16(data)};
  }
  static Matrix across(const T* data, int extent, int depth) {
    return {data, static_cast<std::size_t>(extent), extent, depth, extent % kChunk<T> == 0 && aligned16(data)};
  }
};

// Copies kCount neighbouring elements to shared memory, zeros where they do not exist: 16 bytes or a float as they are
// without passing through registers, else as the cell's type wants them.
template <int kCount, typename Cell, typename T>
__device__ __forceinline__ void copy_cells(Cell* to, const T* from, bool exists) {
  static_assert(kCount == 1 || kCount == kChunk<T>);
  if constexpr (std::is_same_v<Cell, T> && kCount > 1) {
    copy_async_16(to, from, exists);
  } else if constexpr (std::is_same_v<Cell, T> && sizeof(T) == 4) {
    copy_async_4(to, from, exists);
  } else {
    CURIE_UNROLL
    for (int i = 0; i < kCount; ++i) to[i] = rounded<Cell>(exists ? value_of(from[i]) : 0.0f);
  }
}

// Copies the part of a matrix that begins there; zeros outside it.
template <int kExtent, bool kByDepth, typename Cell, typename T>
__device__ __forceinline__ void copy_operand(Operand<kExtent, kByDepth, Cell>& to, const Matrix<T>& from, int first,
                                             int first_depth) {
  constexpr int kInner = kByDepth ? kDepth : kExtent, kOuter = kByDepth ? kExtent : kDepth;
  const int inner_begin = kByDepth ? first_depth : first, outer_begin = kByDepth ? first : first_depth;
  const int inner_size = kByDepth ? from.depth : from.extent, outer_size = kByDepth ? from.extent : from.depth;
  const int thread = static_cast<int>(threadIdx.x);
  if (from.in_chunks) {
    constexpr int kAcross = kInner / kChunk<T>;
    CURIE_UNROLL
    for (int i = 0; i < kAcross * kOuter / kBlock; ++i) {
      const int at = thread + i * kBlock;
      const int inner = at % kAcross * kChunk<T>, outer = at / kAcross;
      const bool valid = inner_begin + inner < inner_size && outer_begin + outer < outer_size;
      const std::size_t offset = std::size_t(outer_begin + outer) * from.stride + std::size_t(inner_begin + inner);
      copy_cells<kChunk<T>>(&to.cell[outer][inner], from.data + (valid ? offset : 0), valid);
    }
  } else {
    CURIE_ROLLED
    for (int i = 0; i < kInner * kOuter / kBlock; ++i) {
      const int at = thread + i * kBlock;
      const int inner = at % kInner, outer = at / kInner;
      const bool valid = inner_begin + inner < inner_size && outer_begin + outer < outer_size;
      const std::size_t offset = std::size_t(outer_begin + outer) * from.stride + std::size_t(inner_begin + inner);
      copy_cells<1>(&to.cell[outer][inner], from.data + (valid ? offset : 0), valid);
    }
  }
}

// Into how many slices a depth of `steps` steps is cut so that `tiles` tiles fill the GPU: enough blocks for two on
// each of 132 multiprocessors, but no slice shorter than four steps. It depends on the shape alone: so do the sums'
// bits.
constexpr int slices_for(std::size_t tiles, std::size_t steps, std::size_t blocks = 264) {
  const std::size_t wanted = (blocks + tiles - 1) / tiles, most = (steps + 3) / 4;
  const std::size_t slices = wanted < most ? wanted : most;
  return static_cast<int>(slices > 0 ? slices : 1);
}

constexpr std::size_t tiles_of(std::size_t size, std::size_t tile_size) { return (size + tile_size - 1) / tile_size; }

}  // namespace curie::CURIE_GPU::tile
