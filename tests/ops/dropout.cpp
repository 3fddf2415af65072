#include <doctest/doctest.h>

#include "ops/ops.h"
#include "support/backend.h"
#include "support/reference.h"
#include "support/targets.h"

namespace curie::test {
namespace {

Values dropped(Backend& backend, const DropoutSpec& spec, std::uint32_t step, const Values& values) {
  const OnDevice<StepState> state(backend, {.step = step});
  const GuardedTensor x = holding(backend, values), y = blank(backend, values.size());
  ops::dropout(backend, spec, state.address(), x.tensor, y.tensor);
  CHECK(same_bits(x.values(), values));
  ops::dropout(backend, spec, state.address(), x.tensor, x.tensor);  // in place
  CHECK(same_bits(x.values(), y.values()));
  CHECK(x.intact());
  CHECK(y.intact());
  return y.values();
}

}  // namespace

TEST_CASE("element i is kept when word i of the stream reaches the threshold") {
  for_each_target([&](const char* target) {
    CAPTURE(target);
    const std::unique_ptr<Backend> backend = test_backend(2);
    for (const std::size_t count : {1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 16384, 16387, 40000}) {
      for (const float rate : {0.1f, 0.3f, 0.5f, 0.999f}) {
        const DropoutSpec spec{.rate = rate, .seed = 0x123456789abcull, .stream = 7};
        const Values x = random_values(count, 1);
        const Values y = dropped(*backend, spec, 41, x);
        const RandomStream stream{spec.seed, spec.stream, 41};
        Values expected(count);
        for (std::size_t i = 0; i < count; ++i) {
          expected[i] = stream.bits(i) >= drop_threshold(rate) ? x[i] * (1.0f / (1.0f - rate)) : 0.0f;
        }
        CHECK(y == expected);
      }
    }
  });
}

TEST_CASE("rate 0 changes nothing, rate 1 leaves nothing, and a dropped NaN is gone") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const Values x = random_values(20000, 1);
  CHECK(same_bits(dropped(*backend, {.rate = 0.0f, .seed = 1}, 0, x), x));
  CHECK(same_bits(dropped(*backend, {.rate = 1.0f, .seed = 1}, 0, x), Values(x.size(), 0.0f)));
  const Values y = dropped(*backend, {.rate = 0.5f, .seed = 1}, 0, Values(1000, std::nanf("")));
  for (std::size_t i = 0; i < y.size(); ++i) {
    const bool kept = RandomStream{1, 0, 0}.bits(i) >= 0x80000000u;
    CHECK((kept ? std::isnan(y[i]) : y[i] == 0.0f));
  }
}

TEST_CASE("the kept fraction is 1 - rate, and steps, streams and seeds differ") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const Values ones(100000, 1.0f);
  const Values base = dropped(*backend, {.rate = 0.3f, .seed = 1, .stream = 2}, 3, ones);
  const auto kept = static_cast<double>(std::count_if(base.begin(), base.end(), [](float v) { return v != 0.0f; }));
  CHECK(std::abs(kept - 70000.0) < 5.0 * std::sqrt(100000 * 0.3 * 0.7));  // five standard deviations
  CHECK(base != dropped(*backend, {.rate = 0.3f, .seed = 1, .stream = 2}, 4, ones));
  CHECK(base != dropped(*backend, {.rate = 0.3f, .seed = 1, .stream = 3}, 3, ones));
  CHECK(base != dropped(*backend, {.rate = 0.3f, .seed = 2, .stream = 2}, 3, ones));
  CHECK(base == dropped(*test_backend(3), {.rate = 0.3f, .seed = 1, .stream = 2}, 3, ones));
}

}  // namespace curie::test
