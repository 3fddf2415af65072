#include "recipes/baselines.h"

#include <doctest/doctest.h>

#include "tensor/random.h"

using namespace curie;

namespace {

// Noise around 100, brighter in the upper half for class 1; every `wrong`-th label is the other one.
LabelledImages images(int count, int channels, int wrong, std::uint32_t stream) {
  LabelledImages drawn;
  drawn.pixels = Tensor::zeros(Shape{count, 48, 40, channels}, DType::u8);
  drawn.class_names = {"dark", "bright"};
  const RandomStream random{.seed = 4, .stream = stream};
  const auto size = static_cast<std::size_t>(48 * 40 * channels);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const bool bright = i % 2 == 1;
    for (std::size_t at = 0; at < size; ++at) {
      const int light = bright && at < size / 2 ? 40 : 0;
      drawn.pixels.host<std::uint8_t>()[i * size + at] =
          static_cast<std::uint8_t>(80 + light + static_cast<int>(below(random, i * size + at, 40)));
    }
    drawn.labels.push_back(wrong > 0 && i % static_cast<std::size_t>(wrong) == 0 ? !bright : bright);
  }
  return drawn;
}

}  // namespace

TEST_CASE("ridge regression tells bright images from dark ones, and not what is not there") {
  for (const int channels : {1, 3}) {
    CAPTURE(channels);
    const LabelledImages train = images(60, channels, 0, 1);
    const Baseline baseline = ridge_baseline(train, images(40, channels, 0, 2), 2);
    CHECK(baseline.accuracy == 1);
    CHECK(baseline.detail.find("32 x 32") != std::string::npos);
    // Every fourth label of the test part is wrong, and that counts.
    CHECK(ridge_baseline(train, images(40, channels, 4, 2)).accuracy == 0.75);
  }
}
