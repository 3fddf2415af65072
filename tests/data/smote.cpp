#include "data/smote.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <tuple>

#include "data/nearest.h"
#include "data/origin.h"
#include "data/sampling_golden.h"
#include "data/split.h"
#include "data/undersample.h"
#include "tensor/error.h"
#include "tensor/random.h"

using curie::LabelledImages;
using curie::Tensor;
using curie::ThreadPool;
using nlohmann::json;

namespace {

constexpr curie::RandomStream kStream{.seed = 11};

std::vector<std::uint8_t> random_bytes(std::size_t count, std::uint32_t bound = 256) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(curie::below(kStream, i, bound));
  return bytes;
}

// All k + 1 nearest by (distance, index), the first dropped: the definition.
std::vector<int> nearest_by_sorting(const std::vector<std::uint8_t>& values, int rows, int k) {
  const std::size_t features = values.size() / static_cast<std::size_t>(rows);
  std::vector<int> result;
  for (int i = 0; i < rows; ++i) {
    std::vector<std::tuple<std::int64_t, int>> order;
    for (int j = 0; j < rows; ++j) {
      std::int64_t distance = 0;
      for (std::size_t f = 0; f < features; ++f) {
        const int d =
            values[static_cast<std::size_t>(i) * features + f] - values[static_cast<std::size_t>(j) * features + f];
        distance += std::int64_t{d} * d;
      }
      order.emplace_back(distance, j);
    }
    std::sort(order.begin(), order.end());
    for (int n = 1; n <= k; ++n) result.push_back(std::get<1>(order[static_cast<std::size_t>(n)]));
  }
  return result;
}

LabelledImages images_of(const std::vector<double>& pixels, const std::vector<std::int32_t>& labels,
                         curie::DType type) {
  LabelledImages images;
  const int n = static_cast<int>(labels.size());
  const curie::Shape shape{n, 1, static_cast<int>(pixels.size()) / n, 1};
  if (type == curie::DType::u8) {
    const std::vector<std::uint8_t> bytes(pixels.begin(), pixels.end());
    images.pixels = Tensor::from<std::uint8_t>(shape, bytes);
  } else {
    std::vector<float> reals;
    for (const double pixel : pixels) reals.push_back(static_cast<float>(pixel) / 255.0f);
    images.pixels = Tensor::from<float>(shape, reals);
  }
  images.labels = labels;
  images.class_names = {"Normal", "COVID", "Viral"};
  for (int i = 0; i < n; ++i) images.sources.push_back("image " + std::to_string(i));
  return images;
}

LabelledImages golden_images(curie::DType type, int left_out_class) {
  const json& golden = sampling_golden().at("smote_pixels");
  const LabelledImages all = images_of(golden.at("pixels"), golden.at("labels"), type);
  std::vector<int> chosen;
  for (int i = 0; i < all.size(); ++i) {
    if (all.labels[static_cast<std::size_t>(i)] != left_out_class) chosen.push_back(i);
  }
  return all.select(chosen);
}

std::string message_of_failure(const LabelledImages& images, double ratio, int k) {
  ThreadPool pool(1);
  try {
    curie::smote(images, ratio, k, 0, pool);
  } catch (const curie::Error& error) {
    return error.what();
  }
  FAIL("expected an error");
  return {};
}

}  // namespace

TEST_CASE("neighbours of bytes equal sorting all distances, with ties, for any shape") {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    struct Case {
      int rows, features, k;
    };
    for (const Case& each : {Case{2, 1, 1}, {7, 5, 5}, {33, 32, 3}, {65, 31, 6}, {40, 2100, 5}}) {
      const int rows = each.rows, features = each.features, k = each.k;
      const std::size_t count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(features);
      const std::vector<std::uint8_t> wide = random_bytes(count), few = random_bytes(count, 3);
      CAPTURE(rows);
      CAPTURE(features);
      CHECK(curie::nearest_neighbours(std::span(wide), rows, k, pool) == nearest_by_sorting(wide, rows, k));
      CHECK(curie::nearest_neighbours(std::span(few), rows, k, pool) == nearest_by_sorting(few, rows, k));
      const std::vector<float> reals(few.begin(), few.end());
      CHECK(curie::nearest_neighbours(std::span(reals), rows, k, pool) == nearest_by_sorting(few, rows, k));
    }
  }
}

