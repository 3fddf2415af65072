#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"
#include "support/throws.h"

namespace curie::test {
namespace {

using Ends = std::vector<std::int32_t>;

// An empty segment, one shorter than a vector, one that fills its 64 parts unevenly.
const Ends kEnds[] = {{1}, {0, 3}, {5, 5, 2000}, {16, 48, 48, 1100, 30000}};

Values clipped(Backend& backend, ClipKind kind, float limit, const Ends& ends, const Values& values) {
  const ClipShape shape{kind, limit, values.size(), static_cast<int>(ends.size())};
  const GuardedTensor gradient = holding(backend, values), segments = blank(backend, ends.size(), DType::i32);
  segments.set(ends);
  const std::size_t bytes = backend.scratch_bytes(shape);
  const Buffer scratch = backend.allocate(bytes);
  ops::clip_gradient(backend, shape, kind == ClipKind::value ? Tensor() : segments.tensor, gradient.tensor,
                     {scratch.data(), bytes});
  CHECK(gradient.intact());
  CHECK(segments.intact());
  return gradient.values();
}

double norm(const Values& values, std::size_t begin, std::size_t end) {
  double squares = 0.0;
  for (std::size_t i = begin; i < end; ++i) squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return std::sqrt(squares);
}

}  // namespace

TEST_CASE("gradients are clipped by value, by a variable's norm and by the norm of all, as Keras does") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const Ends& ends : kEnds) {
      const auto count = static_cast<std::size_t>(ends.back());
      CAPTURE(count);
      const Values values = random_values(count, 7);
      for (const float limit : {0.1f, 0.5f, 3.0f, 1e6f}) {
        CAPTURE(limit);
        Values expected(count);
        for (std::size_t i = 0; i < count; ++i) expected[i] = std::min(std::max(values[i], -limit), limit);
        CHECK(clipped(*backend, ClipKind::value, limit, ends, values) == expected);

        const Values by_norm = clipped(*backend, ClipKind::norm, limit, ends, values);
        const Values by_global = clipped(*backend, ClipKind::global_norm, limit, ends, values);
        std::size_t begin = 0;
        for (const std::int32_t last : ends) {
          const auto end = static_cast<std::size_t>(last);
          const double own = norm(values, begin, end), all = norm(values, 0, count);
          for (std::size_t i = begin; i < end; ++i) {
            const auto g = static_cast<double>(values[i]);
            // The factor and the product are rounded once each.
            const double bound = std::abs(g) * 0x1p-22;
            if (own <= limit) {
              CHECK(by_norm[i] == values[i]);
            } else {
              CHECK(std::abs(by_norm[i] - g * limit / own) <= bound);
            }
            if (all <= limit) {
              CHECK(by_global[i] == values[i]);
            } else {
              CHECK(std::abs(by_global[i] - g * limit / all) <= bound);
            }
          }
          begin = end;
        }
      }
    }
  });
}

TEST_CASE("a gradient that is not finite is not hidden by clipping") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {nan, kInfinity}) {
    const Values values = {1.0f, bad, 2.0f, 3.0f};
    const Values by_norm = clipped(*backend, ClipKind::norm, 1.0f, {2, 4}, values);
    CHECK(std::isnan(by_norm[0]));
    CHECK(std::isnan(by_norm[1]));
    CHECK(std::isfinite(by_norm[2]));
    for (const float g : clipped(*backend, ClipKind::global_norm, 1.0f, {2, 4}, values)) CHECK(std::isnan(g));
  }
  CHECK(std::isnan(clipped(*backend, ClipKind::value, 1.0f, {4}, {1.0f, nan, 2.0f, 3.0f})[1]));
  CHECK(clipped(*backend, ClipKind::value, 1.0f, {1}, {-kInfinity})[0] == -1.0f);
}

TEST_CASE("blend adds two scaled arrays, in place too") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const std::size_t count : {1, 15, 16, 333, 40000}) {
      const Values a = random_values(count, 1), b = random_values(count, 2);
      // A machine without fused multiply-add rounds the first product too.
      const auto near = [&](const Values& y) {
        for (std::size_t i = 0; i < count; ++i) {
          const double expected = 0.99f * static_cast<double>(a[i]) + 0.01f * static_cast<double>(b[i]);
          if (std::abs(y[i] - expected) > 0x1p-23) return false;
        }
        return y.size() == count;
      };
      const GuardedTensor first = holding(*backend, a), second = holding(*backend, b), y = blank(*backend, count);
      ops::blend(*backend, 0.99f, first.tensor, 0.01f, second.tensor, y.tensor);
      CHECK(near(y.values()));
      ops::blend(*backend, 0.99f, first.tensor, 0.01f, second.tensor, second.tensor);
      CHECK(near(second.values()));
      second.set(b);
      ops::blend(*backend, 0.99f, first.tensor, 0.01f, second.tensor, first.tensor);
      CHECK(near(first.values()));
      for (const GuardedTensor* each : {&first, &second, &y}) CHECK(each->intact());
    }
  });
}

TEST_CASE("clip_gradient checks its arguments") {
  const std::unique_ptr<Backend> backend = test_backend(1);
  const Tensor gradient = device_zeros(*backend, {4}), ends = device_zeros(*backend, {1}, DType::i32);
  const auto clip = [&](const ClipShape& shape, const Tensor& segment_ends) {
    const std::size_t bytes = shape.segments > 0 ? backend->scratch_bytes(shape) : 0;
    const Buffer scratch = backend->allocate(bytes);
    ops::clip_gradient(*backend, shape, segment_ends, gradient, {scratch.data(), bytes});
  };
  CHECK_ERROR([&] { clip({ClipKind::value, 0.0f, 4, 0}, {}); }, usage, "limit");
  CHECK_ERROR([&] { clip({ClipKind::value, std::nanf(""), 4, 0}, {}); }, usage, "limit");
  CHECK_ERROR([&] { clip({ClipKind::norm, 1.0f, 4, 0}, ends); }, usage, "segments");
  CHECK_ERROR([&] { clip({ClipKind::norm, 1.0f, 4, 1}, {}); }, usage, "segment_ends");
  CHECK_ERROR([&] { clip({ClipKind::norm, 1.0f, 5, 1}, ends); }, usage, "gradient");
}

}  // namespace curie::test
