#include "ops/shapes.h"

#include <doctest/doctest.h>

#include "support/throws.h"

namespace curie {

TEST_CASE("valid: whole windows inside the input") {
  CHECK(window_valid(64, 3, 1) == Window{62, 0});
  CHECK(window_valid(7, 3, 2) == Window{3, 0});
  CHECK(window_valid(8, 3, 2) == Window{3, 0});
  CHECK(window_valid(5, 5, 3) == Window{1, 0});
}

TEST_CASE("same: ceil(in / stride), the odd cell behind") {
  CHECK(window_same(64, 3, 1) == Window{64, 1});
  CHECK(window_same(5, 2, 1) == Window{5, 0});  // one cell, behind
  CHECK(window_same(6, 3, 2) == Window{3, 0});  // one cell, behind
  CHECK(window_same(7, 3, 2) == Window{4, 1});
  CHECK(window_same(224, 7, 2) == Window{112, 2});  // 2 above, 3 below
  CHECK(window_same(10, 1, 3) == Window{4, 0});     // a stride beyond the kernel needs no padding
  CHECK(window_same(1, 5, 1) == Window{1, 2});
}

TEST_CASE("cells: PyTorch's formula, rounded down") {
  CHECK(window_cells(224, 7, 2, 3, 3) == Window{112, 3});
  CHECK(window_cells(112, 3, 2, 1, 1) == Window{56, 1});  // ceil mode would give 57
  CHECK(window_cells(4, 3, 1, 0, 2) == Window{4, 0});
  CHECK(window_cells(1, 3, 1, 1, 1) == Window{1, 1});
}

TEST_CASE("same equals explicit cells with its own padding") {
  for (int in = 1; in <= 20; ++in) {
    for (int kernel = 1; kernel <= 7; ++kernel) {
      for (int stride = 1; stride <= kernel; ++stride) {
        const Window same = window_same(in, kernel, stride);
        const int behind = (same.out - 1) * stride + kernel - in - same.pad_before;
        if (behind >= 0) {
          CHECK(behind - same.pad_before >= 0);
          CHECK(behind - same.pad_before <= 1);
          CHECK(window_cells(in, kernel, stride, same.pad_before, behind) == same);
        }
      }
    }
  }
}

TEST_CASE("windows that do not fit are refused, with the numbers") {
  CHECK_ERROR([] { window_valid(2, 3, 1); }, usage, "a kernel of 3 does not fit an input of 2");
  CHECK_ERROR([] { window_cells(1, 5, 1, 1, 1); }, usage, "a kernel of 5 does not fit an input of 1 with 1 + 1 cells");
  CHECK_ERROR([] { window_valid(8, 0, 1); }, usage, "at least 1, got 8, 0 and 1");
  CHECK_ERROR([] { window_same(8, 3, 0); }, usage, "at least 1, got 8, 3 and 0");
  CHECK_ERROR([] { window_cells(8, 3, 1, 3, 0); }, usage, "from 0 to 2 cells of padding for a kernel of 3, got 3");
  CHECK_ERROR([] { window_cells(8, 3, 1, 0, -1); }, usage, "got 0 before and -1 after");
}

}  // namespace curie