TEST_CASE("sums of squares beyond 32 bits stay exact") {
  ThreadPool pool(1);
  const std::size_t features = 80'000;  // 80,000 * 255^2 = 5.2e9
  std::vector<std::uint8_t> values(3 * features, 255);
  std::fill_n(values.begin(), features, std::uint8_t{0});
  values[2 * features] = 254;  // row 2 is one step nearer to row 0 than row 1 is
  CHECK(curie::nearest_neighbours(std::span<const std::uint8_t>(values), 3, 1, pool) == std::vector<int>{2, 2, 1});
}

TEST_CASE("identical samples: the lowest index is dropped, as the k + 1 query does") {
  ThreadPool pool(1);
  const std::vector<std::uint8_t> values = {9, 5, 9};
  CHECK(curie::nearest_neighbours(std::span<const std::uint8_t>(values), 3, 1, pool) == std::vector<int>{2, 0, 2});
}

TEST_CASE("doubles equal imbalanced-learn's to the last bit") {
  ThreadPool pool(2);
  for (const json& golden : sampling_golden().at("smote")) {
    const std::vector<double> rows = golden.at("minority");
    CHECK(curie::smote_rows(rows, golden.at("rows"), golden.at("k"), golden.at("count"), golden.at("seed"), pool) ==
          golden.at("new").get<std::vector<double>>());
    const std::vector<std::int32_t> labels = golden.at("labels");
    const LabelledImages images = images_of(std::vector<double>(labels.size()), labels, curie::DType::f32);
    CHECK(curie::smote(images, golden.at("ratio"), golden.at("k"), 0, pool).size() - images.size() ==
          golden.at("count").get<int>());
  }
}

TEST_CASE("pixels: bytes are rounded, float32 equals imbalanced-learn's, originals stay first") {
  ThreadPool pool(2);
  const json& golden = sampling_golden().at("smote_pixels");

  const LabelledImages bytes = golden_images(curie::DType::u8, 1);
  const LabelledImages grown = curie::smote(bytes, .95, 5, 3, pool);
  const std::vector<double> expected = golden.at("two_classes");
  const auto pixels = grown.pixels.host<std::uint8_t>();
  const std::size_t kept = bytes.pixels.elements();
  REQUIRE(pixels.size() == kept + expected.size());
  CHECK(std::equal(pixels.begin(), pixels.begin() + static_cast<std::ptrdiff_t>(kept),
                   bytes.pixels.host<std::uint8_t>().begin()));
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(static_cast<double>(pixels[kept + i]) == std::nearbyint(expected[i]));

  const LabelledImages reals = golden_images(curie::DType::f32, 1);
  const LabelledImages grown_reals = curie::smote(reals, .95, 5, 3, pool);
  const std::vector<double> expected_reals = golden.at("two_classes_f32");
  const auto values = grown_reals.pixels.host<float>();
  REQUIRE(values.size() == kept + expected_reals.size());
  for (std::size_t i = 0; i < expected_reals.size(); ++i) CHECK(double{values[kept + i]} == expected_reals[i]);
}

