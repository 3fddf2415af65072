// Clipping, accumulation, moving averages and multipliers of the learning rate: against Keras
// (scripts/goldens/updates.py), and across interruptions.
#include "model/updater.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "model/callbacks.h"
#include "model/model.h"
#include "model/session.h"
#include "support/backend.h"
#include "support/blobs.h"
#include "support/throws.h"
#include "tensor/files.h"

using namespace curie;
using curie::test::blobs;
using curie::test::error_message;

namespace {

void send(Backend& backend, const Tensor& to, const nlohmann::json& values) {
  const auto host = values.get<std::vector<float>>();
  backend.copy_to_device(to.raw(), std::as_bytes(std::span(host)).data(), to.bytes());
}

void check_near(Backend& backend, const ParameterStore& store, const nlohmann::json& expected) {
  for (std::size_t p = 0; p < expected.size(); ++p) {
    const Tensor found = test::to_host(backend, store.parameters()[p].parameter->value);
    for (std::size_t i = 0; i < expected[p].size(); ++i) {
      // Both compute in float32: some roundings a step, over seven steps, of weights about 1.
      CHECK(std::abs(static_cast<double>(found.host<float>()[i]) - expected[p][i].get<double>()) <= 2e-6);
    }
  }
}

Sequential model_with(const OptimizerChoice& optimizer, bool multiplied = false) {
  Sequential model({8, 8, 1}, 3);
  model.add(Conv2D{.filters = 6, .kernel = 3, .activation = Activation::relu})
      .add(MaxPool2D{.pool = 2})
      .add(Dropout{.rate = 0.25f})
      .add(Flatten{})
      .add(Dense{.units = 8, .activation = Activation::relu})
      .add(Dense{.units = 1, .activation = Activation::sigmoid});
  if (multiplied) model.set_rate_multiplier("conv2d", 0.25f);
  model.compile({.optimizer = optimizer, .device = test::device_under_test()});
  return model;
}

std::vector<float> weights_of(Model& model) {
  const Tensor weights = model.session().weights();
  return {weights.host<float>().begin(), weights.host<float>().end()};
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

FitOptions quiet(int epochs, int batch_size) {
  return {.epochs = epochs, .batch_size = batch_size, .verbose = Verbosity::silent};
}

// Calls a function at the end of every epoch, and at the end of training.
class Watcher final : public Callback {
 public:
  using Watch = std::function<void(const TrainingControl&)>;
  explicit Watcher(Watch epoch, Watch end = {}) : epoch_(std::move(epoch)), end_(std::move(end)) {}
  std::string name() const override { return "Watcher"; }
  void on_epoch_end(int, const Logs&, TrainingControl& control) override { epoch_(control); }
  void on_train_end(TrainingControl& control) override {
    if (end_) end_(control);
  }

 private:
  Watch epoch_, end_;
};

std::vector<float> copy_of(const Tensor& tensor) { return {tensor.host<float>().begin(), tensor.host<float>().end()}; }

}  // namespace

TEST_CASE("clipping, accumulation, schedules and averages give Keras' weights") {
  const nlohmann::json golden = nlohmann::json::parse(read_text(std::string(CURIE_TEST_DATA) + "/updates.json"));
  const std::unique_ptr<Backend> backend = test::test_backend(1);
  for (const nlohmann::json& test : golden.at("updates")) {
    CAPTURE(test.at("config").dump());
    const std::unique_ptr<Optimizer> optimizer = make_optimizer(test.at("config"));
    Graph graph({3}, 1);
    graph.add(Dense{.units = 2}.make(), {0});
    const ParameterStore store(graph, *backend, optimizer->state_arrays());
    Updater updater(*backend, *optimizer, store);
    for (std::size_t p = 0; p < 2; ++p) {
      send(*backend, store.parameters()[p].parameter->value, golden.at("first_weights")[p]);
    }
    const test::OnDevice<StepState> state(*backend, {});
    std::uint32_t step = 0;
    for (; step < test.at("gradients").size(); ++step) {
      for (std::size_t p = 0; p < 2; ++p) {
        send(*backend, store.parameters()[p].parameter->gradient, test.at("gradients")[step][p]);
      }
      StepState filled{.step = step};
      optimizer->fill(filled);
      state.set(filled);
      updater.run(updater.phase(step), state.address());
      CAPTURE(step);
      check_near(*backend, store, test.at("weights")[step]);
    }
    updater.overwrite_weights(step);
    check_near(*backend, store, test.at("final"));
  }
}

TEST_CASE("the mean over accumulated batches is the gradient of the larger batch") {
  const LabelledImages images = blobs(48);
  const ImageDataset data(images);
  Sequential whole({8, 8, 1}, 3), parts({8, 8, 1}, 3);
  for (Sequential* model : {&whole, &parts}) {
    model->add(Flatten{}).add(Dense{.units = 1, .activation = Activation::sigmoid});
    model->compile({.optimizer = Sgd{.learning_rate = 0.1f, .accumulate = model == &parts ? 3 : 1},
                    .device = test::device_under_test()});
  }
  whole.fit(data, quiet(2, 48));
  parts.fit(data, quiet(2, 16));
  const std::vector<float> a = weights_of(whole), b = weights_of(parts);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) <= 1e-6f);
}

