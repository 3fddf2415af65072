// What the tests of Hopper's words share: tensors of numbers and descriptors as the documentation spells them.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "cuda/hopper.cuh"
#include "tensor/bf16.h"

namespace curie::emulated {

using Element = std::uint16_t;  // bfloat16 bits, or just a number

struct InOrder {
  explicit InOrder(emu::Order order) { emu::settings().order = order; }
  ~InOrder() { emu::settings() = {}; }
};
constexpr emu::Order kOrders[] = {emu::Order::ascending, emu::Order::descending, emu::Order::random};

inline Element bf16_of(float value) { return to_bf16(value).bits; }

// A tensor of rank 2 to 4 in memory at a multiple of 256 bytes; element i holds i + 1.
struct Numbers {
  explicit Numbers(std::vector<std::uint64_t> extents) : extent(std::move(extents)) {
    std::uint64_t bytes = sizeof(Element);
    for (std::size_t i = 0; i < extent.size(); ++i) {
      bytes *= extent[i];
      if (i + 1 < extent.size()) stride.push_back(bytes);
    }
    data.resize(bytes / sizeof(Element) + 128);
    const auto address = reinterpret_cast<std::uintptr_t>(data.data());
    first = data.data() + (256 - address % 256) % 256 / sizeof(Element);
    for (std::size_t i = 0; i < bytes / sizeof(Element); ++i) first[i] = static_cast<Element>(i + 1);
  }
  emu::TensorLayout layout() const {
    return {first, sizeof(Element), static_cast<int>(extent.size()), extent.data(), stride.data()};
  }

  std::vector<std::uint64_t> extent, stride;
  std::vector<Element> data;
  Element* first;
};

inline TensorMap as_parameter(const emu::TensorMap& map) {
  TensorMap parameter{};
  std::memcpy(parameter.opaque, &map, sizeof map);
  return parameter;
}

// PTX ISA, "Matrix descriptor".
inline std::uint64_t descriptor(unsigned address, unsigned leading, unsigned stride, std::uint64_t mode) {
  return std::uint64_t{address / 16 & 0x3fff} | std::uint64_t{leading / 16 & 0x3fff} << 16 |
         std::uint64_t{stride / 16 & 0x3fff} << 32 | mode << 62;
}

}  // namespace curie::emulated
