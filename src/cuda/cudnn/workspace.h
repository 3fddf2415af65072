// What the libraries ask of addresses: 16 bytes for tensors, 256 for working memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "ops/types.h"

namespace curie::CURIE_GPU {

inline constexpr std::size_t kVendorTensorAlignment = 16;
inline constexpr std::size_t kVendorWorkspaceAlignment = 256;

// Null is aligned.
inline bool aligned_for_vendor(std::initializer_list<const void*> addresses) {
  return std::all_of(addresses.begin(), addresses.end(), [](const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % kVendorTensorAlignment == 0;
  });
}

// Scratch memory that holds a workspace wherever the scratch begins.
inline std::size_t vendor_scratch_bytes(std::size_t workspace) {
  return workspace == 0 ? 0 : workspace + kVendorWorkspaceAlignment - 1;
}
// Where arrays of Curie's own begin behind a workspace of this size.
inline std::size_t behind_workspace(std::size_t workspace) {
  return (workspace + kVendorWorkspaceAlignment - 1) / kVendorWorkspaceAlignment * kVendorWorkspaceAlignment;
}
inline std::byte* vendor_workspace(Scratch scratch) {
  const auto address = reinterpret_cast<std::uintptr_t>(scratch.data);
  const std::uintptr_t begin =
      (address + kVendorWorkspaceAlignment - 1) / kVendorWorkspaceAlignment * kVendorWorkspaceAlignment;
  return scratch.data == nullptr ? nullptr : scratch.data + (begin - address);
}

}  // namespace curie::CURIE_GPU
