// CRC-32 (ISO 3309, the checksum of PNG and zlib): polynomial 0xEDB88320, reflected, inverted at both ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace curie {

// The checksum of what came before (0 for nothing) followed by `bytes`.
std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace curie
