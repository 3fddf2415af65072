#include "io/zip_archive.h"

#include <algorithm>
#include <array>

namespace curie {

bool looks_like_zip(std::span<const std::byte> bytes) {
  constexpr std::array<unsigned char, 4> kSignature = {'P', 'K', 3, 4};
  return bytes.size() >= kSignature.size() &&
         std::equal(kSignature.begin(), kSignature.end(), reinterpret_cast<const unsigned char*>(bytes.data()));
}

}  // namespace curie
