#include "data/crc32.h"

#include <array>

namespace curie {
namespace {

// kTables[k][b]: the effect of byte b followed by k zero bytes. Eight look-ups then serve eight bytes at once, which
// breaks the byte-by-byte dependency ("slicing by 8": Kounavis and Berry, ISCC 2005).
constexpr int kSlices = 8;

constexpr std::array<std::array<std::uint32_t, 256>, kSlices> make_tables() {
  std::array<std::array<std::uint32_t, 256>, kSlices> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1u) != 0 ? 0xEDB88320u : 0u);
    tables[0][byte] = value;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t value = tables[slice - 1][byte];
      tables[slice][byte] = (value >> 8) ^ tables[0][value & 0xffu];
    }
  }
  return tables;
}

constexpr auto kTables = make_tables();

std::uint32_t at(std::span<const std::byte> bytes, std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); }

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  for (; bytes.size() >= kSlices; bytes = bytes.subspan(kSlices)) {
    crc ^= at(bytes, 0) | at(bytes, 1) << 8 | at(bytes, 2) << 16 | at(bytes, 3) << 24;
    crc = kTables[7][crc & 0xffu] ^ kTables[6][(crc >> 8) & 0xffu] ^ kTables[5][(crc >> 16) & 0xffu] ^
          kTables[4][crc >> 24] ^ kTables[3][at(bytes, 4)] ^ kTables[2][at(bytes, 5)] ^ kTables[1][at(bytes, 6)] ^
          kTables[0][at(bytes, 7)];
  }
  for (const std::byte byte : bytes)
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xffu];
  return ~crc;
}

}  // namespace curie
