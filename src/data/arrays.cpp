#include "data/arrays.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/npz.h"
#include "tensor/error.h"

namespace curie {
namespace {

constexpr std::int64_t kMostClasses = 100'000;  // a label beyond is a mistake, not a class

// Bytes where every value is one, else the floats.
Tensor as_pixels(const NpyArray& x, const Shape& shape, const std::string& name) {
  const Tensor values = x.tensor().reshape(shape);
  if (values.dtype() == DType::u8) return values;
  const std::span<const float> floats = values.host<float>();
  bool whole = true;
  for (const float value : floats) {
    CURIE_CHECK(std::isfinite(value), data, "{}: expected finite numbers, found {}", name, value);
    whole = whole && value >= 0.0f && value <= 255.0f && value == std::floor(value);
  }
  if (!whole) return values;
  Tensor bytes = Tensor::zeros(shape, DType::u8);
  std::transform(floats.begin(), floats.end(), bytes.data<std::uint8_t>(),
                 [](float value) { return static_cast<std::uint8_t>(value); });
  return bytes;
}

std::vector<std::int64_t> one_hot_classes(const std::vector<std::int64_t>& rows, std::size_t classes,
                                          const std::string& name) {
  std::vector<std::int64_t> labels;
  for (std::size_t at = 0; at < rows.size(); at += classes) {
    const auto first = rows.begin() + static_cast<std::ptrdiff_t>(at);
    const auto last = first + static_cast<std::ptrdiff_t>(classes);
    const bool valid =
        std::count(first, last, 1) == 1 && std::count(first, last, 0) == static_cast<std::ptrdiff_t>(classes) - 1;
    CURIE_CHECK(valid, data, "{}: labels: expected one-hot rows, a single 1 among zeros; row {} is not", name,
                at / classes);
    labels.push_back(std::find(first, last, 1) - first);
  }
  return labels;
}

std::vector<std::int64_t> class_numbers(const NpyArray& y, const std::string& name) {
  const Shape& shape = y.shape();
  CURIE_CHECK(shape.rank() == 1 || shape.rank() == 2, data,
              "{}: labels: expected (n), (n, 1) or one-hot (n, classes), got {}", name, to_string(shape));
  const std::vector<std::int64_t> values =
      with_context(fmt::format("reading the labels of {}", name), [&] { return y.integers(); });
  if (shape.rank() == 1 || shape[1] == 1) return values;
  CURIE_CHECK(shape[1] >= 2, data, "{}: labels: expected at least one column, got {}", name, to_string(shape));
  return one_hot_classes(values, static_cast<std::size_t>(shape[1]), name);
}

}  // namespace

LabelledImages labelled_images(const NpyArray& x, const NpyArray& y, const std::vector<std::string>& class_names,
                               const std::string& name) {
  Shape shape = x.shape();
  if (shape.rank() == 3) shape = {shape[0], shape[1], shape[2], 1};
  CURIE_CHECK(shape.rank() == 4 && (shape[3] == 1 || shape[3] == 3) && shape[1] >= 1 && shape[2] >= 1, data,
              "{}: expected images of (n, height, width, channels) with 1 or 3 channels, got {}", name,
              to_string(x.shape()));
  CURIE_CHECK(x.type() == NpyType::u8 || x.type() == NpyType::f32 || x.type() == NpyType::f64, data,
              "{}: expected images of uint8, float32 or float64, got {}; convert them with a.astype(\"uint8\")", name,
              name_of(x.type()));
  CURIE_CHECK(shape[0] >= 1, data, "{}: expected at least one image, got {}", name, to_string(x.shape()));
  const std::vector<std::int64_t> numbers = class_numbers(y, name);
  CURIE_CHECK(numbers.size() == static_cast<std::size_t>(shape[0]), data,
              "{}: expected a label for each of {} images, got {} labels", name, shape[0], numbers.size());

  LabelledImages images;
  images.class_names = class_names;
  if (class_names.empty()) {
    const std::int64_t columns = y.shape().rank() == 2 ? y.shape()[1] : 1;
    const std::int64_t largest = *std::max_element(numbers.begin(), numbers.end());
    CURIE_CHECK(largest < kMostClasses, data, "{}: labels: expected class numbers below {}, got {}", name, kMostClasses,
                largest);
    const std::int64_t classes = std::max({largest + 1, columns, std::int64_t{2}});
    for (std::int64_t c = 0; c < classes; ++c) images.class_names.push_back(std::to_string(c));
  }
  const auto classes = static_cast<std::int64_t>(images.class_names.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    CURIE_CHECK(numbers[i] >= 0 && numbers[i] < classes, data,
                "{}: labels: expected class numbers from 0 to {}, got {} for image {}", name, classes - 1, numbers[i],
                i);
    images.labels.push_back(static_cast<std::int32_t>(numbers[i]));
    images.sources.push_back(fmt::format("{} #{}", name, i));
  }
  images.pixels = as_pixels(x, shape, name);
  return images;
}

NpyArray read_array(const std::string& place) {
  const std::size_t ending = place.rfind(".npz");
  const bool archive = ending != std::string::npos && (ending + 4 == place.size() || place[ending + 4] == ':');
  if (!archive) return read_npy(place);
  NpzFile file(place.substr(0, ending + 4));
  if (ending + 4 < place.size()) return file.read(place.substr(ending + 5));
  CURIE_CHECK(file.names().size() == 1, usage, "{}: it holds {} arrays ({}); name one, as in {}:{}", place,
              file.names().size(), fmt::join(file.names(), ", "), place,
              file.names().empty() ? "X" : file.names().front());
  return file.read(file.names().front());
}

LabelledImages load_arrays(const std::string& x, const std::string& y, const std::vector<std::string>& class_names) {
  return labelled_images(read_array(x), read_array(y), class_names, x);
}

NpyArray x_array(const LabelledImages& images) { return NpyArray(images.pixels); }

NpyArray y_array(const LabelledImages& images) {
  const std::vector<std::int64_t> labels(images.labels.begin(), images.labels.end());
  return {{images.size(), 1}, std::span<const std::int64_t>(labels)};
}

}  // namespace curie
