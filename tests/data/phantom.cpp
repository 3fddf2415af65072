#include "data/phantom.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "tensor/error.h"

using curie::LabelledImages;
using curie::ThreadPool;

namespace {

constexpr int kPerClass = 600;
constexpr int kGrid = 16;  // images of 64 x 64 averaged over 4 x 4 pixels
constexpr std::size_t kFeatures = kGrid * kGrid;

const LabelledImages& many_phantoms() {
  static const LabelledImages images = [] {
    ThreadPool pool;
    return curie::make_phantoms({.normal = kPerClass, .covid = kPerClass, .size = 64, .seed = 20}, pool);
  }();
  return images;
}

std::vector<double> coarse(int index) {
  const auto pixels = many_phantoms().pixels.host<std::uint8_t>().subspan(static_cast<std::size_t>(index) * 64 * 64);
  std::vector<double> grid(kFeatures);
  for (std::size_t i = 0; i < 64 * 64; ++i) grid[i / 64 / 4 * kGrid + i % 64 / 4] += pixels[i] / (16 * 255.0);
  return grid;
}

// Solves (symmetric positive definite) a x = b by Cholesky's factorisation, a: n x n.
std::vector<double> solve(std::vector<double> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      a[i * n + j] = i == j ? std::sqrt(sum) : sum / a[j * n + j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return b;
}

// Accuracy of ridge regression onto -1 and 1, fitted on two thirds of each class and tested on the rest.
double accuracy_of_ridge(double penalty) {
  const auto centred = [](int index) {
    std::vector<double> features = coarse(index);
    for (double& value : features) value -= 0.48;  // so that the penalty on the intercept hardly matters
    features.push_back(1);
    return features;
  };
  const std::size_t n = kFeatures + 1;
  const int fitted = kPerClass * 2 / 3;
  std::vector<double> gram(n * n), target(n);
  for (std::size_t i = 0; i < n; ++i) gram[i * n + i] = penalty;
  for (int c = 0; c < 2; ++c) {
    for (int s = 0; s < fitted; ++s) {
      const std::vector<double> x = centred(c * kPerClass + s);
      for (std::size_t i = 0; i < n; ++i) {
        target[i] += (2 * c - 1) * x[i];
        for (std::size_t j = 0; j <= i; ++j) gram[i * n + j] += x[i] * x[j];
      }
    }
  }
  const std::vector<double> weights = solve(gram, target);
  int right = 0;
  for (int c = 0; c < 2; ++c) {
    for (int s = fitted; s < kPerClass; ++s) {
      const std::vector<double> x = centred(c * kPerClass + s);
      double score = 0;
      for (std::size_t i = 0; i < n; ++i) score += weights[i] * x[i];
      right += (score > 0) == (c == 1);
    }
  }
  return static_cast<double>(right) / (2 * (kPerClass - fitted));
}

// Mean absolute curvature of the coarse image between the apices and the diaphragm.
double unevenness(int index) {
  const std::vector<double> grid = coarse(index);
  double sum = 0;
  for (std::size_t row = 5; row < 12; ++row) {
    for (std::size_t column = 1; column + 1 < kGrid; ++column) {
      const double* p = &grid[row * kGrid + column];
      sum += std::abs(4 * p[0] - p[-1] - p[1] - p[-kGrid] - p[kGrid]);
    }
  }
  return sum;
}

std::uint64_t fingerprint(const LabelledImages& images) {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const std::uint8_t pixel : images.pixels.host<std::uint8_t>()) hash = (hash ^ pixel) * 0x100000001b3u;
  return hash;
}

}  // namespace

TEST_CASE("labels, names and sources say what each phantom is") {
  ThreadPool pool(1);
  const LabelledImages images = curie::make_phantoms({.normal = 3, .covid = 2, .size = 16, .seed = 1}, pool);
  CHECK(images.pixels.shape() == curie::Shape{5, 16, 16, 1});
  CHECK(images.pixels.dtype() == curie::DType::u8);
  CHECK(images.labels == std::vector<std::int32_t>{0, 0, 0, 1, 1});
  CHECK(images.class_names == std::vector<std::string>{"Normal", "COVID"});
  REQUIRE(images.sources.size() == 5);
  CHECK(images.sources[2] == "phantom: Normal #2");
  CHECK(images.sources[3] == "phantom: COVID #0");
  CHECK(curie::make_phantoms({.normal = 0, .covid = 1, .size = 16}, pool).labels == std::vector<std::int32_t>{1});
}

