#include "data/smote.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

#include "data/nearest.h"
#include "data/numpy_random.h"
#include "data/origin.h"
#include "tensor/error.h"

namespace curie {
namespace {

// How many samples to add to one class.
struct Growth {
  std::int32_t label;
  int samples;
};

void check_rows(int rows, int k, const std::string& class_name) {
  CURIE_CHECK(k >= 1, usage, "SMOTE: expected at least 1 neighbour, got {}", k);
  CURIE_CHECK(rows > k, data,
              "SMOTE: class {} has {} sample{}, and {} neighbours need at least {}; add samples, ask for at most {} "
              "neighbours, or leave SMOTE out",
              class_name, rows, rows == 1 ? "" : "s", k, k + 1, std::max(rows - 1, 0));
}

// In the arithmetic of numpy: the difference in the type of the pixels, the rest in double.
template <typename T>
T between(T base, T neighbour, double step) {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    const double from = base;
    return static_cast<T>(std::nearbyint(from + step * (static_cast<double>(neighbour) - from)));
  } else {
    const T difference = neighbour - base;
    return static_cast<T>(static_cast<double>(base) + step * static_cast<double>(difference));
  }
}

template <typename T>
void interpolate(const T* values, std::size_t features, std::span<const Interpolation> draws, T* out,
                 ThreadPool& pool) {
  pool.run(static_cast<int>(draws.size()), [&](int index, int) {
    const Interpolation& draw = draws[static_cast<std::size_t>(index)];
    const T* base = values + static_cast<std::size_t>(draw.base) * features;
    const T* neighbour = values + static_cast<std::size_t>(draw.neighbour) * features;
    T* row = out + static_cast<std::size_t>(index) * features;
    for (std::size_t f = 0; f < features; ++f) row[f] = between(base[f], neighbour[f], draw.step);
  });
}

std::string name_of_class(const LabelledImages& images, std::int32_t label) {
  const std::size_t index = static_cast<std::size_t>(label);
  return index < images.class_names.size() ? images.class_names[index] : std::to_string(label);
}

std::string source_of(const LabelledImages& images, int index) {
  const std::size_t i = static_cast<std::size_t>(index);
  return i < images.sources.size() ? images.sources[i] : "sample " + std::to_string(index);
}

std::vector<int> members_of(const LabelledImages& images, std::int32_t label) {
  std::vector<int> members;
  for (int i = 0; i < images.size(); ++i) {
    if (images.labels[static_cast<std::size_t>(i)] == label) members.push_back(i);
  }
  return members;
}

// The classes present with their sizes, by label.
std::vector<Growth> class_sizes(const LabelledImages& images) {
  std::vector<std::int32_t> labels = images.labels;
  std::sort(labels.begin(), labels.end());
  std::vector<Growth> sizes;
  for (std::int32_t label : labels) {
    if (sizes.empty() || sizes.back().label != label) sizes.push_back({label, 0});
    ++sizes.back().samples;
  }
  return sizes;
}

template <typename T>
LabelledImages grow(const LabelledImages& images, std::span<const Growth> growths, int k, std::uint32_t random_state,
                    ThreadPool& pool) {
  int total = images.size();
  for (const Growth& growth : growths) total += growth.samples;
  const std::size_t features = images.sample_shape().elements();

  LabelledImages result;
  result.class_names = images.class_names;
  result.labels = images.labels;
  for (int i = 0; i < images.size(); ++i) result.sources.push_back(source_of(images, i));
  result.pixels = Tensor::zeros(images.sample_shape().with_batch(total), images.pixels.dtype());
  std::memcpy(result.pixels.raw(), images.pixels.host<T>().data(), images.pixels.bytes());

  T* out = result.pixels.data<T>() + images.pixels.elements();
  for (const Growth& growth : growths) {
    const std::vector<int> members = members_of(images, growth.label);
    const int rows = static_cast<int>(members.size());
    check_rows(rows, k, name_of_class(images, growth.label));
    const Tensor own = images.select(members).pixels;
    const std::span<const T> values = own.host<T>();
    // Each class starts from the seed again, as in imbalanced-learn.
    const std::vector<Interpolation> draws =
        draw_interpolations(nearest_neighbours(values, rows, k, pool), k, growth.samples, random_state);
    interpolate(values.data(), features, draws, out, pool);
    out += draws.size() * features;
    result.labels.insert(result.labels.end(), draws.size(), growth.label);
    for (const Interpolation& draw : draws) {
      result.sources.push_back(synthetic_source(source_of(images, members[static_cast<std::size_t>(draw.base)]),
                                                source_of(images, members[static_cast<std::size_t>(draw.neighbour)])));
    }
  }
  return result;
}

LabelledImages grow_any(const LabelledImages& images, std::span<const Growth> growths, int k,
                        std::uint32_t random_state, ThreadPool& pool) {
  const DType type = images.pixels.dtype();
  CURIE_CHECK(type == DType::u8 || type == DType::f32, usage, "SMOTE: expected pixels of type u8 or f32, got {}",
              name_of(type));
  if (type == DType::u8) return grow<std::uint8_t>(images, growths, k, random_state, pool);
  return grow<float>(images, growths, k, random_state, pool);
}

}  // namespace