TEST_CASE("three classes grow to the largest, each from the seed again") {
  ThreadPool pool(2);
  const json& golden = sampling_golden().at("smote_pixels");
  const LabelledImages images = golden_images(curie::DType::u8, -1);
  const LabelledImages grown = curie::smote_to_majority(images, 4, 9, pool);
  CHECK(grown.labels == golden.at("all_labels").get<std::vector<std::int32_t>>());
  const std::vector<double> expected = golden.at("all_classes");
  const auto pixels = grown.pixels.host<std::uint8_t>().subspan(images.pixels.elements());
  REQUIRE(pixels.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(static_cast<double>(pixels[i]) == std::nearbyint(expected[i]));
}

TEST_CASE("a new sample names its parents and lies between them") {
  ThreadPool pool(2);
  const LabelledImages images = golden_images(curie::DType::u8, 1);
  const LabelledImages grown = curie::smote(images, 1.0, 5, 4, pool);
  REQUIRE(static_cast<int>(grown.sources.size()) == grown.size());
  const auto pixels = grown.pixels.host<std::uint8_t>();
  const std::size_t features = grown.sample_shape().elements();
  const auto index_of = [&](const std::string& source) {
    return static_cast<std::size_t>(std::find(images.sources.begin(), images.sources.end(), source) -
                                    images.sources.begin());
  };
  for (int i = 0; i < grown.size(); ++i) {
    const std::size_t at = static_cast<std::size_t>(i);
    const auto parents = curie::parents_of(grown.sources[at]);
    REQUIRE(parents.has_value() == (i >= images.size()));
    if (!parents) continue;
    const std::size_t a = index_of(parents->first), b = index_of(parents->second);
    REQUIRE(std::max(a, b) < images.sources.size());
    CHECK(images.labels[a] == grown.labels[at]);
    CHECK(images.labels[b] == grown.labels[at]);
    for (std::size_t f = 0; f < features; ++f) {
      const auto [low, high] = std::minmax(pixels[a * features + f], pixels[b * features + f]);
      CHECK(low <= pixels[at * features + f]);
      CHECK(pixels[at * features + f] <= high);
    }
  }
}

TEST_CASE("covid-cnn-64: 11,046 -> 13,860 -> 11,414 -> 10,272 + 1,142, member for member") {
  const json& golden = sampling_golden().at("pipeline");
  const auto checksum = [](const std::vector<int>& indices) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < indices.size(); ++i) sum += indices[i] * static_cast<std::int64_t>(i + 1);
    return sum;
  };
  LabelledImages all;
  all.class_names = {"Normal", "COVID"};
  all.labels.assign(10192, 0);
  all.labels.insert(all.labels.end(), 3616, 1);
  all.pixels =
      Tensor::from<std::uint8_t>({all.size(), 2, 2, 1}, random_bytes(static_cast<std::size_t>(all.size()) * 4));
  for (int i = 0; i < all.size(); ++i) all.sources.push_back(std::to_string(i));

  const curie::Split split = curie::stratified_split(all.labels, .2, 1);
  CHECK(checksum(split.train) == golden.at("train").get<std::int64_t>());
  CHECK(checksum(split.test) == golden.at("test").get<std::int64_t>());
  ThreadPool pool;
  const LabelledImages grown = curie::smote(all.select(split.train), .7, 5, 1, pool);
  const std::vector<int> kept = curie::random_undersample(grown.labels, 1.0, 1);
  CHECK(checksum(kept) == golden.at("kept").get<std::int64_t>());
  const curie::Split last = curie::train_test_split(static_cast<int>(kept.size()), .1, 1);
  CHECK(checksum(last.train) == golden.at("last_train").get<std::int64_t>());
  CHECK(checksum(last.test) == golden.at("validation").get<std::int64_t>());
  const std::vector<int> counts = {static_cast<int>(split.train.size()), grown.size(), static_cast<int>(kept.size()),
                                   static_cast<int>(last.train.size()), static_cast<int>(last.test.size())};
  CHECK(counts == golden.at("counts").get<std::vector<int>>());
  CHECK(counts == std::vector<int>{11046, 13860, 11414, 10272, 1142});
}

TEST_CASE("what SMOTE cannot do is refused with what to do instead") {
  std::vector<std::int32_t> labels(20, 0);
  std::fill_n(labels.begin(), 4, 1);
  const LabelledImages few = images_of(std::vector<double>(40), labels, curie::DType::u8);
  const std::string message = message_of_failure(few, 1.0, 5);
  CHECK(message.find("COVID has 4 samples") != std::string::npos);
  CHECK(message.find("at least 6") != std::string::npos);
  CHECK(message.find("at most 3") != std::string::npos);

  CHECK(message_of_failure(few, 0.25, 3).find("no new sample") != std::string::npos);
  CHECK(message_of_failure(few, 1.5, 3).find("(0, 1]") != std::string::npos);
  CHECK(message_of_failure(few, 1.0, 0).find("at least 1 neighbour") != std::string::npos);
  CHECK(message_of_failure(golden_images(curie::DType::u8, -1), 1.0, 3).find("2 classes, got 3") != std::string::npos);

  LabelledImages integers = few;
  integers.pixels = Tensor::zeros({20, 2}, curie::DType::i32);
  CHECK(message_of_failure(integers, 1.0, 3).find("u8 or f32") != std::string::npos);
}
