// Clipping of gradients: a flat run of gradients cut into segments, one a variable.
//
//   value:       g = min(max(g, -limit), limit)
//   norm:        g *= limit / norm for each segment whose norm, the root of its sum of squares, exceeds the limit
//   global_norm: the same with the norm of the whole run
// Sums are taken in double, over parts of equal length in a fixed order. Where a norm is not finite the gradients
// become NaN, as in Keras: nothing is hidden.
#pragma once

#include <cstddef>

namespace curie {

enum class ClipKind { value, norm, global_norm };

struct ClipShape {
  ClipKind kind = ClipKind::value;
  float limit = 1.0f;     // above 0
  std::size_t count = 0;  // floats
  int segments = 0;       // not looked at for ClipKind::value
};

// The parts that each segment is summed in: those of a long one keep a GPU's multiprocessors or a CPU's cores busy.
constexpr int kClipParts = 64;

// Floats [begin, end) of part `part` of a segment; parts begin at multiples of 16 floats of the segment.
struct ClipPart {
  std::size_t begin, end;
};
constexpr ClipPart clip_part(std::size_t segment_begin, std::size_t segment_end, int part) {
  constexpr std::size_t kGranule = 16;
  const std::size_t granules = (segment_end - segment_begin + kGranule - 1) / kGranule;
  const std::size_t length = (granules + kClipParts - 1) / kClipParts * kGranule;
  const std::size_t begin = segment_begin + static_cast<std::size_t>(part) * length;
  return {begin < segment_end ? begin : segment_end, begin + length < segment_end ? begin + length : segment_end};
}

}  // namespace curie