std::vector<Interpolation> draw_interpolations(std::span<const int> neighbours, int k, int count,
                                               std::uint32_t random_state) {
  CURIE_CHECK(k >= 1 && !neighbours.empty() && neighbours.size() % static_cast<std::size_t>(k) == 0, usage,
              "SMOTE: {} neighbours are not {} for each sample", neighbours.size(), k);
  NumpyRandom random(random_state);
  std::vector<std::size_t> chosen;
  for (int i = 0; i < count; ++i) {
    chosen.push_back(static_cast<std::size_t>(random.randint(0, static_cast<std::int64_t>(neighbours.size()))));
  }
  std::vector<Interpolation> draws;
  for (std::size_t index : chosen) {
    draws.push_back({static_cast<int>(index / static_cast<std::size_t>(k)), neighbours[index], random.uniform()});
  }
  return draws;
}

std::vector<double> smote_rows(std::span<const double> values, int rows, int k, int count, std::uint32_t random_state,
                               ThreadPool& pool) {
  check_rows(rows, k, "of these rows");
  CURIE_CHECK(count >= 0, usage, "SMOTE: expected a number of new samples, got {}", count);
  const std::vector<Interpolation> draws =
      draw_interpolations(nearest_neighbours(values, rows, k, pool), k, count, random_state);
  const std::size_t features = values.size() / static_cast<std::size_t>(rows);
  std::vector<double> result(draws.size() * features);
  interpolate(values.data(), features, draws, result.data(), pool);
  return result;
}

LabelledImages smote(const LabelledImages& images, double ratio, int k, std::uint32_t random_state, ThreadPool& pool) {
  CURIE_CHECK(ratio > 0 && ratio <= 1, usage, "SMOTE: expected a ratio in (0, 1], got {}", ratio);
  const std::vector<Growth> sizes = class_sizes(images);
  CURIE_CHECK(sizes.size() == 2, data,
              "SMOTE to a ratio: expected samples of 2 classes, got {}; with more classes, grow all to the largest",
              sizes.size());
  // Of two equal classes the first counts as the larger.
  const bool second_larger = sizes[1].samples > sizes[0].samples;
  const Growth& larger = sizes[second_larger ? 1 : 0];
  const Growth& smaller = sizes[second_larger ? 0 : 1];
  const int added = static_cast<int>(larger.samples * ratio - smaller.samples);
  CURIE_CHECK(added > 0, usage,
              "SMOTE: a ratio of {} asks for no new sample, since {} has {} and {} has {} (ratio {:.4f}); ask for a "
              "larger ratio",
              ratio, name_of_class(images, smaller.label), smaller.samples, name_of_class(images, larger.label),
              larger.samples, static_cast<double>(smaller.samples) / larger.samples);
  const Growth growth{smaller.label, added};
  return grow_any(images, {&growth, 1}, k, random_state, pool);
}

LabelledImages smote_to_majority(const LabelledImages& images, int k, std::uint32_t random_state, ThreadPool& pool) {
  const std::vector<Growth> sizes = class_sizes(images);
  CURIE_CHECK(!sizes.empty(), data, "SMOTE: expected at least one sample, got none");
  int largest = 0;
  for (const Growth& size : sizes) largest = std::max(largest, size.samples);
  std::vector<Growth> growths;
  for (const Growth& size : sizes) {
    if (size.samples < largest) growths.push_back({size.label, largest - size.samples});
  }
  return grow_any(images, growths, k, random_state, pool);
}

}  // namespace curie
