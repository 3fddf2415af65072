// Training goes on from Keras' files where Keras left off, and from Curie's.
#include "io/keras_optimizer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "io/keras.h"
#include "io/keras_training.h"
#include "model/optimizer_state.h"
#include "model/session.h"
#include "support/file_models.h"
#include "support/log_capture.h"
#include "support/temporary_folder.h"
#include "support/throws.h"
#include "tensor/files.h"

using namespace curie;
using namespace curie::test;

namespace {

namespace fs = std::filesystem;

const fs::path kKeras = fs::path(CURIE_TEST_DATA) / "keras";

// The batches of scripts/goldens/keras_training.py.
struct Lessons {
  LabelledImages images;
  int batch = 0;
  nlohmann::json told;
};

Lessons lessons(const std::string& writer) {
  Lessons lessons;
  lessons.told = nlohmann::json::parse(read_text(kKeras / (writer + "_trained.json")));
  const auto shape = lessons.told.at("shape").get<std::vector<int>>();
  const auto pixels = lessons.told.at("pixels").get<std::vector<std::uint8_t>>();
  lessons.images.labels = lessons.told.at("labels").get<std::vector<std::int32_t>>();
  lessons.images.pixels = Tensor::zeros(
      Shape(std::span<const int>(shape)).with_batch(static_cast<int>(lessons.images.labels.size())), DType::u8);
  std::copy(pixels.begin(), pixels.end(), lessons.images.pixels.host<std::uint8_t>().begin());
  lessons.images.class_names = {"a", "b", "c"};
  lessons.batch = lessons.told.at("batch").get<int>();
  return lessons;
}

// The loss of each batch, which one step of training follows.
std::vector<double> losses(Model& model, const LabelledImages& images, int batch) {
  std::vector<double> losses;
  for (int first = 0; first < images.size(); first += batch) {
    std::vector<int> indices;
    for (int i = first; i < first + batch; ++i) indices.push_back(i);
    const LabelledImages some = images.select(indices);
    const History history = model.fit(
        ImageDataset(some), {.epochs = 1, .batch_size = batch, .shuffle = false, .verbose = Verbosity::silent});
    losses.push_back(history.column("loss").at(0));
  }
  return losses;
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

bool same(const OptimizerState& a, const OptimizerState& b) {
  if (a.batches != b.batches || a.arrays.size() != b.arrays.size()) return false;
  for (std::size_t i = 0; i < a.arrays.size(); ++i) {
    if (a.arrays[i].first != b.arrays[i].first || a.arrays[i].second.size() != b.arrays[i].second.size()) return false;
    for (std::size_t array = 0; array < a.arrays[i].second.size(); ++array) {
      const Tensor &x = a.arrays[i].second[array], &y = b.arrays[i].second[array];
      if (x.shape() != y.shape() || std::memcmp(x.raw(), y.raw(), x.bytes()) != 0) return false;
    }
  }
  return true;
}

bool reads_keras() {
  if (!hdf5_support().present) MESSAGE("skipped: " << hdf5_support().detail);
  return hdf5_support().present;
}

// A model that has learned for some steps, with everything that state can hold: a frozen layer, running statistics.
Model trained(const OptimizerChoice& optimizer, const LabelledImages& images) {
  Sequential model({6, 5, 1}, 4);
  model.add(Conv2D{.filters = 3, .kernel = {3, 2}, .bias = false})
      .add(BatchNormalization{})
      .add(ReLU{})
      .add(Conv2D{.filters = 2, .kernel = {2, 1}, .name = "still"})
      .add(Flatten{})
      .add(Dense{.units = 3, .activation = Activation::softmax});
  model.freeze("still");
  model.compile({.optimizer = optimizer, .loss = SparseCategoricalCrossentropy{}, .device = "cpu"});
  losses(model, images, 4);
  return Model(std::move(model));
}

}  // namespace

TEST_CASE("Curie's next steps are Keras' next steps") {
  if (!reads_keras()) return;
  for (const char* file : {"keras2_trained_adam.h5", "keras2_trained_momentum.h5", "keras3_trained_adam.h5",
                           "keras3_trained_momentum.h5", "keras3_trained_adam.keras", "keras3_trained_momentum.keras",
                           "keras2_trained_average.h5", "keras2_trained_adam.keras", "keras3_trained_average.keras",
                           "keras3_trained_plain.keras", "keras3_trained_gathered.keras"}) {
    CAPTURE(file);
    const LogCapture log;
    const std::string name = file, writer = name.substr(0, 6);
    const Lessons next = lessons(writer);
    const std::string optimizer = fs::path(name).stem().string().substr(sizeof("kerasN_trained_") - 1);
    const auto expected = next.told.at("losses").at(optimizer).get<std::vector<double>>();
    LoadedModel loaded = load_keras(kKeras / name, "cpu");
    const OptimizerState state = optimizer_state(loaded.model.session());
    CHECK(state.batches == next.told.at("batches").get<std::uint32_t>());
    CHECK(distance(losses(loaded.model, next.images, next.batch), expected) < 2e-5);
    CHECK(log.lines.find("a fresh one") == std::string::npos);

    // With a fresh optimizer they are not.
    LoadedModel fresh = load_keras(kKeras / name, "cpu");
    OptimizerState none = optimizer_state(fresh.model.session());
    none.batches = 0;
    for (auto& [parameter, arrays] : none.arrays)
      for (Tensor& array : arrays) array = Tensor::zeros(array.shape());
    set_optimizer_state(fresh.model.session(), none);
    CHECK(distance(losses(fresh.model, next.images, next.batch), expected) > 1e-3);
  }
}

TEST_CASE("what is written is read back, and training goes on to the bit") {
  if (!reads_keras()) return;
  const TemporaryFolder folder;
  const LabelledImages images = lessons("keras3").images;
  const OptimizerChoice choices[] = {Adam{}, AdamW{}, Sgd{.learning_rate = 0.1f, .momentum = 0.9f},
                                     Sgd{.learning_rate = 0.1f},
                                     Adam{.schedule = Schedule(ExponentialDecay{.decay_steps = 2.0})}};
  for (const OptimizerChoice& choice : choices) {
    for (const char* file : {"m.h5", "m.keras"}) {
      CAPTURE(choice.get()->name());
      CAPTURE(file);
      Model model = trained(choice, images);
      const OptimizerState expected = optimizer_state(model.session());
      REQUIRE(expected.batches == 3);
      const ModelInfo info = info_for(model, 3);
      const bool h5 = std::string(file) == "m.h5";
      h5 ? save_keras_hdf5(folder / file, model, info) : save_keras_archive(folder / file, model, info);
      LoadedModel loaded = load_keras(folder / file, "cpu");
      CHECK(same(optimizer_state(loaded.model.session()), expected));
      CHECK(losses(loaded.model, images, 4) == losses(model, images, 4));
    }
  }
}

TEST_CASE("moving averages and gathered gradients are in .keras archives; .h5 files say that they are not") {
  if (!reads_keras()) return;
  const TemporaryFolder folder;
  const LabelledImages images = lessons("keras3").images;
  const Ema averages{.momentum = 0.8f, .overwrite_frequency = 2};
  const OptimizerChoice choices[] = {Adam{.ema = averages}, Sgd{.learning_rate = 0.1f, .ema = averages},
                                     Adam{.accumulate = 2}, Sgd{.learning_rate = 0.1f, .accumulate = 4},
                                     Sgd{.learning_rate = 0.1f, .momentum = 0.9f, .accumulate = 2, .ema = averages}};
  for (const OptimizerChoice& choice : choices) {
    CAPTURE(choice.get()->config().dump());
    const UpdateOptions& options = choice.get()->options();
    Model model = trained(choice, images);
    const OptimizerState expected = optimizer_state(model.session());
    REQUIRE(expected.batches == 3);
    REQUIRE(expected.arrays[0].second.size() == static_cast<std::size_t>(choice.get()->state_arrays()));
    const LogCapture log;
    save_keras_archive(folder / "m.keras", model, info_for(model, 3));
    LoadedModel loaded = load_keras(folder / "m.keras", "cpu");
    CHECK(same(optimizer_state(loaded.model.session()), expected));
    CHECK(loaded.model.session().optimizer().config() == choice.get()->config());
    // Only the two together mean something else in Keras.
    CHECK((log.lines.find("at every batch, Curie at every update") != std::string::npos) ==
          (options.ema && options.accumulate > 1));

    const std::size_t before = log.lines.size();
    save_keras_hdf5(folder / "m.h5", model, info_for(model, 3));
    CHECK((log.lines.find("moving average is not kept in .h5", before) != std::string::npos) ==
          options.ema.has_value());
    CHECK((log.lines.find("to an update are not kept in .h5", before) != std::string::npos) ==
          (options.accumulate > 1));
    LoadedModel poorer = load_keras(folder / "m.h5", "cpu");
    const OptimizerState left = optimizer_state(poorer.model.session());
    CHECK(left.batches == 3u / static_cast<unsigned>(options.accumulate));
    CHECK(left.arrays[0].second.size() == static_cast<std::size_t>(choice.get()->slots()));

    CHECK(losses(loaded.model, images, 4) == losses(model, images, 4));
  }
}

TEST_CASE("SGD in PyTorch's convention remembers another velocity, which is translated") {
  if (!reads_keras()) return;
  const TemporaryFolder folder;
  const LabelledImages images = lessons("keras3").images;
  Model model = trained(Sgd{.learning_rate = 0.25f, .momentum = 0.9f, .convention = Convention::pytorch}, images);
  save_keras_archive(folder / "m.keras", model, info_for(model, 3));
  LoadedModel loaded = load_keras(folder / "m.keras", "cpu");
  const OptimizerState own = optimizer_state(model.session()), read = optimizer_state(loaded.model.session());
  REQUIRE(read.arrays.size() == own.arrays.size());
  const std::span<const float> a = own.arrays[0].second[0].host<float>(), b = read.arrays[0].second[0].host<float>();
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(b[i] == -0.25f * a[i]);
  CHECK(distance(losses(loaded.model, images, 4), losses(model, images, 4)) < 1e-5);
}

TEST_CASE("state that does not fit leaves the optimizer fresh, aloud; a model that was not trained has none") {
  if (!reads_keras()) return;
  const TemporaryFolder folder;
  const LabelledImages images = lessons("keras3").images;
  Model model = trained(Adam{}, images);
  const ModelInfo info = info_for(model, 3);
  const std::vector<KerasLayer> layers = keras_layers(model);
  const nlohmann::json training = keras_training_config(model.training_config(), KerasVersion::keras3);
  std::vector<Hdf5Object> objects = keras_optimizer_objects(model, layers, training, KerasVersion::keras3);
  REQUIRE(objects.size() == 1 + 2 + 2 * 5);

  // As a model that was read: fresh, with its places.
  const auto read_into = [&](const std::vector<Hdf5Object>& there) {
    KerasModel read =
        read_keras_model(keras_model_config("m", layers, KerasVersion::keras3), "m", KerasVersion::keras3);
    read.model.compile({.optimizer = Adam{}, .loss = SparseCategoricalCrossentropy{}, .device = "cpu"});
    read_keras_optimizer({.name = "m.keras", .objects = there}, training, read);
    return optimizer_state(read.model.session());
  };
  const LogCapture log;
  CHECK(same(read_into(objects), optimizer_state(model.session())));
  CHECK(log.lines.empty());
  const auto left_fresh = [&](const std::vector<Hdf5Object>& there) {
    const std::size_t before = log.lines.size();
    CHECK(read_into(there).batches == 0);
    CHECK(log.lines.find("a fresh one", before) != std::string::npos);
  };
  std::vector<Hdf5Object> changed = objects;
  changed.pop_back();
  left_fresh(changed);
  changed = objects;
  std::swap(changed[3].values, changed[5].values);  // the first kernel's moment is a bias'
  left_fresh(changed);
  changed = objects;
  changed[1].integer = -1;
  left_fresh(changed);
  changed[1].integer = std::int64_t{1} << 40;
  left_fresh(changed);
  changed = objects;
  changed[3].values = changed[3].values.clone();
  changed[3].values.host<float>()[1] = NAN;
  CHECK_ERROR([&] { read_into(changed); }, file, "/optimizer/vars/2");

  Model untouched = ready(chain_model());
  CHECK(keras_optimizer_objects(untouched, keras_layers(untouched), training, KerasVersion::keras3).empty());
}
