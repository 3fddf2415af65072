#include "data/numpy_random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "data/sampling_golden.h"
#include "tensor/error.h"

using curie::NumpyRandom;
using nlohmann::json;

namespace {

std::vector<std::int64_t> integers(NumpyRandom random, std::int64_t low, std::int64_t high, std::size_t count) {
  std::vector<std::int64_t> values(count);
  std::generate(values.begin(), values.end(), [&] { return random.randint(low, high); });
  return values;
}

}  // namespace

TEST_CASE("every draw equals numpy.random.RandomState's") {
  for (const json& golden : sampling_golden().at("random")) {
    const std::uint32_t seed = golden.at("seed");
    CAPTURE(seed);
    NumpyRandom uniform(seed);
    for (const double expected : golden.at("uniform")) CHECK(uniform.uniform() == expected);

    CHECK(NumpyRandom(seed).permutation(23) == golden.at("permutation").get<std::vector<int>>());
    CHECK(NumpyRandom(seed).permutation(1) == golden.at("permutation_of_one").get<std::vector<int>>());
    CHECK(NumpyRandom(seed).choice(30, 9) == golden.at("choice_30_9").get<std::vector<int>>());

    std::vector<int> values = {0, 10, 20, 30, 40, 50, 60};
    NumpyRandom(seed).shuffle(std::span<int>(values));
    CHECK(values == golden.at("shuffle").get<std::vector<int>>());

    using Integers = std::vector<std::int64_t>;
    const NumpyRandom fresh(seed);
    CHECK(integers(fresh, 0, 10, 20) == golden.at("randint_10").get<Integers>());
    CHECK(integers(fresh, 0, 14465, 20) == golden.at("randint_14465").get<Integers>());
    CHECK(integers(fresh, 0, std::int64_t{1} << 32, 6) == golden.at("randint_2_32").get<Integers>());
    CHECK(integers(fresh, -(std::int64_t{1} << 40), (std::int64_t{1} << 45) + 1, 6) ==
          golden.at("randint_wide").get<Integers>());
    CHECK(integers(fresh, 3, 4, 3) == golden.at("randint_one").get<Integers>());
  }
}

TEST_CASE("draws of several kinds consume as many words as numpy's") {
  for (const json& golden : sampling_golden().at("random")) {
    NumpyRandom random(golden.at("seed").get<std::uint32_t>());
    const json& mixed = golden.at("mixed");
    CHECK(random.randint(0, 1000) == mixed[0].get<std::int64_t>());
    CHECK(random.uniform() == mixed[1].get<double>());
    CHECK(random.permutation(5) == mixed[2].get<std::vector<int>>());
    CHECK(random.randint(0, std::int64_t{1} << 33) == mixed[3].get<std::int64_t>());
    CHECK(random.uniform() == mixed[4].get<double>());
  }
}

TEST_CASE("edges: nothing to permute, everything chosen, a range that cannot be") {
  CHECK(NumpyRandom(0).permutation(0).empty());
  std::vector<int> all = NumpyRandom(3).choice(50, 50);
  std::sort(all.begin(), all.end());
  std::vector<int> expected(50);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(all == expected);
  CHECK_THROWS_AS(NumpyRandom(0).permutation(-1), curie::Error);
  CHECK_THROWS_AS(NumpyRandom(0).choice(3, 4), curie::Error);
  CHECK_THROWS_AS(NumpyRandom(0).randint(5, 5), curie::Error);
}
