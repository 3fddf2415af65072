// ZIP archives in memory: what Keras' .keras files are.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace curie {

using ZipEntries = std::map<std::string, std::vector<std::byte>>;

struct ZipLimits {
  std::size_t entries = 10'000;
  std::size_t inflation = 16;                        // bytes that one byte of the archive may become ...
  std::size_t always_bytes = std::size_t{64} << 20;  // ... and that it may in any case
};

// The entries that `wanted` names, as far as they are there. Error(file) for a damaged archive and for one that would
// take more memory than `limits` allow.
ZipEntries read_zip(std::span<const std::byte> bytes, const std::string& name, const std::vector<std::string>& wanted,
                    const ZipLimits& limits = {});

// The bytes of an archive with these entries, stored without compression. The same entries give the same bytes.
std::vector<std::byte> compose_zip(const ZipEntries& entries);

bool looks_like_zip(std::span<const std::byte> bytes);

}  // namespace curie
