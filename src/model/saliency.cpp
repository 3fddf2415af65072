#include "model/saliency.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "model/probabilities.h"

namespace curie {
namespace {

// Where windows of `length` cells begin so that the first touches one end and the last the other.
std::vector<int> window_starts(int extent, int length, int windows) {
  std::vector<int> starts;
  const int count = length == extent ? 1 : windows;
  for (int i = 0; i < count; ++i) {
    const double share = count == 1 ? 0.5 : static_cast<double>(i) / (count - 1);
    starts.push_back(static_cast<int>(std::lround(share * (extent - length))));
  }
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  return starts;
}

std::vector<std::uint8_t> mean_color(std::span<const std::uint8_t> pixels, std::size_t channels) {
  std::vector<double> sums(channels, 0.0);
  for (std::size_t i = 0; i < pixels.size(); ++i) sums[i % channels] += pixels[i];
  std::vector<std::uint8_t> mean;
  for (const double sum : sums) {
    mean.push_back(static_cast<std::uint8_t>(
        std::lround(sum * static_cast<double>(channels) / static_cast<double>(pixels.size()))));
  }
  return mean;
}

struct Window {
  int top, left, height, width;
};

void cover(std::span<std::uint8_t> pixels, int columns, const Window& window, const std::vector<std::uint8_t>& color) {
  for (int y = window.top; y < window.top + window.height; ++y) {
    for (int x = window.left; x < window.left + window.width; ++x) {
      const std::size_t first =
          (static_cast<std::size_t>(y) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(x)) *
          color.size();
      std::copy(color.begin(), color.end(), pixels.begin() + static_cast<std::ptrdiff_t>(first));
    }
  }
}

std::vector<double> probabilities_of(Model& model, const Tensor& pixels, int class_number, int batch_size) {
  LabelledImages images;
  images.pixels = pixels;
  images.labels.assign(static_cast<std::size_t>(pixels.shape()[0]), 0);
  const Tensor all = class_probabilities(model.graph(), model.predict(ImageDataset(images), batch_size));
  std::vector<double> own;
  for (int i = 0; i < pixels.shape()[0]; ++i) {
    own.push_back(static_cast<double>(all.rows(i, 1).host<float>()[static_cast<std::size_t>(class_number)]));
  }
  return own;
}

}  // namespace

Tensor grad_cam(Inspector& inspector, int class_number, int value) {
  const Tensor maps = inspector.output(value);
  CURIE_CHECK(maps.shape().rank() == 4, usage,
              "Grad-CAM: expected a layer that gives (height, width, channels), got {}; choose a convolution or a pool",
              to_string(maps.shape().sample()));
  const Tensor owed = inspector.gradient(class_number, value);
  const int n = maps.shape()[0], h = maps.shape()[1], w = maps.shape()[2];
  const auto channels = static_cast<std::size_t>(maps.shape()[3]);
  const std::size_t cells = static_cast<std::size_t>(h) * static_cast<std::size_t>(w);
  Tensor result = Tensor::zeros(Shape{n, h, w});
  for (int i = 0; i < n; ++i) {
    const std::span<const float> map = maps.rows(i, 1).host<float>(), slope = owed.rows(i, 1).host<float>();
    std::vector<double> weights(channels, 0.0), sums(cells, 0.0);
    for (std::size_t at = 0; at < slope.size(); ++at) {
      weights[at % channels] += static_cast<double>(slope[at]) / static_cast<double>(cells);
    }
    for (std::size_t at = 0; at < map.size(); ++at)
      sums[at / channels] += weights[at % channels] * static_cast<double>(map[at]);
    const double highest = *std::max_element(sums.begin(), sums.end());
    if (!(highest > 0)) continue;
    std::transform(sums.begin(), sums.end(), result.rows(i, 1).host<float>().begin(),
                   [highest](double sum) { return static_cast<float>(std::max(sum, 0.0) / highest); });
  }
  return result;
}

Tensor occlusion_map(Model& model, const Tensor& image, int class_number, const OcclusionOptions& options) {
  const Shape& shape = image.shape();
  CURIE_CHECK(shape.rank() == 4 && shape[0] == 1 && image.dtype() == DType::u8, usage,
              "occlusion: expected one image (1, height, width, channels) of u8, got {} of {}", to_string(shape),
              name_of(image.dtype()));
  CURIE_CHECK(options.windows >= 1 && options.share > 0 && options.share <= 1, usage,
              "occlusion: expected at least one window and a share in (0, 1], got {} and {}", options.windows,
              options.share);
  const int h = shape[1], w = shape[2];
  const auto length = [&](int extent) {
    return std::clamp(static_cast<int>(std::lround(options.share * extent)), 1, extent);
  };
  const Window size{0, 0, length(h), length(w)};
  std::vector<Window> windows;
  for (const int top : window_starts(h, size.height, options.windows)) {
    for (const int left : window_starts(w, size.width, options.windows))
      windows.push_back({top, left, size.height, size.width});
  }

  const std::span<const std::uint8_t> pixels = image.host<std::uint8_t>();
  const std::vector<std::uint8_t> color = mean_color(pixels, static_cast<std::size_t>(shape[3]));
  Tensor covered = Tensor::zeros(shape.sample().with_batch(static_cast<int>(windows.size()) + 1), DType::u8);
  for (std::size_t i = 0; i <= windows.size(); ++i) {
    const std::span<std::uint8_t> copy = covered.rows(static_cast<int>(i), 1).host<std::uint8_t>();
    std::copy(pixels.begin(), pixels.end(), copy.begin());
    if (i < windows.size()) cover(copy, w, windows[i], color);
  }
  const std::vector<double> beliefs = probabilities_of(model, covered, class_number, options.batch_size);

  Tensor result = Tensor::zeros(Shape{h, w});
  std::vector<double> sums(result.elements(), 0.0);
  std::vector<int> covers(result.elements(), 0);
  for (std::size_t i = 0; i < windows.size(); ++i) {
    for (int y = windows[i].top; y < windows[i].top + windows[i].height; ++y) {
      for (int x = windows[i].left; x < windows[i].left + windows[i].width; ++x) {
        const std::size_t at = static_cast<std::size_t>(y) * static_cast<std::size_t>(w) + static_cast<std::size_t>(x);
        sums[at] += beliefs.back() - beliefs[i];
        ++covers[at];
      }
    }
  }
  for (std::size_t at = 0; at < sums.size(); ++at) {
    result.host<float>()[at] = covers[at] == 0 ? 0.0f : static_cast<float>(sums[at] / covers[at]);
  }
  return result;
}

}  // namespace curie
