// What training on a device with memory of its own promises: the same bytes twice, with recorded steps or plain ones,
// with the data set on the device or sent batch by batch; and what it says when the memory is too small.
#include <doctest/doctest.h>

#include <cstring>

#include "model/model.h"
#include "model/session.h"
#include "support/backend.h"
#include "support/blobs.h"
#include "support/datasets.h"
#include "support/throws.h"
#ifdef CURIE_WITH_EMULATED
#include "emu/memory.h"
#endif

using namespace curie;
using curie::test::blobs;
using curie::test::Floats;
using curie::test::MadeOnHost;
using curie::test::Streamed;

namespace {

Sequential two_blocks() {
  Sequential model({10, 10, 1}, 4);
  model.add(Conv2D{.filters = 8, .kernel = 3, .activation = Activation::relu})
      .add(MaxPool2D{.pool = 2})
      .add(Dropout{.rate = 0.3f})
      .add(Conv2D{.filters = 6, .kernel = 3, .bias = false})
      .add(BatchNormalization{})
      .add(ReLU{})
      .add(Flatten{})
      .add(Dense{.units = 3, .activation = Activation::softmax});
  return model;
}

std::vector<float> trained(const Dataset& data, bool record_steps, const std::vector<double>& class_weights = {}) {
  Sequential model = two_blocks();
  model.compile({.loss = SparseCategoricalCrossentropy{},
                 .device = test::device_under_test(),
                 .backend = {.record_steps = record_steps}});
  FitOptions options{.epochs = 2, .batch_size = 16, .validation = &data, .verbose = Verbosity::silent};
  options.class_weights = class_weights;
  model.fit(data, options);  // 40 samples: two batches of 16 and one of 8
  const Tensor weights = model.session().weights();
  return {weights.host<float>().begin(), weights.host<float>().end()};
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("training gives the same bytes twice, recorded or not, from the device's copy of the data or the host's") {
  const LabelledImages images = blobs(40, 10, 3);
  const ImageDataset data(images);
  const std::vector<float> weights = trained(data, true);
  CHECK(same_bits(trained(data, true), weights));
  CHECK(same_bits(trained(data, false), weights));
  CHECK(same_bits(trained(Streamed(images), true), weights));
  const std::vector<float> weighted = trained(data, true, {1.0f, 2.0f, 0.5f});
  CHECK_FALSE(same_bits(weighted, weights));
  CHECK(same_bits(trained(Streamed(images), false, {1.0f, 2.0f, 0.5f}), weighted));
}

TEST_CASE("training and validation samples may be of different types, and each of both types") {
  const LabelledImages images = blobs(40, 10, 3);
  const ImageDataset bytes(images);
  const auto fitted = [](const Dataset& train, const Dataset& validation) {
    Sequential model = two_blocks();
    model.compile({.loss = SparseCategoricalCrossentropy{}, .device = test::device_under_test()});
    const History history =
        model.fit(train, {.epochs = 2, .batch_size = 16, .validation = &validation, .verbose = Verbosity::silent});
    const Tensor outputs = model.predict(validation);
    std::vector<float> result(outputs.host<float>().begin(), outputs.host<float>().end());
    for (const char* name : {"loss", "val_loss", "val_accuracy"}) {
      for (const double value : history.column(name)) result.push_back(static_cast<float>(value));
    }
    return result;
  };
  const std::vector<float> expected = fitted(bytes, bytes);
  for (const bool fixed : {false, true}) {
    const Floats floats(images, fixed);
    CHECK(same_bits(fitted(floats, bytes), expected));
    CHECK(same_bits(fitted(bytes, floats), expected));
    CHECK(same_bits(fitted(floats, floats), expected));
  }
}

TEST_CASE("augmented samples made on the device train to the same bytes as those made on the host") {
  const LabelledImages images = blobs(40, 10, 3);
  const Augmentation augmentation{
      .rotation = 20, .width_shift = .1, .zoom_low = .8, .zoom_high = 1.2, .horizontal_flip = true};
  const PixelScale scale = pixel_scale(255, {}, {}, 1);
  const AugmentedDataset data(images, augmentation, scale, 3);
  const std::vector<float> weights = trained(data, true);
  CHECK(same_bits(trained(data, false), weights));
  CHECK(same_bits(trained(MadeOnHost(data), true), weights));
  CHECK_FALSE(same_bits(trained(AugmentedDataset(images, augmentation, scale, 4), true), weights));
  const AugmentedDataset turned(images, {.style = AugmentationStyle::torchvision, .rotation = 10}, scale, 3);
  CHECK(same_bits(trained(MadeOnHost(turned), true), trained(turned, true)));
  const Augmentation tones{.height_shifts = Augmentation::whole_pixels(3),
                           .channel_shift = 30,
                           .brightness_low = .7,
                           .brightness_high = 1.3,
                           .fill_mode = WarpFill::reflect};
  PixelScale standardized = pixel_scale(1, {}, {}, 1);
  standardized.samplewise = WarpSamplewise::standardize;
  const AugmentedDataset toned(images, tones, standardized, 3);
  CHECK(same_bits(trained(MadeOnHost(toned), true), trained(toned, true)));
}

TEST_CASE("the predicted memory is what a plan takes") {
  Sequential model = two_blocks();
  model.compile({.loss = SparseCategoricalCrossentropy{}, .device = test::device_under_test()});
  Session& session = model.session();
  const std::optional<Backend::Memory> before = session.backend().memory();
  if (!before) return;  // the CPU has the host's
  const std::size_t parameters = session.parameters().bytes();
  const std::size_t predicted = session.predicted_bytes({.training = 512, .inference = 512});
  session.plan({.training = 512, .inference = 512});
  const std::size_t taken = before->free - session.backend().memory()->free;
  // Each of some ten blocks is rounded up, by at most 512 bytes here; a GPU's driver hands out 2 MiB at a time.
  const std::size_t rounding = session.backend().device().kind == DeviceKind::cuda ? std::size_t{32} << 20 : 16 * 512;
  CHECK(taken + parameters <= predicted + rounding);
  CHECK(taken + parameters + rounding >= predicted);
}

#ifdef CURIE_WITH_EMULATED
TEST_CASE("a device that is too small says what was asked for, what each layer takes and which batch fits") {
  if (test::device_under_test() != "emulated") return;
  struct Limit {
    explicit Limit(std::size_t bytes) { emu::set_memory_limit(emu::memory_in_use() + bytes); }
    ~Limit() { emu::set_memory_limit(~std::size_t{0}); }
  };
  const LabelledImages images = blobs(400, 10, 3);
  const ImageDataset data(images);
  Sequential model = two_blocks();
  model.compile({.loss = SparseCategoricalCrossentropy{}, .device = "emulated"});
  const Limit limit(256 << 10);
  const auto fit = [&](int batch) {
    model.fit(data, {.epochs = 1, .batch_size = batch, .verbose = Verbosity::silent});
  };
  std::string message;
  try {
    fit(400);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::out_of_memory);
    message = error.what();
  }
  for (const char* part : {"has no room for", "a training step of 400 samples needs", "are free", "conv2d", "dense",
                           "scratch memory", "parameters, gradients, optimizer", "the largest batch that fits is "}) {
    CAPTURE(message);
    CHECK(message.find(part) != std::string::npos);
  }
  // What the message promises holds.
  const std::string promise = "--batch-size ";
  const int batch = std::stoi(message.substr(message.find(promise) + promise.size()));
  CHECK(batch >= 1);
  CHECK(batch < 400);
  fit(batch);
}
#endif
