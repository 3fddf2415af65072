#include "ops/shapes.h"

#include <algorithm>

#include "tensor/error.h"

namespace curie {
namespace {

void check_extents(int in, int kernel, int stride) {
  CURIE_CHECK(in >= 1 && kernel >= 1 && stride >= 1, usage,
              "window: expected an input, a kernel and a stride of at least 1, got {}, {} and {}", in, kernel, stride);
}

}  // namespace

Window window_valid(int in, int kernel, int stride) { return window_cells(in, kernel, stride, 0, 0); }

Window window_same(int in, int kernel, int stride) {
  check_extents(in, kernel, stride);
  const int out = (in - 1) / stride + 1;
  const int padding = std::max((out - 1) * stride + kernel - in, 0);
  return {out, padding / 2};
}

Window window_cells(int in, int kernel, int stride, int before, int after) {
  check_extents(in, kernel, stride);
  CURIE_CHECK(before >= 0 && before < kernel && after >= 0 && after < kernel, usage,
              "window: expected from 0 to {} cells of padding for a kernel of {}, got {} before and {} after",
              kernel - 1, kernel, before, after);
  const int room = before + in + after - kernel;
  CURIE_CHECK(room >= 0, usage,
              "window: a kernel of {} does not fit an input of {} with {} + {} cells of padding: enlarge the image, "
              "pad, or drop a layer",
              kernel, in, before, after);
  return {room / stride + 1, before};
}

}  // namespace curie
