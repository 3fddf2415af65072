#include "data/loader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "pictures.h"

namespace curie {
namespace {

// Sample i of epoch e is {1000 e + i, i, -1}; its label is i % 3.
class Counting : public Dataset {
 public:
  explicit Counting(int samples) : samples_(samples) {}
  int size() const override { return samples_; }
  Shape sample_shape() const override { return {3}; }
  DType dtype() const override { return DType::f32; }
  std::int32_t label(int index) const override { return index % 3; }
  void read(int index, int epoch, std::byte* out) const override {
    if (index == broken_) throw std::runtime_error("the disk has gone");
    reads.fetch_add(1);
    const float values[3] = {static_cast<float>(1000 * epoch + index), static_cast<float>(index), -1.0f};
    std::memcpy(out, values, sizeof values);
  }

  mutable std::atomic<int> reads{0};
  int broken_ = -1;

 private:
  int samples_;
};

// Visits the rest of the epoch and checks every batch against `order`.
int check_epoch(BatchLoader& loader, const std::vector<int>& order, int batch_size, int epoch, int first_batch) {
  int number = first_batch;
  while (const Batch* batch = loader.next()) {
    CHECK(batch->number == number);
    const int first = number * batch_size;
    CHECK(batch->size == std::min(batch_size, static_cast<int>(order.size()) - first));
    CHECK(batch->pixels.shape() == Shape{batch->size, 3});
    const auto pixels = batch->pixels.host<float>();
    for (int i = 0; i < batch->size; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const int sample = order[static_cast<std::size_t>(first + i)];
      REQUIRE(batch->indices[at] == sample);
      REQUIRE(batch->labels[at] == sample % 3);
      REQUIRE(pixels[3 * at] == static_cast<float>(1000 * epoch + sample));
      REQUIRE(pixels[3 * at + 2] == -1.0f);
    }
    ++number;
  }
  return number;
}

TEST_CASE("every sample comes once, in order, with a short last batch") {
  for (const int samples : {1, 2, 7, 8, 9, 100}) {
    for (const int batch_size : {1, 2, 4, 8, 200}) {
      CAPTURE(samples);
      CAPTURE(batch_size);
      const Counting data(samples);
      BatchLoader loader(data, batch_size);
      std::vector<int> order(static_cast<std::size_t>(samples));
      std::iota(order.begin(), order.end(), 0);
      for (int epoch = 0; epoch < 3; ++epoch) {
        loader.start(epoch, epoch == 0 ? std::span<const int>() : order);
        const int batches = (samples + batch_size - 1) / batch_size;
        CHECK(loader.batches() == batches);
        CHECK(check_epoch(loader, order, batch_size, epoch, 0) == batches);
        CHECK(loader.next() == nullptr);
        order = epoch_order(samples, 5, epoch);
      }
    }
  }
}

TEST_CASE("an epoch can begin in its middle, and be left at any time") {
  const Counting data(50);
  BatchLoader loader(data, 6);
  const std::vector<int> order = epoch_order(50, 1, 4);
  CHECK(loader.next() == nullptr);
  for (int first = 0; first <= 9; ++first) {
    loader.start(3, order, first);
    if (first % 2 == 1) loader.next();  // and then break off
    if (first % 3 == 1) loader.next();
    loader.start(4, order, first);
    CHECK(check_epoch(loader, order, 6, 4, first) == 9);
  }
  const std::vector<int> some = {4, 4, 49, 0, 1, 2, 3};
  loader.start(0, some);
  CHECK(check_epoch(loader, some, 6, 0, 0) == 2);
}

TEST_CASE("a batch stays as it was until the next call, while the one after it is being read") {
  const Counting data(40);
  BatchLoader loader(data, 4);
  loader.start(0, {});
  const Batch* batch = loader.next();
  REQUIRE(batch != nullptr);
  while (data.reads.load() < 8) std::this_thread::yield();  // the second batch has been read ahead
  CHECK(batch->indices[0] == 0);
  CHECK(batch->pixels.host<float>()[10] == 3.0f);
  CHECK(loader.next()->number == 1);
  while (data.reads.load() < 12) std::this_thread::yield();
  CHECK(data.reads.load() == 12);  // one ahead, no more: both slots are taken
}

TEST_CASE("an exception while reading reaches the caller, after the batches before it, and is not the end") {
  Counting data(20);
  data.broken_ = 13;
  BatchLoader loader(data, 5);
  for (int round = 0; round < 2; ++round) {
    loader.start(0, {});
    CHECK(loader.next()->number == 0);
    CHECK(loader.next()->number == 1);
    CHECK_THROWS_WITH_AS(loader.next(), "the disk has gone", std::runtime_error);
    CHECK(loader.next() == nullptr);
  }
  const std::vector<int> healthy = {0, 1, 2, 3, 19};
  loader.start(2, healthy);
  CHECK(check_epoch(loader, healthy, 5, 2, 0) == 1);
}

TEST_CASE("a loader that is dropped in the middle ends") {
  const Counting data(1000);
  for (int i = 0; i < 20; ++i) {
    BatchLoader loader(data, 100);
    if (i > 0) loader.start(0, {});
    if (i > 10) loader.next();
  }
  CHECK(data.reads.load() >= 900);
}

TEST_CASE("what cannot be loaded is refused") {
  const Counting data(10);
  const Counting nothing(0);
  CHECK(error_of([&] { BatchLoader(data, 0); }).says("batch size of at least 1, got 0"));
  CHECK(error_of([&] { BatchLoader(nothing, 4); }).kind == ErrorKind::data);
  BatchLoader loader(data, 4);
  const std::vector<int> wrong = {3, 10};
  CHECK(error_of([&] { loader.start(0, wrong); }).says("samples from 0 to 9, got 10"));
  CHECK(error_of([&] { loader.start(0, std::vector<int>(11, 0)); }).says("at most the 10 samples"));
  CHECK(error_of([&] { loader.start(0, {}, 4); }).says("3 batches of the epoch, got 4"));
}

TEST_CASE("an epoch's order is a permutation that depends on seed and epoch alone") {
  for (const int n : {0, 1, 2, 3, 1000}) {
    const std::vector<int> order = epoch_order(n, 7, 3);
    CHECK(order == epoch_order(n, 7, 3));
    CHECK(std::set<int>(order.begin(), order.end()).size() == static_cast<std::size_t>(n));
    for (const int sample : order) CHECK((sample >= 0 && sample < n));
  }
  CHECK(epoch_order(100, 7, 3) != epoch_order(100, 7, 4));
  CHECK(epoch_order(100, 7, 3) != epoch_order(100, 8, 3));
}

// Each of the 6 orders of 3 samples is expected 1,000 times, with a standard deviation of sqrt(6000 5/36) = 29; six of
// those leave one false alarm in 10^8 runs of other seeds, and this seed is fixed.
TEST_CASE("all orders are equally likely") {
  std::map<std::vector<int>, int> counts;
  for (int epoch = 0; epoch < 6000; ++epoch) ++counts[epoch_order(3, 11, epoch)];
  REQUIRE(counts.size() == 6);
  for (const auto& [order, count] : counts) CHECK(std::abs(count - 1000) <= 6 * 29);
}

TEST_CASE("labelled images: counts, selection, and the data set over them") {
  LabelledImages images;
  images.pixels = Tensor::from<std::uint8_t>({4, 1, 2, 1}, std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6, 7, 8});
  images.labels = {0, 2, 2, 0};
  images.class_names = {"a", "b", "c"};
  images.sources = {"a/1", "c/1", "c/2", "a/2"};
  CHECK(images.class_counts() == std::vector<int>{2, 0, 2});
  const LabelledImages chosen = images.select(std::vector<int>{3, 1, 3});
  CHECK(chosen.pixels.shape() == Shape{3, 1, 2, 1});
  const auto pixels = chosen.pixels.host<std::uint8_t>();
  CHECK(std::vector<int>(pixels.begin(), pixels.end()) == std::vector<int>{7, 8, 3, 4, 7, 8});
  CHECK(chosen.labels == std::vector<std::int32_t>{0, 2, 0});
  CHECK(chosen.sources == std::vector<std::string>{"a/2", "c/1", "a/2"});
  CHECK(chosen.class_names == images.class_names);
  CHECK(error_of([&] { images.select(std::vector<int>{4}); }).says("from 0 to 3, got 4"));

  const ImageDataset data(images);
  CHECK(data.size() == 4);
  CHECK(data.sample_shape() == Shape{1, 2, 1});
  CHECK(data.label(1) == 2);
  std::byte out[2];
  data.read(2, 0, out);
  CHECK(out[1] == std::byte{6});
  images.labels.pop_back();
  CHECK(error_of([&] { ImageDataset(images).size(); }).says("a data set of 3 labels needs pixels of (3, ...)"));
  images.labels.push_back(3);
  CHECK(error_of([&] { images.class_counts(); }).says("labels from 0 to 2"));
}

}  // namespace
}  // namespace curie
