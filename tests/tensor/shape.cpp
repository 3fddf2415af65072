#include "tensor/shape.h"

#include <doctest/doctest.h>

#include <vector>

#include "support/throws.h"

namespace curie {

TEST_CASE("extents, elements and axes from both ends") {
  const Shape shape{2, 3, 5};
  CHECK(shape.rank() == 3);
  CHECK(shape.elements() == 30);
  CHECK(shape[0] == 2);
  CHECK(shape[-1] == 5);
  CHECK(Shape{}.elements() == 1);
  CHECK(Shape{4, 0}.elements() == 0);
  CHECK(Shape{100000, 100000}.elements() == 10000000000u);  // beyond 32 bits
  CHECK(shape == Shape{2, 3, 5});
  CHECK_FALSE(shape == Shape{2, 3});
  CHECK_FALSE(shape == Shape{2, 3, 4});
}

TEST_CASE("batch and sample") {
  CHECK(Shape{3, 5}.with_batch(7) == Shape{7, 3, 5});
  CHECK(Shape{}.with_batch(2) == Shape{2});
  CHECK(Shape{7, 3, 5}.sample() == Shape{3, 5});
  CHECK(Shape{7}.sample() == Shape{});
}

TEST_CASE("printed as Python prints a tuple") {
  CHECK(to_string(Shape{}) == "()");
  CHECK(to_string(Shape{4}) == "(4,)");
  CHECK(to_string(Shape{32, 3, 3, 1}) == "(32, 3, 3, 1)");
  CHECK(to_string(Shape{8, 64, 64, 1}, true) == "(None, 64, 64, 1)");
}

TEST_CASE("bad shapes and axes are refused") {
  CHECK_ERROR([] { Shape({1, -2}); }, usage, "expected extents of at least 0, got -2 on axis 1");
  CHECK_ERROR([] { Shape(std::vector<int>(6, 1)); }, usage, "expected at most 5 extents, got 6");
  CHECK_ERROR([] { (void)Shape({2, 3})[2]; }, usage, "expected an axis below 2, got 2");
  CHECK_ERROR([] { (void)Shape({2, 3})[-3]; }, usage, "got -3");
  CHECK_ERROR([] { Shape().sample(); }, usage, "no batch extent");
  CHECK_ERROR([] { Shape({1, 1, 1, 1, 1}).with_batch(2); }, usage, "at most 5");
}

}  // namespace curie
