#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "model/callbacks.h"
#include "model/model.h"
#include "model/session.h"
#include "support/backend.h"
#include "support/blobs.h"
#include "support/log_capture.h"
#include "support/throws.h"
#include "tensor/log.h"

using namespace curie;
using curie::test::blobs;
using curie::test::error_message;
using curie::test::LogCapture;

namespace {

Sequential small_model(std::uint64_t seed = 3, int outputs = 1) {
  Sequential model({8, 8, 1}, seed);
  model.add(Conv2D{.filters = 6, .kernel = 3, .activation = Activation::relu})
      .add(MaxPool2D{.pool = 2})
      .add(Dropout{.rate = 0.25f})
      .add(Flatten{})
      .add(Dense{.units = outputs, .activation = outputs == 1 ? Activation::sigmoid : Activation::softmax});
  return model;
}

CompileOptions on_device(int threads = 2) {
  return {
      .optimizer = Adam{.learning_rate = 0.01f}, .device = test::device_under_test(), .backend = {.threads = threads}};
}

FitOptions quiet(int epochs, int batch_size = 16) {
  return {.epochs = epochs, .batch_size = batch_size, .verbose = Verbosity::silent};
}

std::vector<float> weights_of(Model& model) {
  const Tensor weights = model.session().weights();
  const std::span<const float> values = weights.host<float>();
  return {values.begin(), values.end()};
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("a small network learns, and fit, evaluate and predict agree") {
  const LabelledImages images = blobs(96);
  const LabelledImages held_out = blobs(40, 8, 2, 9);
  const ImageDataset train(images), validation(held_out);
  Sequential model = small_model();
  model.compile(on_device());
  FitOptions options = quiet(20);
  options.validation = &validation;
  const History history = model.fit(train, options);
  REQUIRE(history.epochs.size() == 20);
  CHECK(history.column("loss").back() < 0.5 * history.column("loss").front());
  CHECK(history.column("val_accuracy").back() > 0.95);
  const Evaluation evaluation = model.evaluate(validation, 7);
  CHECK(evaluation.accuracy == doctest::Approx(history.column("val_accuracy").back()).epsilon(1e-9));
  CHECK(evaluation.loss == doctest::Approx(history.column("val_loss").back()).epsilon(1e-5));
  const Tensor outputs = model.predict(validation, 13);
  int correct = 0;
  for (std::size_t i = 0; i < held_out.labels.size(); ++i) {
    correct += (outputs.host<float>()[i] > 0.5f) == (held_out.labels[i] == 1);
  }
  CHECK(correct == std::lround(evaluation.accuracy * evaluation.samples));
}

TEST_CASE("frozen layers run as in inference and no byte of them changes; what is frozen can learn again") {
  const LabelledImages images = blobs(40);
  const ImageDataset train(images);
  Sequential model({8, 8, 1}, 5);
  model.add(Conv2D{.filters = 8, .kernel = 3, .activation = Activation::relu, .name = "base_conv"})
      .add(MaxPool2D{.pool = 2, .name = "base_pool"})
      .add(BatchNormalization{.name = "base_norm"})
      .add(Dropout{.rate = 0.5f, .name = "base_dropout"})
      .add(Flatten{})
      .add(Dense{.units = 1, .activation = Activation::sigmoid});
  const auto bytes_of = [&](const std::string& prefix) {
    std::vector<float> values;
    for (const auto& [name, tensor] : model.state()) {
      if (name.rfind(prefix, 0) != 0) continue;
      values.insert(values.end(), tensor.host<float>().begin(), tensor.host<float>().end());
    }
    return values;
  };
  model.compile(on_device());
  model.fit(train, quiet(1));
  const std::vector<float> base = bytes_of("base"), head = bytes_of("dense");

  model.freeze("base");
  CHECK_FALSE(model.compiled());
  model.compile(on_device());
  CHECK(same_bits(bytes_of("base"), base));
  CHECK(same_bits(bytes_of("dense"), head));
  // With everything but the last layer as in inference, a step's loss is what evaluation says.
  const double before = model.evaluate(train).loss;
  const History history = model.fit(train, quiet(1, 40));
  CHECK(history.column("loss").front() == doctest::Approx(before).epsilon(1e-6));
  CHECK(same_bits(bytes_of("base"), base));
  CHECK_FALSE(same_bits(bytes_of("dense"), head));

  model.set_trainable("base", true);
  model.compile(on_device());
  model.fit(train, quiet(1));
  CHECK_FALSE(same_bits(bytes_of("base_conv"), std::vector<float>(base.begin(), base.begin() + 80)));

  model.freeze_through("dense");
  model.compile(on_device());
  CHECK(error_message([&] { model.fit(train, quiet(1)); }).find("every layer is frozen") != std::string::npos);
}

TEST_CASE("several classes: one-hot and class-index losses train alike") {
  const LabelledImages images = blobs(90, 9, 3);
  const ImageDataset train(images);
  std::vector<float> learned[2];
  const Loss losses[2] = {CategoricalCrossentropy{}, SparseCategoricalCrossentropy{}};
  for (int i = 0; i < 2; ++i) {
    Sequential model({9, 9, 1}, 5);
    model.add(Flatten{}).add(Dense{.units = 3, .activation = Activation::softmax});
    CompileOptions options = on_device();
    options.loss = losses[i];
    model.compile(options);
    const History history = model.fit(train, quiet(8));
    CHECK(history.column("accuracy").back() > 0.9);
    learned[i] = weights_of(model);
  }
  for (std::size_t i = 0; i < learned[0].size(); ++i)
    CHECK(learned[0][i] == doctest::Approx(learned[1][i]).epsilon(1e-3));
}

TEST_CASE("the same seed gives the same bits, whatever the number of threads; another seed does not") {
  const LabelledImages images = blobs(50);
  const ImageDataset train(images);
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    Sequential model = small_model(11);
    model.compile(on_device(threads));
    model.fit(train, quiet(3));
    results.push_back(weights_of(model));
  }
  CHECK(same_bits(results[0], results[1]));
  CHECK(same_bits(results[0], results[2]));
  Sequential other = small_model(12);
  other.compile(on_device());
  other.fit(train, quiet(3));
  CHECK_FALSE(same_bits(results[0], weights_of(other)));
}

TEST_CASE("a run that is interrupted anywhere and resumed ends bit for bit where an undisturbed run ends") {
  const LabelledImages images = blobs(50);
  const LabelledImages held_out = blobs(20, 8, 2, 4);
  const ImageDataset train(images), validation(held_out);
  const LogSink previous = set_log_sink([](LogLevel, std::string_view) {});
  const auto options = [&] {
    FitOptions fit = quiet(6);
    fit.validation = &validation;
    fit.callbacks = {EarlyStopping{.patience = 5, .restore_best_weights = true},
                     ReduceLROnPlateau{.factor = 0.5, .patience = 1, .min_delta = 0.5}};
    return fit;
  };
  Sequential undisturbed = small_model();
  undisturbed.compile(on_device());
  const History expected = undisturbed.fit(train, options());

  for (int stop_after = 1; stop_after <= 25; stop_after += 2) {  // 4 batches an epoch
    CAPTURE(stop_after);
    Sequential first = small_model();
    first.compile(on_device());
    TrainingSnapshot snapshot;
    int asked = 0;
    FitOptions interrupted = options();
    interrupted.interrupted = [&] { return ++asked >= stop_after; };
    interrupted.save = [&](const TrainingSnapshot& s) { snapshot = s; };
    const History part = first.fit(train, interrupted);
    const bool was_interrupted = part.stop_reason.rfind("interrupted", 0) == 0;
    CHECK(was_interrupted == (stop_after <= 23));  // every batch asks, but the very last one

    Sequential second = small_model();
    second.compile(on_device());
    FitOptions resumed = options();
    resumed.resume = &snapshot;
    const History rest = second.fit(train, resumed);
    CHECK(same_bits(weights_of(undisturbed), weights_of(second)));
    REQUIRE(rest.epochs.size() == expected.epochs.size());
    for (std::size_t e = 0; e < rest.epochs.size(); ++e) {
      CHECK(rest.epochs[e].logs.values() == expected.epochs[e].logs.values());
    }
  }
  set_log_sink(previous);
}

TEST_CASE("an interruption is seen, too, where every epoch is one batch") {
  const LabelledImages images = blobs(10);
  const ImageDataset train(images);
  const LogSink previous = set_log_sink([](LogLevel, std::string_view) {});
  Sequential undisturbed = small_model(), first = small_model(), second = small_model();
  for (Sequential* model : {&undisturbed, &first, &second}) model->compile(on_device());
  undisturbed.fit(train, quiet(5));

  TrainingSnapshot snapshot;
  int asked = 0;
  FitOptions interrupted = quiet(5);
  interrupted.interrupted = [&] { return ++asked == 2; };
  interrupted.save = [&](const TrainingSnapshot& s) { snapshot = s; };
  const History part = first.fit(train, interrupted);
  CHECK(part.stop_reason == "interrupted after epoch 2");
  CHECK(part.epochs.size() == 2);
  FitOptions resumed = quiet(5);
  resumed.resume = &snapshot;
  CHECK(second.fit(train, resumed).epochs.size() == 5);
  CHECK(same_bits(weights_of(undisturbed), weights_of(second)));
  set_log_sink(previous);
}

TEST_CASE("labels and weights that cannot be meant are refused before the model changes") {
  LabelledImages images = blobs(16);
  Sequential model = small_model();
  model.compile(on_device());
  const std::vector<float> before = weights_of(model);
  const auto refused = [&](const FitOptions& options) {
    const ImageDataset train(images);
    return error_message([&] { model.fit(train, options); });
  };
  images.labels[13] = -1;
  CHECK(refused(quiet(1)).find("sample 13 of the training set has the class number -1") != std::string::npos);
  images.labels[13] = 2;
  CHECK(refused(quiet(1)).find("tells 2 classes apart, 0 to 1") != std::string::npos);
  images.labels[13] = 1;

  LabelledImages held_out = blobs(8, 8, 2, 4);
  held_out.labels[5] = 7;
  const ImageDataset validation(held_out);
  FitOptions options = quiet(1);
  options.validation = &validation;
  CHECK(refused(options).find("sample 5 of the validation set has the class number 7") != std::string::npos);
  options.validation = nullptr;

  const std::pair<std::vector<double>, const char*> weights[] = {{{1.0, 1.0, 1.0}, "at most 2 class weights"},
                                                                 {{1.0, -5.0}, "got -5 for class 1"},
                                                                 {{NAN}, "got nan for class 0"},
                                                                 {{0.0, 0.0}, "every class weighs 0"}};
  for (const auto& row : weights) {
    CAPTURE(row.second);
    options.class_weights = row.first;
    CHECK(refused(options).find(row.second) != std::string::npos);
  }
  options.class_weights = {};
  options.sample_weights.assign(16, 1.0f);
  options.sample_weights[9] = -0.5f;
  CHECK(refused(options).find("got -0.5 for sample 9") != std::string::npos);
  CHECK(same_bits(weights_of(model), before));

  // A class that is not there is no error, but said.
  LogCapture log;
  for (std::int32_t& label : held_out.labels) label = 1;
  const ImageDataset train(images), one_class(held_out);
  options = quiet(1);
  options.validation = &one_class;
  model.fit(train, options);
  CHECK(log.lines.find("the validation set has no sample of class 0: nothing is known about it") != std::string::npos);
}

TEST_CASE("resuming with other options or from damaged state is refused") {
  const LabelledImages images = blobs(32);
  const ImageDataset train(images);
  Sequential model = small_model();
  model.compile(on_device());
  TrainingSnapshot snapshot;
  FitOptions options = quiet(1);
  options.save = [&](const TrainingSnapshot& s) { snapshot = s; };
  model.fit(train, options);
  FitOptions other = quiet(2, 8);
  other.resume = &snapshot;
  CHECK(error_message([&] { model.fit(train, other); }).find("batch_size 16") != std::string::npos);
  FitOptions damaged = quiet(2);
  TrainingSnapshot broken = snapshot;
  broken.state = "{}";
  damaged.resume = &broken;
  CHECK(error_message([&] { model.fit(train, damaged); }).find("damaged") != std::string::npos);
}

TEST_CASE("a loss that is not a number ends the run with advice and keeps what was saved") {
  LabelledImages images = blobs(32);
  const ImageDataset train(images);
  Sequential model = small_model();
  CompileOptions options = on_device();
  options.optimizer = Sgd{.learning_rate = 1e38f};
  model.compile(options);
  int saved = 0;
  FitOptions fit = quiet(5);
  fit.save = [&](const TrainingSnapshot&) { ++saved; };
  const std::string message = error_message([&] { model.fit(train, fit); });
  CHECK(message.find("the loss is") != std::string::npos);
  CHECK(message.find("lower learning rate") != std::string::npos);
  CHECK(saved == 0);

  Sequential guarded = small_model();
  guarded.compile(options);
  FitOptions with_guard = quiet(5);
  with_guard.callbacks = {TerminateOnNaN{}};
  const LogSink previous = set_log_sink([](LogLevel, std::string_view) {});
  CHECK(guarded.fit(train, with_guard).stop_reason.find("the loss is") != std::string::npos);
  set_log_sink(previous);
}

TEST_CASE("class weights of 0 take a class out of the loss") {
  const LabelledImages images = blobs(32);
  const ImageDataset train(images);
  Sequential model({8, 8, 1}, 2);
  model.add(Flatten{}).add(Dense{.units = 1, .activation = Activation::sigmoid});
  CompileOptions options = on_device();
  model.compile(options);
  FitOptions fit = quiet(60);
  fit.class_weights = {0.0, 1.0};
  model.fit(train, fit);
  const Tensor outputs = model.predict(train);
  for (const float p : outputs.host<float>()) CHECK(p > 0.5f);  // nothing ever spoke for class 0
}

TEST_CASE("options that cannot work are refused before anything is computed") {
  const LabelledImages images = blobs(16);
  const LabelledImages other_size = blobs(16, 6);
  const ImageDataset train(images), wrong(other_size);
  Sequential model = small_model();
  CHECK(error_message([&] { model.fit(train, quiet(1)); }).find("compile") != std::string::npos);
  model.compile(on_device());
  CHECK(error_message([&] { model.fit(train, quiet(0)); }).find("epoch") != std::string::npos);
  CHECK(error_message([&] { model.fit(wrong, quiet(1)); }).find("(6, 6, 1)") != std::string::npos);
  FitOptions options = quiet(1);
  options.sample_weights = {1.0f};
  CHECK_THROWS_AS(model.fit(train, options), Error);
  CHECK_THROWS_AS(model.fit(train, quiet(1, 0)), Error);
}

TEST_CASE("a batch larger than the data set is one batch, and is said") {
  const LabelledImages images = blobs(10);
  const ImageDataset train(images);
  Sequential model = small_model();
  model.compile(on_device());
  std::string log;
  const LogSink previous = set_log_sink([&](LogLevel, std::string_view text) { log += text; });
  CHECK(model.fit(train, quiet(1, 256)).epochs.size() == 1);
  set_log_sink(previous);
  CHECK(log.find("256 is larger") != std::string::npos);
  CHECK(model.session().step() == 1);
}

TEST_CASE("a model's state goes out and in, and is refused whole when it does not fit") {
  const LabelledImages images = blobs(16);
  const ImageDataset train(images);
  Sequential model = small_model(1), other = small_model(2);
  model.compile(on_device());
  other.compile(on_device());
  auto state = model.state();
  other.set_state(state);
  CHECK(same_bits(weights_of(model), weights_of(other)));
  const std::vector<float> before = weights_of(other);
  state[0].second = Tensor::zeros({1});
  CHECK(error_message([&] { other.set_state(state); }).find("conv2d/kernel") != std::string::npos);
  state = model.state();
  state.pop_back();
  CHECK(error_message([&] { other.set_state(state); }).find("missing") != std::string::npos);
  state = model.state();
  state.emplace_back("ghost/kernel", Tensor::zeros({1}));
  CHECK(error_message([&] { other.set_state(state); }).find("ghost/kernel") != std::string::npos);
  CHECK(same_bits(before, weights_of(other)));
  other.compile(on_device());  // compiling again keeps what was learned
  CHECK(same_bits(before, weights_of(other)));
}
