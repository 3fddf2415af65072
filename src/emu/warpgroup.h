// wgmma.mma_async (compute capability 9.0): D (64 x columns) += A (64 x 16) * B (16 x columns) of bfloat16, summed in
// float32, both operands in shared memory. PTX ISA, "Asynchronous warpgroup level matrix instructions": the matrix
// descriptor, the layouts of shared memory and the fragment of D.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "emu/hopper.h"

namespace curie::emu {

constexpr int kWarpgroup = 128;  // threads
constexpr int kProductRows = 64, kProductDepth = 16, kMostColumns = 256;

// An operand's place as a matrix descriptor tells it, in bytes.
struct OperandPlace {
  std::uint32_t start = 0, leading = 0, stride = 0;
  Swizzle swizzle = Swizzle::none;
};
OperandPlace operand_place(std::uint64_t descriptor);
// Null, or what is wrong with the descriptor.
const char* objection_to(std::uint64_t descriptor);

// Where element (index along M or N, depth) lies. transposed: neighbours along M or N are neighbours in memory, else
// neighbours along the depth.
std::uint32_t element_address(const OperandPlace& place, bool transposed, int index, int depth);

struct ProductElement {
  int row, column;
};
// What register i of thread `thread` of the warpgroup holds of D.
constexpr ProductElement product_element(int thread, int i) {
  return {thread / 32 * 16 + thread % 32 / 4 + 8 * (i / 2 % 2), i / 4 * 8 + thread % 4 * 2 + i % 2};
}

// A warp's 16 rows of A, and B, as floats.
struct WarpgroupOperands {
  std::array<std::array<float, kProductDepth>, 16> a{};
  std::array<std::array<float, kMostColumns>, kProductDepth> b{};
};
// Shared memory from the window's address `first` on.
struct SharedView {
  const std::byte* data;
  std::uint32_t first;
};
void read_operands(const WarpgroupProduct& product, int warp, const SharedView& a, const SharedView& b,
                   WarpgroupOperands& operands);
// sums[lane * columns / 2 + i] += the warp's part of the product.
void add_product(const WarpgroupOperands& operands, int columns, float* sums);

// What an operand may touch, of the whole warpgroup.
struct AddressRange {
  std::uint32_t first, end;
};
AddressRange range_of_a(const WarpgroupProduct& product);
AddressRange range_of_b(const WarpgroupProduct& product);

}  // namespace curie::emu
