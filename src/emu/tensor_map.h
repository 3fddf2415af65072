// Tensor maps (compute capability 9.0): what a bulk tensor copy brings, and how it lies in shared memory afterwards.
// The functions take what cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col take, and refuse what these refuse (CUDA
// Driver API, "Tensor Map Object Management"). Elements are never interleaved, and zeros fill what lies outside.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace curie::emu {

constexpr int kMostDimensions = 5;

// How chunks of 16 bytes change places: chunk number c of line l of 128 bytes lies at c ^ (l % 8), and likewise in
// halves and quarters of a line.
enum class Swizzle : std::uint8_t { none, bytes_32, bytes_64, bytes_128 };
constexpr int span_of(Swizzle swizzle) {  // bytes that chunks stay within
  return swizzle == Swizzle::none ? 16 : 16 << static_cast<int>(swizzle);
}
// The address in shared memory at which the byte of an unswizzled layout lies.
constexpr std::uint32_t swizzled(std::uint32_t address, Swizzle swizzle) {
  const std::uint32_t chunks = static_cast<std::uint32_t>(span_of(swizzle)) / 16 - 1;
  return address ^ ((address >> 7 & chunks) << 4);
}

struct TensorMap {
  const std::byte* address = nullptr;
  std::array<std::uint64_t, kMostDimensions - 1> stride{};  // bytes, of dimension 1 and higher ones
  std::array<std::uint32_t, kMostDimensions> extent{};      // elements, innermost dimension first
  std::array<std::int16_t, 3> lower{}, upper{};             // im2col: corners of the box of pixels, along W, H, D
  std::array<std::uint16_t, kMostDimensions> box{};         // tiled
  std::uint16_t channels = 0, pixels = 0;                   // im2col: of one copy
  std::array<std::uint8_t, kMostDimensions> step{};         // traversal strides
  std::uint8_t rank = 0, element_bytes = 0;
  Swizzle swizzle = Swizzle::none;
  bool im2col = false;

  int spatial() const { return rank - 2; }                            // dimensions W, H, D
  int line_elements() const { return im2col ? channels : box[0]; }    // along the innermost dimension
  int line_bytes() const { return line_elements() * element_bytes; }  // of shared memory
  int lines() const;
  int bytes() const { return lines() * line_bytes(); }  // what a copy counts on its mbarrier, outside or not
};

// Arrays as the driver takes them: `rank` extents, rank - 1 strides in bytes.
struct TensorLayout {
  const void* address;
  int element_bytes;  // 1, 2, 4 or 8
  int rank;
  const std::uint64_t* extent;
  const std::uint64_t* stride;
};
TensorMap encode_tiled(const TensorLayout& tensor, const std::uint32_t* box, const std::uint32_t* step,
                       Swizzle swizzle);
// Corners: rank - 2 each.
TensorMap encode_im2col(const TensorLayout& tensor, const int* lower, const int* upper, std::uint32_t channels,
                        std::uint32_t pixels, const std::uint32_t* step, Swizzle swizzle);

// One line of a copy: `elements` of memory from `source` on, zeros behind them; null: zeros only.
struct TensorLine {
  const std::byte* source;
  int elements;
};
// Line `number` of the copy at `coordinates` (rank of them; `offsets`: rank - 2, of im2col).
TensorLine line_of(const TensorMap& map, const int* coordinates, const std::uint16_t* offsets, int number);

}  // namespace curie::emu
