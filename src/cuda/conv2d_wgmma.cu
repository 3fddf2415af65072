// Convolution and its input gradient on the tensor cores of compute capability 9.0: the products of conv2d_mma.cuh on
// bfloat16, with wgmma, from tiles that the copy engine brings (hopper.cuh). It gathers patches itself, padding and
// strides included (im2col), so one thread starts all copies of a block while eight warps multiply.
//
// A ring of stages lies between them. Each has two mbarriers: `full` is over when both tiles are there, `empty` when
// all multiplying warps are done with them. Sums run over the depth in the order of conv2d_mma.cuh. docs/hopper.md
// explains it.
#include "cuda/conv2d.h"
#include "cuda/conv2d_gather.cuh"
#include "cuda/epilogue.cuh"
#include "cuda/hopper.cuh"
#include "cuda/launch.cuh"
#include "cuda/vec.cuh"

namespace curie::CURIE_GPU {
namespace {

constexpr int kStages = 3;  // two blocks of a multiprocessor then have 192 KiB of its shared memory
constexpr int kGroups = 2;  // warpgroups that multiply, 64 rows each
constexpr int kMultiplyingWarps = kGroups * kWarpgroupThreads / kWarpSize;
constexpr int kThreads = kGroups * kWarpgroupThreads + kWarpSize;  // the last warp starts copies
constexpr int kProductDepth = 16;                                  // of one wgmma
constexpr int kAtomBytes = 1024;                                   // eight lines of 128 bytes
static_assert(kWgmmaRows == kGroups * 64 && kWgmmaDepth * sizeof(Bf16) == 128);

template <int kColumns>
struct WgmmaTiles {
  alignas(kAtomBytes) Bf16 x[kStages][kWgmmaRows][kWgmmaDepth];  // lines along the depth
  // Along the depth too, or along the filters: then 64 of them to a line, and 64 lines before the next 64.
  alignas(kAtomBytes) Bf16 w[kStages][kColumns][kWgmmaDepth];
  Mbarrier full[kStages], empty[kStages];
};

struct Ring {
  int stage = 0;
  unsigned parity = 0;  // of the stage's phase

