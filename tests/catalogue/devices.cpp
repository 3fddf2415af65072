// Every entry of the catalogue on the emulated kernels, in both orders, against the CPU.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "catalogue/catalogue.h"

namespace curie::test {
namespace {

std::vector<Operands::Result> results_on(Backend& backend, const CatalogueEntry& entry,
                                         const std::vector<Extent>& extents) {
  Operands operands(backend, extents);
  entry.run(operands);
  backend.synchronize();
  return operands.results();
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// The largest difference, relative to the larger of 1 and the value; infinite where one of the two is NaN.
double difference(const std::vector<double>& got, const std::vector<double>& expected) {
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (same(got[i], expected[i])) continue;
    const double apart = std::abs(got[i] - expected[i]) / std::max(1.0, std::abs(expected[i]));
    largest = std::max(largest, std::isnan(apart) ? std::numeric_limits<double>::infinity() : apart);
  }
  return largest;
}

// Every output written, and no element still the NaN that it held before.
void check_written(const std::vector<Operands::Result>& results) {
  CHECK(!results.empty());
  for (const Operands::Result& result : results) {
    CAPTURE(result.name);
    CHECK(!result.values.empty());
    CHECK(std::none_of(result.values.begin(), result.values.end(), [](double value) { return std::isnan(value); }));
  }
}

void check_entry(const CatalogueEntry& entry, const std::vector<Extent>& extents) {
  CAPTURE(entry.name);
  const std::unique_ptr<Backend> cpu = make_cpu_backend(1);
  const auto expected = results_on(*cpu, entry, extents);
  check_written(expected);
  std::vector<Operands::Result> before;
  for (const char* device : {"emulated:ascending", "emulated:descending"}) {
    CAPTURE(device);
    const std::unique_ptr<Backend> backend = make_backend(device);
    const auto got = results_on(*backend, entry, extents);
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CAPTURE(got[i].name);
      REQUIRE(got[i].values.size() == expected[i].values.size());
      // Sums of a few hundred products in another order, and another exp.
      CHECK(difference(got[i].values, expected[i].values) <= (entry.exact ? 0.0 : 1e-4));
      if (!before.empty()) CHECK(difference(got[i].values, before[i].values) == 0.0);
    }
    before = got;
  }
}

}  // namespace

TEST_CASE("every entry agrees with the CPU in both orders, exact ones bit for bit") {
  for (const CatalogueEntry& entry : catalogue()) check_entry(entry, entry.extents);
}

TEST_CASE("names and descriptions are there and no name twice") {
  std::vector<std::string> names;
  for (const CatalogueEntry& entry : catalogue()) {
    CHECK(!entry.description.empty());
    CHECK(!entry.extents.empty());
    names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

}  // namespace curie::test
