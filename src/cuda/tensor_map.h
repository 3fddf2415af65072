// Tensor maps: how the copy engine of compute capability 9.0 is told what lies in memory and which part of it a copy
// brings (CUDA Driver API, "Tensor Map Object Management"). Host code; runtime_cuda.cpp asks the driver for them,
// runtime_emulated.cpp the emulator. Tensors hold bfloat16; lines of 128 bytes in shared memory, swizzled; zeros for
// what lies outside.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/bf16.h"

namespace curie::CURIE_GPU {

// A kernel takes it as a `const __grid_constant__` parameter, for the copy engine reads it there.
struct alignas(128) TensorMap {
  std::byte opaque[128];
};

// Whether the current device has wgmma and bulk tensor copies, and this program the code for them.
bool has_wgmma();

// A dense tensor, innermost dimension first, at a multiple of 16 bytes; extent[0] is a multiple of 8.
struct DenseTensor {
  const Bf16* data;
  int rank;
  int extent[4];
};
// Its extents, and its strides in bytes from the second dimension on, as the copy engine is told them.
struct DenseLayout {
  std::uint64_t extent[4] = {}, stride[3] = {};

  explicit DenseLayout(const DenseTensor& tensor) {
    std::uint64_t bytes = sizeof(Bf16);
    for (int i = 0; i < tensor.rank; ++i) {
      extent[i] = static_cast<std::uint64_t>(tensor.extent[i]);
      bytes *= extent[i];
      if (i + 1 < tensor.rank) stride[i] = bytes;
    }
  }
};
// A copy brings box[0] * box[1] * ... elements, extents of up to 256, box[0] of 64.
TensorMap tiled_map(const DenseTensor& tensor, const int (&box)[3]);

// The walk of an im2col copy over images (c, w, h, n): 64 channels of `pixels` patches. Patch (p, q) begins at row
// lower[1] + p * step[1] and column lower[0] + q * step[0]; its last one at the image's last row and column plus upper.
// A copy names the tap in the patch by offsets of up to 255. Corners lie within -128 and 127, steps are 1 to 8.
struct PatchWalk {
  int pixels;
  int lower[2], upper[2], step[2];  // along w and h
};
TensorMap im2col_map(const DenseTensor& images, const PatchWalk& walk);

}  // namespace curie::CURIE_GPU