TEST_CASE("a phantom depends on seed, class, number and size alone") {
  ThreadPool one(1), three(3);
  const LabelledImages few = curie::make_phantoms({.normal = 2, .covid = 2, .size = 33, .seed = 5}, one);
  const LabelledImages more = curie::make_phantoms({.normal = 4, .covid = 3, .size = 33, .seed = 5}, three);
  const std::size_t each = 33 * 33;
  const auto a = few.pixels.host<std::uint8_t>(), b = more.pixels.host<std::uint8_t>();
  CHECK(std::ranges::equal(a.subspan(0, 2 * each), b.subspan(0, 2 * each)));
  CHECK(std::ranges::equal(a.subspan(2 * each, 2 * each), b.subspan(4 * each, 2 * each)));
  CHECK_FALSE(std::ranges::equal(a.subspan(0, each), a.subspan(each, each)));
  CHECK_FALSE(std::ranges::equal(a.subspan(0, each), a.subspan(2 * each, each)));
  CHECK(fingerprint(few) != fingerprint(curie::make_phantoms({.normal = 2, .covid = 2, .size = 33, .seed = 6}, one)));
}

TEST_CASE("the same bits on every machine and compiler") {
  ThreadPool pool(1);
  CHECK(fingerprint(curie::make_phantoms({.normal = 2, .covid = 2, .size = 48, .seed = 7}, pool)) ==
        0xfda5b1bb035b8386u);
}

TEST_CASE("two sizes show the same scene") {
  ThreadPool pool(1);
  const LabelledImages small = curie::make_phantoms({.normal = 2, .covid = 2, .size = 64, .seed = 3}, pool);
  const LabelledImages large = curie::make_phantoms({.normal = 2, .covid = 2, .size = 128, .seed = 3}, pool);
  const auto s = small.pixels.host<std::uint8_t>(), l = large.pixels.host<std::uint8_t>();
  double difference = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const std::size_t image = i / 4096, row = i % 4096 / 64, column = i % 64;
    const std::size_t corner = image * 16384 + 2 * row * 128 + 2 * column;
    difference += std::abs(s[i] - (l[corner] + l[corner + 1] + l[corner + 128] + l[corner + 129]) / 4.0);
  }
  // Grain of at most 5.6 grey levels and half of it, |N(0, 6.3)| is 5 on average; as much again for edges.
  CHECK(difference / static_cast<double>(s.size()) < 10);
}

TEST_CASE("the classes are equally bright") {
  const LabelledImages& images = many_phantoms();
  double mean[2] = {}, square[2] = {};
  for (int i = 0; i < images.size(); ++i) {
    const std::vector<double> grid = coarse(i);
    double brightness = 0;
    for (const double value : grid) brightness += value / kFeatures;
    const std::int32_t label = images.labels[static_cast<std::size_t>(i)];
    mean[label] += brightness / kPerClass;
    square[label] += brightness * brightness / kPerClass;
  }
  const double variance = square[0] - mean[0] * mean[0] + square[1] - mean[1] * mean[1];
  CHECK(std::abs(mean[0] - mean[1]) < 4 * std::sqrt(variance / kPerClass));  // four standard errors
}

TEST_CASE("a linear classifier of pixels learns little, whatever its penalty") {
  // 400 test images: .75 is ten standard errors above chance, and far below what a CNN reaches.
  for (const double penalty : {0.1, 1.0, 10.0, 100.0}) {
    CAPTURE(penalty);
    CHECK(accuracy_of_ridge(penalty) < .75);
  }
}

TEST_CASE("structure tells the classes apart") {
  std::vector<double> normal, covid;
  for (int i = 0; i < kPerClass; ++i) {
    normal.push_back(unevenness(i));
    covid.push_back(unevenness(kPerClass + i));
  }
  // The probability that a COVID phantom is the more uneven of a pair: .5 by chance, with a standard error of .017.
  std::sort(normal.begin(), normal.end());
  double pairs = 0;
  for (const double value : covid) {
    pairs += static_cast<double>(std::lower_bound(normal.begin(), normal.end(), value) - normal.begin());
  }
  CHECK(pairs / (double{kPerClass} * kPerClass) > .7);
}

TEST_CASE("phantoms that cannot be drawn are refused") {
  ThreadPool pool(1);
  CHECK_THROWS_AS(curie::make_phantoms({.size = 15}, pool), curie::Error);
  CHECK_THROWS_AS(curie::make_phantoms({.size = 2049}, pool), curie::Error);
  CHECK_THROWS_AS(curie::make_phantoms({.normal = -1}, pool), curie::Error);
  CHECK_THROWS_AS(curie::make_phantoms({.normal = 0, .covid = 0}, pool), curie::Error);
}
