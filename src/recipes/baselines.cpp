#include "recipes/baselines.h"

#include "metrics/ridge.h"

namespace curie {
namespace {

constexpr int kSide = 32;
constexpr std::size_t kFeatures = static_cast<std::size_t>(kSide) * kSide;

void append_features(const Tensor& image, std::vector<float>& rows) {
  const Shape& shape = image.shape();
  const std::span<const std::uint8_t> pixels = image.host<std::uint8_t>();
  const Picture small = resized(Picture{shape[2], shape[1], shape[3], {pixels.begin(), pixels.end()}}, kSide, kSide);
  const auto channels = static_cast<std::size_t>(shape[3]);
  for (std::size_t i = 0; i < kFeatures; ++i) {
    float sum = 0;
    for (std::size_t c = 0; c < channels; ++c) sum += static_cast<float>(small.pixels[i * channels + c]);
    rows.push_back(sum / static_cast<float>(255 * channels));
  }
}

std::vector<float> features_of(const LabelledImages& images) {
  std::vector<float> rows;
  rows.reserve(kFeatures * static_cast<std::size_t>(images.size()));
  for (int i = 0; i < images.size(); ++i) append_features(images.pixels.rows(i, 1), rows);
  return rows;
}

}  // namespace

Baseline ridge_baseline(const LabelledImages& train, const LabelledImages& test, int threads) {
  const RidgeClassifier ridge(features_of(train), train.labels, kFeatures, static_cast<int>(train.class_names.size()),
                              1, threads);
  const std::vector<float> rows = features_of(test);
  int right = 0;
  for (std::size_t i = 0; i < test.labels.size(); ++i) {
    right += ridge.predict(std::span(rows).subspan(i * kFeatures, kFeatures)) == test.labels[i];
  }
  return {.name = "ridge regression on pixels",
          .accuracy = static_cast<double>(right) / static_cast<double>(test.labels.size()),
          .detail = fmt::format("{0} x {0} grey, fitted on the same training part", kSide)};
}

}  // namespace curie
