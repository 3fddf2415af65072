// What each rung claims to be better at, by the emulator's counters in checked mode; and that checked mode finds
// nothing wrong with it, which run_rung would throw.
#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "course/run.h"
#include "support/throws.h"
#include "tensor/error.h"

namespace curie::test {

#ifdef CURIE_WITH_CHECKED
namespace {

std::vector<Counts> counts_of(const Course& course, const std::vector<Extent>& extents) {
  const std::unique_ptr<Backend> checked = make_backend("emulated:checked");
  const Reference reference(course, extents);
  std::vector<Counts> all;
  for (std::size_t i = 0; i < course.rungs.size(); ++i) {
    const Outcome outcome = run_rung(reference, i, *checked);
    REQUIRE(outcome.counts.has_value());
    CHECK(outcome.agreement.holds());
    all.push_back(*outcome.counts);
  }
  return all;
}

const std::vector<Counts>& standard_counts(const std::string& name) {
  static std::map<std::string, std::vector<Counts>> known;
  if (known.count(name) == 0) known[name] = counts_of(find_course(name), find_course(name).extents);
  return known.at(name);
}

double ratio(std::uint64_t a, std::uint64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

}  // namespace

TEST_CASE("each rung is better than the one before by what it claims") {
  for (const Course& course : courses()) {
    const std::vector<Counts>& counts = standard_counts(course.name);
    std::size_t claims = 0;
    for (std::size_t i = 1; i < counts.size(); ++i) {
      const Rung& rung = course.rungs[i];
      CAPTURE(rung.name);
      CAPTURE(name_of(rung.claim));
      CAPTURE(counts[i].of(rung.claim));
      CAPTURE(counts[i - 1].of(rung.claim));
      CHECK(claim_holds(rung, counts[i], counts[i - 1]));
      if (rung.claim != Counter::none) ++claims;
    }
    // All but the first and the last, which is the library's own kernel.
    CHECK(claims == course.rungs.size() - 2);
    CHECK(course.rungs.front().claim == Counter::none);
    CHECK(course.rungs.back().claim == Counter::none);
  }
}

TEST_CASE("claims are compared in their own direction") {
  Counts few, many;
  few.blocks = few.barriers = 1;
  many.blocks = many.barriers = 2;
  const Rung parallel{.name = "", .title = "", .idea = "", .claim = Counter::blocks};
  const Rung unsynchronised{.name = "", .title = "", .idea = "", .claim = Counter::barriers};
  CHECK(claim_holds(parallel, many, few));
  CHECK_FALSE(claim_holds(parallel, few, many));
  CHECK_FALSE(claim_holds(parallel, few, few));
  CHECK(claim_holds(unsynchronised, few, many));
  CHECK_FALSE(claim_holds(unsynchronised, many, few));
}

// The numbers that the heads of the files promise.
TEST_CASE("matrix products: sectors, bytes, wavefronts, barriers, instructions") {
  const std::vector<Counts>& c = standard_counts("gemm");
  REQUIRE(c.size() == 8);
  constexpr std::uint64_t kExtent = 128, kProducts = kExtent * kExtent * kExtent, kWarps = kExtent * kExtent / 32;
  CHECK(c[0].sectors == kWarps * (kExtent * 33 + 32));
  CHECK(c[1].sectors == kWarps * (kExtent * 5 + 4));
  CHECK(c[0].requests() == c[1].requests());
  // Both operands once for each of 4 tiles across, and c.
  CHECK(c[2].global_bytes() == 4 * (2 * 4 * kExtent * kExtent + kExtent * kExtent));
  CHECK(c[3].global_bytes() == 4 * (2 * 2 * kExtent * kExtent + kExtent * kExtent));
  CHECK(c[2].barriers == 16 * 2 * 4);
  // 8 reads for 16 products; the writing of the tiles comes on top.
  CHECK(ratio(c[2].shared_wavefronts, c[3].shared_wavefronts) > 3.5);
  CHECK(ratio(c[3].requests(), c[4].requests()) > 3.9);
  CHECK(c[4].global_bytes() == c[3].global_bytes());
  CHECK(c[4].barriers == 4 * 2 * 8);
  CHECK(c[5].barriers == 4 * 8);
  CHECK(c[4].async_bytes == 0);
  CHECK(c[5].async_bytes == 4 * 2 * 2 * kExtent * kExtent);
  CHECK(c[5].matrix_products == 0);
  CHECK(c[6].matrix_products == kProducts / (16 * 8 * 8));
  CHECK(ratio(c[5].shared_wavefronts, c[6].shared_wavefronts) > 4.5);
  for (std::size_t i = 0; i + 1 < c.size(); ++i) CHECK(c[i].bank_conflicts == 0);
}

TEST_CASE("convolutions: sectors, barriers, instructions") {
  const std::vector<Counts>& c = standard_counts("conv2d");
  REQUIRE(c.size() == 8);
  CHECK(c[0].sectors_per_request() > 16.0);
  CHECK(c[1].sectors_per_request() < 3.0);
  CHECK(ratio(c[1].global_bytes(), c[2].global_bytes()) > 10.0);
  CHECK(ratio(c[2].shared_wavefronts, c[3].shared_wavefronts) > 3.0);
  CHECK(c[4].barriers == 2 * c[5].barriers);
  CHECK(c[5].async_bytes > 0);
  for (std::size_t i = 0; i + 1 < c.size(); ++i) CHECK(c[i].bank_conflicts == 0);
  // 256 pixels, 64 filters, 9 * 16 taps.
  CHECK(c[6].matrix_products == 256 * 64 * 144 / (16 * 8 * 8));
  CHECK(ratio(c[5].shared_wavefronts, c[6].shared_wavefronts) > 4.0);
}

TEST_CASE("softmax and batch norm: passes over memory") {
  const std::vector<Counts>& softmax = standard_counts("softmax");
  constexpr double kSoftmaxBytes = 4.0 * 64 * 256;
  CHECK(softmax[1].global_bytes() == 4 * kSoftmaxBytes);
  CHECK(softmax[2].global_bytes() == 3 * kSoftmaxBytes);
  CHECK(softmax[3].global_bytes() == 2 * kSoftmaxBytes);
  CHECK(softmax[4].global_bytes() == 2 * kSoftmaxBytes);
  CHECK(softmax[3].requests() == 4 * softmax[4].requests());

  const std::vector<Counts>& norm = standard_counts("batchnorm");
  constexpr double kNormBytes = 4.0 * 4096 * 64;
  CHECK(norm[0].sectors_per_request() > 30.0);
  CHECK(ratio(norm[1].global_bytes(), 1) >= 4 * kNormBytes);
  CHECK(ratio(norm[2].global_bytes(), 1) < 3.1 * kNormBytes);
  CHECK(norm[2].blocks == 2);
  CHECK(norm[3].blocks == 16);
  CHECK(ratio(norm[3].requests(), norm[4].requests()) > 2.5);
}

TEST_CASE("the production rungs take what others refuse") {
  const std::vector<std::pair<const char*, const char*>> odd = {
      {"gemm", "n=7,k=9"}, {"conv2d", "c=3"}, {"softmax", "classes=1026"}, {"batchnorm", "channels=7"}};
  for (const auto& one : odd) {
    const Course& course = find_course(one.first);
    const std::vector<Extent> extents = with_shape(course.name, course.extents, one.second);
    CAPTURE(one.second);
    CHECK(course.rungs.back().objection(extents).empty());
    CHECK_FALSE(course.rungs[course.rungs.size() - 2].objection(extents).empty());
  }
}
#endif

TEST_CASE("every rung has its file, whose head says what it is about") {
  for (const Course& course : courses()) {
    for (std::size_t i = 0; i < course.rungs.size(); ++i) {
      const Rung& rung = course.rungs[i];
      CAPTURE(rung.name);
      CHECK(rung.name.rfind(course.name + "_" + std::to_string(i + 1) + "_", 0) == 0);
      std::ifstream file(std::string(CURIE_SOURCE) + "/" + rung.file());
      std::stringstream text;
      text << file.rdbuf();
      CHECK(text.str().rfind("// ", 0) == 0);
      CHECK(text.str().find("rung " + std::to_string(i + 1)) < 80);
      CHECK(text.str().find("void " + rung.name + "(") != std::string::npos);
    }
  }
}

TEST_CASE("a course that is not there") {
  CHECK(error_message([] { find_course("gem"); }).find("did you mean \"gemm\"?") != std::string::npos);
  CHECK(error_message([] { find_course("zzzzzzzz"); }).find("`curie ladder` lists them") != std::string::npos);
}

}  // namespace curie::test