  __device__ __forceinline__ void advance() {
    if (++stage < kStages) return;
    stage = 0;
    parity ^= 1;
  }
};

// Starts the copies of all steps: channels fastest, then the taps.
template <int kColumns, bool kAlongDepth>
__device__ __forceinline__ void bring_tiles(WgmmaTiles<kColumns>& tiles, const TensorMap& patches,
                                            const TensorMap& filters, const Correlation& c, Position first_pixel,
                                            int first_filter) {
  constexpr unsigned kStageBytes = (kWgmmaRows + kColumns) * kWgmmaDepth * sizeof(Bf16);
  const int h = first_pixel.middle * c.stride_h - c.pad_top, w = first_pixel.low * c.stride_w - c.pad_left;
  const int taps = c.r * c.s;
  Ring ring;
  for (int tap = 0; tap < taps; ++tap) {
    for (int channel = 0; channel < c.c; channel += kWgmmaDepth) {
      Mbarrier& full = tiles.full[ring.stage];
      mbarrier_wait(tiles.empty[ring.stage], ring.parity ^ 1);
      mbarrier_arrive_expecting(full, kStageBytes);
      copy_patches(tiles.x[ring.stage], patches, full, channel, w, h, first_pixel.high, tap % c.s, tap / c.s);
      if constexpr (kAlongDepth) {
        copy_box(tiles.w[ring.stage], filters, full, channel, tap, first_filter);
      } else {  // the correlation's taps are the filters', flipped
        for (int column = 0; column < kColumns; column += kWgmmaDepth) {
          copy_box(tiles.w[ring.stage][column], filters, full, first_filter + column, taps - 1 - tap, channel);
        }
      }
      ring.advance();
    }
  }
}

// Queues the products of a stage as one group.
template <int kColumns, bool kAlongDepth>
__device__ __forceinline__ void multiply_stage(WgmmaTiles<kColumns>& tiles, const Ring& ring, int group,
                                               float (&sums)[kColumns / 2]) {
  constexpr unsigned kLineBytes = kWgmmaDepth * sizeof(Bf16);
  mbarrier_wait(tiles.full[ring.stage], ring.parity);
  const unsigned a = shared_address(tiles.x[ring.stage][64 * group]), b = shared_address(tiles.w[ring.stage]);
  wgmma_fence();
  CURIE_UNROLL
  for (unsigned depth = 0; depth < kWgmmaDepth; depth += kProductDepth) {
    const unsigned along = depth * sizeof(Bf16), down = depth * kLineBytes;
    wgmma<kAlongDepth>(sums, matrix_descriptor(a + along, kAtomBytes),
                       kAlongDepth ? matrix_descriptor(b + along, kAtomBytes)
                                   : matrix_descriptor(b + down, kAtomBytes, 64 * kLineBytes));
  }
  wgmma_commit();
}

// The first step stands before the loop: ptxas lets products of two steps overlap only where nothing but products
// writes the sums in it.
template <int kColumns, bool kAlongDepth>
__device__ __forceinline__ void multiply_tiles(WgmmaTiles<kColumns>& tiles, int steps, int group,
                                               float (&sums)[kColumns / 2]) {
  Ring ring;
  multiply_stage<kColumns, kAlongDepth>(tiles, ring, group, sums);
  for (int step = 1; step < steps; ++step) {
    const int before = ring.stage;
    ring.advance();
    multiply_stage<kColumns, kAlongDepth>(tiles, ring, group, sums);
    wgmma_wait<1>();  // the products of the step before are done, these go on
    if (threadIdx.x % kWarpSize == 0) mbarrier_arrive(tiles.empty[before]);
  }
  wgmma_wait_for(sums);
}

template <int kColumns, bool kAlongDepth>
__global__ void __launch_bounds__(kThreads, 2)
    correlation_wgmma_kernel(const __grid_constant__ TensorMap patches, const __grid_constant__ TensorMap filters,
                             Correlation c, CorrelationArguments<Bf16> arguments) {
  WgmmaTiles<kColumns>& tiles = *dynamic_shared<WgmmaTiles<kColumns>>();
  const int thread = static_cast<int>(threadIdx.x), group = thread / kWarpgroupThreads;
  // Columns fastest: blocks that run together share their patches.
  const auto tiles_across = static_cast<unsigned>(c.k + kColumns - 1) / kColumns;
  const int first_filter = static_cast<int>(blockIdx.x % tiles_across) * kColumns;
  const Radix radix = pixel_radix(c);
  const Position first_pixel = position_of(std::size_t{blockIdx.x / tiles_across} * kWgmmaRows, radix);

  if (thread == 0) {
    for (int stage = 0; stage < kStages; ++stage) {
      mbarrier_init(tiles.full[stage], 1);
      mbarrier_init(tiles.empty[stage], kMultiplyingWarps);
    }
    fence_async_proxy();
  }
  __syncthreads();

  if (group == kGroups) {
    if (thread % kWarpSize == 0) {
      bring_tiles<kColumns, kAlongDepth>(tiles, patches, filters, c, first_pixel, first_filter);
    }
  } else {
    float sums[kColumns / 2] = {};
    multiply_tiles<kColumns, kAlongDepth>(tiles, c.r * c.s * ((c.c + kWgmmaDepth - 1) / kWgmmaDepth), group, sums);
    CURIE_UNROLL
    for (int half = 0; half < 2; ++half) {
      const SumPlace first_sum = sum_place(thread % kWarpgroupThreads, 2 * half);
      const Position pixel = plus(first_pixel, 64 * group + first_sum.row, radix);
      const std::ptrdiff_t at = c.y_offset + pixel.high * c.y_image + pixel.middle * c.y_row + pixel.low * c.y_pixel;
      CURIE_UNROLL
      for (int i = 2 * half; i < kColumns / 2; i += 4) {
        const int filter = first_filter + sum_place(thread % kWarpgroupThreads, i).column;
        if (pixel.high >= c.n || filter >= c.k) continue;
        store2(arguments.y + at + filter, finished(sums[i], arguments.bias, filter, arguments.relu),
               finished(sums[i + 1], arguments.bias, filter + 1, arguments.relu));
      }
    }
  }
}

// --- starting it ----------------------------------------------------------------------------------------------------

TensorMap patches_of(const Correlation& c, const Bf16* x) {
  const auto upper = [](int pad, int outputs, int stride, int extent) {
    return (outputs - 1) * stride - pad - extent + 1;
  };
  return im2col_map({x, 4, {c.c, c.w, c.h, c.n}},
                    {.pixels = kWgmmaRows,
                     .lower = {-c.pad_left, -c.pad_top},
                     .upper = {upper(c.pad_left, c.q, c.stride_w, c.w), upper(c.pad_top, c.p, c.stride_h, c.h)},
                     .step = {c.stride_w, c.stride_h}});
}

template <int kColumns, bool kAlongDepth>
void start(Stream stream, const char* name, const Conv2dShape& shape, const Correlation& c,
           const CorrelationArguments<Bf16>& arguments) {
  const std::size_t pixels = std::size_t(c.n) * c.p * c.q;
  const std::size_t tiles = parts_over(pixels, kWgmmaRows) * parts_over(std::size_t(c.k), kColumns);
  const TensorMap filters =
      tiled_map({arguments.w, 3, {shape.c, shape.r * shape.s, shape.k}}, {kWgmmaDepth, 1, kAlongDepth ? kColumns : 64});
  launch({.name = name,
          .grid = static_cast<unsigned>(tiles),
          .block = kThreads,
          .shared_bytes = sizeof(WgmmaTiles<kColumns>),
          .stream = stream},
         correlation_wgmma_kernel<kColumns, kAlongDepth>, patches_of(c, arguments.x), filters, c, arguments);
}

}  // namespace

void start_forward_wgmma(Stream stream, int columns, const Conv2dShape& shape,
                         const CorrelationArguments<Bf16>& arguments) {
  const auto starter = columns == 128 ? start<128, true> : start<64, true>;
  starter(stream, "conv2d_forward_wgmma", shape, forward_correlation(shape), arguments);
}

void start_input_gradient_wgmma(Stream stream, int columns, const Conv2dShape& shape,
                                const CorrelationArguments<Bf16>& arguments) {
  const auto starter = columns == 128 ? start<128, false> : start<64, false>;
  starter(stream, "conv2d_input_gradient_wgmma", shape, input_gradient_correlation(shape, 0, 0), arguments);
}

}  // namespace curie::CURIE_GPU