TEST_CASE("a multiplier scales a layer's rate alone") {
  const LabelledImages images = blobs(16);
  const ImageDataset data(images);
  Sequential plain = model_with(Sgd{.learning_rate = 0.5f}), multiplied = model_with(Sgd{.learning_rate = 0.5f}, true);
  const auto before = plain.state();
  plain.fit(data, quiet(1, 16));
  multiplied.fit(data, quiet(1, 16));
  const auto a = plain.state(), b = multiplied.state();
  for (std::size_t p = 0; p < a.size(); ++p) {
    CAPTURE(a[p].first);
    const float factor = a[p].first.rfind("conv2d", 0) == 0 ? 0.25f : 1.0f;
    for (std::size_t i = 0; i < a[p].second.elements(); ++i) {
      const float start = before[p].second.host<float>()[i];
      const float moved = a[p].second.host<float>()[i] - start, other = b[p].second.host<float>()[i] - start;
      CHECK(std::abs(other - factor * moved) <= 1e-6f);
    }
  }
  const Model twin = Model::from_config(nlohmann::json::parse(multiplied.config().dump()));
  CHECK(twin.config() == multiplied.config());
  CHECK(twin.graph().nodes()[0].rate_multiplier == 0.25f);
  CHECK(error_message([&] { plain.set_rate_multiplier("conv2d", -1.0f); }).find("at least 0, got -1") !=
        std::string::npos);
}

TEST_CASE("moving averages: validated and saved where wanted, and the weights at the end") {
  const LabelledImages images = blobs(48), held_out = blobs(20, 8, 2, 5);
  const ImageDataset data(images), validation(held_out);
  std::vector<float> plain_end, averaged_end;
  std::vector<double> losses[2];
  for (const bool in_validation : {false, true}) {
    Sequential model = model_with(Adam{.ema = Ema{.momentum = 0.8f, .in_validation = in_validation}});
    std::vector<float> seen, at_end;
    FitOptions options = quiet(3, 16);
    options.validation = &validation;
    const auto at_epoch_end = [&](const TrainingControl& run) { seen = copy_of(run.weights()); };
    const auto at_train_end = [&](const TrainingControl& run) { at_end = copy_of(run.weights()); };
    options.callbacks = {CallbackPtr(std::make_shared<Watcher>(at_epoch_end, at_train_end))};
    losses[in_validation] = model.fit(data, options).column("val_loss");
    CHECK(same_bits(weights_of(model), at_end));
    CHECK(same_bits(seen, at_end) == in_validation);
    (in_validation ? averaged_end : plain_end) = weights_of(model);
    if (in_validation) CHECK(model.evaluate(validation).loss == doctest::Approx(losses[1].back()).epsilon(1e-6));
  }
  CHECK(same_bits(plain_end, averaged_end));  // what training does is the same
  CHECK(losses[0] != losses[1]);
}

TEST_CASE("a run with every option goes on bit for bit after an interruption, within an accumulation too") {
  const LabelledImages images = blobs(60);
  const ImageDataset data(images);
  const auto make = [] {
    return model_with(Adam{.learning_rate = 0.02f,
                           .schedule = CosineDecay{.learning_rate = 0.02, .decay_steps = 30},
                           .clip = {.global_norm = 0.5f},
                           .accumulate = 3,
                           .ema = Ema{.momentum = 0.9f, .overwrite_frequency = 2, .in_validation = true}},
                      true);
  };
  FitOptions options = quiet(3, 8);  // eight batches an epoch: accumulations cross its end
  options.validation = &data;
  Sequential undisturbed = make();
  const History expected = undisturbed.fit(data, options);
  CHECK(expected.column("learning_rate").back() < expected.column("learning_rate").front());
  for (const int stop_after : {1, 2, 5, 11, 16}) {
    CAPTURE(stop_after);
    Sequential first = make();
    TrainingSnapshot saved;
    int steps = 0;
    FitOptions interrupted = options;
    interrupted.interrupted = [&] { return ++steps == stop_after; };
    interrupted.save = [&](const TrainingSnapshot& snapshot) { saved = snapshot; };
    REQUIRE(first.fit(data, interrupted).stop_reason.find("interrupted") != std::string::npos);
    Sequential second = make();
    FitOptions resumed = options;
    resumed.resume = &saved;
    const History history = second.fit(data, resumed);
    CHECK(same_bits(weights_of(second), weights_of(undisturbed)));
    CHECK(history.column("val_loss") == expected.column("val_loss"));
    CHECK(history.column("learning_rate") == expected.column("learning_rate"));
  }
}

TEST_CASE("a callback that would set a scheduled rate is refused before training") {
  const LabelledImages images = blobs(16);
  const ImageDataset data(images);
  Sequential model = model_with(Adam{.schedule = ExponentialDecay{}});
  const std::vector<float> before = weights_of(model);
  for (const CallbackChoice& callback : {CallbackChoice(ReduceLROnPlateau{.monitor = "loss"}),
                                         CallbackChoice(LearningRateScheduler{[](int, float rate) { return rate; }})}) {
    FitOptions options = quiet(1, 8);
    options.callbacks = {callback};
    CHECK(error_message([&] { model.fit(data, options); }).find("a schedule of its own") != std::string::npos);
    CHECK(same_bits(weights_of(model), before));
  }
}
