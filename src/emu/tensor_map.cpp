#include "emu/tensor_map.h"

#include <algorithm>

#include "tensor/error.h"

namespace curie::emu {
namespace {

constexpr std::uint32_t kMostChannels = 256, kMostPixels = 1024, kMostBox = 256, kMostStep = 8;

TensorMap described(const TensorLayout& tensor, const std::uint32_t* step, Swizzle swizzle, int least_rank) {
  CURIE_CHECK(tensor.rank >= least_rank && tensor.rank <= kMostDimensions, usage,
              "tensor map: a tensor has {} to {} dimensions; got {}", least_rank, kMostDimensions, tensor.rank);
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.address);
  CURIE_CHECK(address != 0 && address % 16 == 0, usage,
              "tensor map: the tensor's address is a multiple of 16 bytes; got {:#x}", address);
  TensorMap map;
  map.address = static_cast<const std::byte*>(tensor.address);
  map.rank = static_cast<std::uint8_t>(tensor.rank);
  map.element_bytes = static_cast<std::uint8_t>(tensor.element_bytes);
  map.swizzle = swizzle;
  for (int i = 0; i < tensor.rank; ++i) {
    const auto at = static_cast<std::size_t>(i);
    CURIE_CHECK(tensor.extent[i] >= 1 && tensor.extent[i] <= 0xffffffffu, usage,
                "tensor map: dimension {} has 1 to 2^32 - 1 elements; got {}", i, tensor.extent[i]);
    map.extent[at] = static_cast<std::uint32_t>(tensor.extent[i]);
    if (i > 0) {
      const std::uint64_t stride = tensor.stride[i - 1];
      CURIE_CHECK(stride % 16 == 0 && stride < std::uint64_t{1} << 40, usage,
                  "tensor map: the stride of dimension {} is a multiple of 16 bytes below 2^40; got {}", i, stride);
      map.stride[at - 1] = stride;
    }
    const std::uint32_t each = i == 0 ? 1 : step[i];  // the innermost dimension has none
    CURIE_CHECK(each >= 1 && each <= kMostStep, usage, "tensor map: the step along dimension {} is 1 to {}; got {}", i,
                kMostStep, each);
    map.step[at] = static_cast<std::uint8_t>(each);
  }
  return map;
}

void check_line(const TensorMap& map) {
  CURIE_CHECK(map.line_bytes() % 16 == 0, usage, "tensor map: a line of {} bytes is no multiple of 16",
              map.line_bytes());
  CURIE_CHECK(map.swizzle == Swizzle::none || map.line_bytes() <= span_of(map.swizzle), usage,
              "tensor map: a line of {} bytes is longer than the {} that the swizzle spans", map.line_bytes(),
              span_of(map.swizzle));
}

// Corners have 16 bits in all, and so have offsets: for one dimension, for two or for three.
int corner_limit(int spatial) { return spatial == 1 ? 32768 : spatial == 2 ? 128 : 16; }

}  // namespace

int TensorMap::lines() const {
  if (im2col) return pixels;
  int lines = 1;
  for (std::size_t i = 1; i < rank; ++i) lines *= (box[i] + step[i] - 1) / step[i];
  return lines;
}

TensorMap encode_tiled(const TensorLayout& tensor, const std::uint32_t* box, const std::uint32_t* step,
                       Swizzle swizzle) {
  TensorMap map = described(tensor, step, swizzle, 1);
  for (int i = 0; i < tensor.rank; ++i) {
    CURIE_CHECK(box[i] >= 1 && box[i] <= kMostBox, usage, "tensor map: a box has 1 to {} elements along {}; got {}",
                kMostBox, i, box[i]);
    map.box[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(box[i]);
  }
  check_line(map);
  return map;
}

TensorMap encode_im2col(const TensorLayout& tensor, const int* lower, const int* upper, std::uint32_t channels,
                        std::uint32_t pixels, const std::uint32_t* step, Swizzle swizzle) {
  TensorMap map = described(tensor, step, swizzle, 3);
  map.im2col = true;
  CURIE_CHECK(channels >= 1 && channels <= kMostChannels && pixels >= 1 && pixels <= kMostPixels, usage,
              "tensor map: a copy brings 1 to {} channels of 1 to {} pixels; got {} and {}", kMostChannels, kMostPixels,
              channels, pixels);
  map.channels = static_cast<std::uint16_t>(channels);
  map.pixels = static_cast<std::uint16_t>(pixels);
  const int limit = corner_limit(map.spatial());
  for (int i = 0; i < map.spatial(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    for (const int corner : {lower[i], upper[i]}) {
      CURIE_CHECK(corner >= -limit && corner < limit, usage, "tensor map: corners lie within {} to {}; got {}", -limit,
                  limit - 1, corner);
    }
    const std::int64_t extent = std::int64_t{map.extent[at + 1]} + upper[i] - lower[i];
    CURIE_CHECK(extent >= 1, usage, "tensor map: corners {} and {} leave no pixel of {}", lower[i], upper[i],
                map.extent[at + 1]);
    map.lower[at] = static_cast<std::int16_t>(lower[i]);
    map.upper[at] = static_cast<std::int16_t>(upper[i]);
  }
  check_line(map);
  return map;
}

// A tiled copy walks through its box, dimension 1 fastest. An im2col copy walks through the box of pixels from where it
// starts: in steps along W, from its end to its beginning one step further along H, and so on into the next image.
TensorLine line_of(const TensorMap& map, const int* coordinates, const std::uint16_t* offsets, int number) {
  std::array<std::int64_t, kMostDimensions> at{};
  for (std::size_t i = 0; i < map.rank; ++i) at[i] = coordinates[i];
  if (map.im2col) {
    std::int64_t steps = number;
    const auto spatial = static_cast<std::size_t>(map.spatial());
    for (std::size_t i = 0; i < spatial && steps > 0; ++i) {
      const std::int64_t first = map.lower[i], last = std::int64_t{map.extent[i + 1]} - 1 + map.upper[i];
      const std::int64_t each = map.step[i + 1], positions = (last - first) / each + 1;
      const std::int64_t position = (at[i + 1] - first) / each + steps;
      at[i + 1] += (position % positions - (at[i + 1] - first) / each) * each;
      steps = position / positions;
    }
    at[map.rank - std::size_t{1}] += steps;
    for (std::size_t i = 0; i < spatial; ++i) at[i + 1] += offsets[i];
  } else {
    int rest = number;
    for (std::size_t i = 1; i < map.rank; ++i) {
      const int positions = (map.box[i] + map.step[i] - 1) / map.step[i];
      at[i] += std::int64_t{rest % positions} * map.step[i];
      rest /= positions;
    }
  }
  const std::byte* source = map.address + at[0] * map.element_bytes;
  for (std::size_t i = 1; i < map.rank; ++i) {
    if (at[i] < 0 || at[i] >= map.extent[i]) return {nullptr, 0};
    source += static_cast<std::uint64_t>(at[i]) * map.stride[i - 1];
  }
  const std::int64_t left = std::int64_t{map.extent[0]} - at[0];
  if (at[0] < 0 || left <= 0) return {nullptr, 0};
  return {source, static_cast<int>(std::min<std::int64_t>(left, map.line_elements()))};
}

}  // namespace curie::emu
