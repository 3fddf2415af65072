#include "emu/warpgroup.h"

#include <algorithm>
#include <cstring>

#include "tensor/bf16.h"

namespace curie::emu {
namespace {

constexpr int kChunkElements = 8;  // bfloat16 values of 16 bytes

float read(const SharedView& view, std::uint32_t address) {
  Bf16 value{};
  std::memcpy(&value, view.data + (address - view.first), sizeof value);
  return to_float(value);
}

std::uint32_t field(std::uint64_t descriptor, int first_bit) {
  return static_cast<std::uint32_t>(descriptor >> first_bit & 0x3fff) << 4;
}

AddressRange range_of(const OperandPlace& place, bool transposed, int extent) {
  AddressRange range{~std::uint32_t{0}, 0};
  for (int index = 0; index < extent; ++index) {
    for (const int depth : {0, kProductDepth / 2 - 1, kProductDepth / 2, kProductDepth - 1}) {
      const std::uint32_t address = element_address(place, transposed, index, depth);
      range.first = std::min(range.first, address);
      range.end = std::max(range.end, address + 2);
    }
  }
  return range;
}

}  // namespace

OperandPlace operand_place(std::uint64_t descriptor) {
  constexpr Swizzle kModes[] = {Swizzle::none, Swizzle::bytes_128, Swizzle::bytes_64, Swizzle::bytes_32};
  return {field(descriptor, 0), field(descriptor, 16), field(descriptor, 32), kModes[descriptor >> 62]};
}

const char* objection_to(std::uint64_t descriptor) {
  constexpr std::uint64_t kUsed = 0xc00e3fff3fff3fffu;
  if ((descriptor & ~kUsed) != 0) return "sets reserved bits";
  if ((descriptor >> 49 & 7) != 0) return "has a base offset, which is not emulated: align the operand";
  return nullptr;
}

// Matrices are made of atoms, each eight lines of span_of(swizzle) bytes: a line along the depth has all of it (16
// values are two chunks), a line along M or N is repeated for each of eight depths.
std::uint32_t element_address(const OperandPlace& place, bool transposed, int index, int depth) {
  const auto line_bytes = static_cast<std::uint32_t>(span_of(place.swizzle));
  const auto at = [](int value) { return static_cast<std::uint32_t>(value); };
  std::uint32_t address = place.start;
  if (place.swizzle == Swizzle::none) {
    // Core matrices of eight lines of 16 bytes.
    const int across = transposed ? index : depth, line = transposed ? depth : index;
    const std::uint32_t chunk = at(across / kChunkElements), lines = at(line / 8);
    address += transposed ? chunk * place.stride + lines * place.leading : lines * place.stride + chunk * place.leading;
    address += at(line % 8) * 16 + at(across % kChunkElements) * 2;
  } else if (transposed) {
    const int line_elements = static_cast<int>(line_bytes) / 2;
    address += at(index / line_elements) * place.leading + at(depth / 8) * place.stride + at(depth % 8) * line_bytes +
               at(index % line_elements) * 2;
  } else {
    address += at(index / 8) * place.stride + at(index % 8) * line_bytes + at(depth) * 2;
  }
  return swizzled(address, place.swizzle);
}

void read_operands(const WarpgroupProduct& product, int warp, const SharedView& in_a, const SharedView& in_b,
                   WarpgroupOperands& operands) {
  const OperandPlace a = operand_place(product.a), b = operand_place(product.b);
  for (int depth = 0; depth < kProductDepth; ++depth) {
    const auto at = static_cast<std::size_t>(depth);
    for (int row = 0; row < 16; ++row) {
      operands.a[static_cast<std::size_t>(row)][at] =
          read(in_a, element_address(a, product.transposed_a, 16 * warp + row, depth));
    }
    for (int column = 0; column < product.columns; ++column) {
      operands.b[at][static_cast<std::size_t>(column)] =
          read(in_b, element_address(b, product.transposed_b, column, depth));
    }
  }
}

// The terms of one instruction are added up before they meet the sum, in ascending order.
void add_product(const WarpgroupOperands& operands, int columns, float* sums) {
  std::array<float, kMostColumns> line;
  const auto count = static_cast<std::size_t>(columns);
  for (int row = 0; row < 16; ++row) {
    std::fill_n(line.begin(), count, 0.0f);
    for (std::size_t depth = 0; depth < kProductDepth; ++depth) {
      const float factor = operands.a[static_cast<std::size_t>(row)][depth];
      const float* b = operands.b[depth].data();
      for (std::size_t column = 0; column < count; ++column) line[column] += factor * b[column];
    }
    for (int lane = row % 8 * 4; lane < row % 8 * 4 + 4; ++lane) {
      for (int i = 0; i < columns / 2; ++i) {
        const ProductElement element = product_element(lane, i);
        if (element.row == row) sums[lane * (columns / 2) + i] += line[static_cast<std::size_t>(element.column)];
      }
    }
  }
}

AddressRange range_of_a(const WarpgroupProduct& product) {
  return range_of(operand_place(product.a), product.transposed_a, kProductRows);
}
AddressRange range_of_b(const WarpgroupProduct& product) {
  return range_of(operand_place(product.b), product.transposed_b, product.columns);
}

}  // namespace curie::emu
