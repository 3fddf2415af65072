#include "model/callbacks.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/log_capture.h"
#include "support/temporary_folder.h"
#include "support/throws.h"
#include "tensor/files.h"

using namespace curie;
using curie::test::error_message;
using curie::test::LogCapture;

namespace {

class FakeRun final : public TrainingControl {
 public:
  void stop(const std::string& reason) override { stopped = reason; }
  float learning_rate() const override { return rate; }
  void set_learning_rate(float value) override { rate = value; }
  Tensor weights() const override { return current.clone(); }
  void set_weights(const Tensor& weights) override { current = weights; }

  // Reports one value an epoch; returns the epoch (from 0) after which the callback stopped the run, or -1.
  int feed(Callback& callback, const std::string& name, const std::vector<double>& values, int first_epoch = 0) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      Logs logs;
      logs.set(name, values[i]);
      current.host<float>()[0] = static_cast<float>(values[i]);
      callback.on_epoch_end(first_epoch + static_cast<int>(i), logs, *this);
      if (!stopped.empty()) return first_epoch + static_cast<int>(i);
    }
    return -1;
  }

  std::string stopped;
  float rate = 0.1f;
  Tensor current = Tensor::zeros({1});
};

}  // namespace

TEST_CASE("early stopping waits for `patience` epochs without improvement and says why it stops") {
  FakeRun run;
  const CallbackPtr stopping = EarlyStopping{.patience = 2}.make();
  CHECK(run.feed(*stopping, "val_loss", {1.0, 0.8, 0.9, 0.7, 0.7, 0.75, 0.1}) == 5);
  CHECK(run.stopped == "Epoch 6: early stopping: val_loss has not improved on 0.70000 of epoch 4 for 2 epochs");
}

TEST_CASE("an improvement must exceed min_delta, and accuracy must rise") {
  FakeRun run;
  CHECK(run.feed(*EarlyStopping{.monitor = "loss", .min_delta = 0.1, .patience = 1}.make(), "loss", {1.0, 0.85, 0.8}) ==
        2);
  FakeRun other;
  CHECK(other.feed(*EarlyStopping{.monitor = "val_acc", .patience = 1}.make(), "val_accuracy", {0.5, 0.6, 0.6}) == 2);
  FakeRun nan;
  CHECK(nan.feed(*EarlyStopping{.patience = 2}.make(), "val_loss", {1.0, NAN, NAN}) == 2);
}

TEST_CASE("a baseline must be reached in time, and early epochs can be left out") {
  FakeRun run;
  LogCapture log;
  const auto stopped_at = [&](const std::vector<double>& values) {
    return FakeRun().feed(*EarlyStopping{.patience = 3, .baseline = 0.5}.make(), "val_loss", values);
  };
  // As in Keras: better epochs do not stop, and do not set the count back before the baseline is passed.
  CHECK(stopped_at({1.0, 0.9, 0.8, 0.7}) == -1);
  CHECK(stopped_at({1.0, 0.9, 0.8, 0.7, 0.75}) == 4);
  CHECK(stopped_at({1.0, 0.9, 0.4, 0.45, 0.5, 0.6}) == 5);
  CHECK(run.feed(*EarlyStopping{.patience = 2, .baseline = 0.5, .restore_best_weights = true}.make(), "val_loss",
                 {0.7, 0.6, 0.65}) == 2);
  CHECK(run.stopped.find("not better than the baseline 0.50000 in 3 epochs") != std::string::npos);
  FakeRun late;
  CHECK(late.feed(*EarlyStopping{.patience = 1, .start_from_epoch = 3}.make(), "val_loss", {1, 2, 3, 4, 5}) == 4);
}

TEST_CASE("the best weights come back at the end of training, stopped early or not") {
  FakeRun run;
  LogCapture log;
  const CallbackPtr stopping = EarlyStopping{.patience = 9, .restore_best_weights = true}.make();
  CHECK(run.feed(*stopping, "val_loss", {3.0, 1.0, 2.0}) == -1);
  stopping->on_train_end(run);
  CHECK(run.current.host<float>()[0] == 1.0f);
  CHECK(log.lines.find("epoch 2") != std::string::npos);

  // Also where no value was better than the baseline, or than none.
  const CallbackPtr missed = EarlyStopping{.patience = 9, .baseline = 0.1, .restore_best_weights = true}.make();
  CHECK(run.feed(*missed, "val_loss", {3.0, 0.5, 2.0}) == -1);
  missed->on_train_end(run);
  CHECK(run.current.host<float>()[0] == 0.5f);
  const CallbackPtr nothing = EarlyStopping{.monitor = "loss", .patience = 9, .restore_best_weights = true}.make();
  CHECK(run.feed(*nothing, "loss", {NAN, NAN}) == -1);
  run.current.host<float>()[0] = 7.0f;
  nothing->on_train_end(run);
  CHECK(std::isnan(run.current.host<float>()[0]));  // feed() writes the value there
  CHECK(log.lines.find("weights of epoch 1: loss was never a number") != std::string::npos);
  CHECK_ERROR([] { EarlyStopping{.min_delta = NAN}.make(); }, usage, "a finite min_delta, got nan");
}

TEST_CASE("early stopping goes on from its saved state as if nothing had happened") {
  const std::vector<double> values = {1.0, 0.8, 0.9, 0.95, 0.99};
  FakeRun whole;
  const int expected = whole.feed(*EarlyStopping{.patience = 3}.make(), "val_loss", values);
  FakeRun first, second;
  const CallbackPtr before = EarlyStopping{.patience = 3, .restore_best_weights = true}.make();
  const CallbackPtr after = EarlyStopping{.patience = 3, .restore_best_weights = true}.make();
  first.feed(*before, "val_loss", {values[0], values[1], values[2]});
  after->restore(before->state());
  CHECK(second.feed(*after, "val_loss", {values[3], values[4]}, 3) == expected);
  after->on_train_end(second);
  CHECK(second.current.host<float>()[0] == 0.8f);
}

TEST_CASE("an unknown monitor is an error before the first epoch, which lists the names there are") {
  const std::vector<std::string> names = {"loss", "accuracy"};
  const std::string message = error_message([&] { EarlyStopping{.monitor = "val_los"}.make()->check(names, true); });
  CHECK(message.find("\"val_los\"") != std::string::npos);
  CHECK(message.find("loss, accuracy") != std::string::npos);
  CHECK(error_message([&] { EarlyStopping{}.make()->check(names, false); }).find("validation data") !=
        std::string::npos);
  CHECK_NOTHROW(EarlyStopping{.monitor = "acc"}.make()->check(names, false));
}

TEST_CASE("ReduceLROnPlateau lowers the rate after `patience` epochs, no further than min_rate") {
  FakeRun run;
  LogCapture log;
  const CallbackPtr reduce =
      ReduceLROnPlateau{.monitor = "loss", .factor = 0.5, .patience = 2, .cooldown = 1, .min_rate = 0.04}.make();
  run.feed(*reduce, "loss", {1.0, 1.0, 1.0});
  CHECK(run.rate == doctest::Approx(0.05));
  run.feed(*reduce, "loss", {1.0}, 3);  // ends the cooldown and counts as the first epoch without improvement
  CHECK(run.rate == doctest::Approx(0.05));
  run.feed(*reduce, "loss", {1.0, 1.0, 1.0}, 4);
  CHECK(run.rate == doctest::Approx(0.04));
  CHECK(log.lines.find("reducing the learning rate") != std::string::npos);
}

TEST_CASE("LearningRateScheduler counts epochs from 0") {
  FakeRun run;
  const CallbackPtr schedule =
      LearningRateScheduler{[](int epoch, float) { return 0.01f * std::pow(0.6f, static_cast<float>(epoch)); }}.make();
  schedule->on_epoch_begin(0, run);
  CHECK(run.rate == doctest::Approx(0.01));
  schedule->on_epoch_begin(2, run);
  CHECK(run.rate == doctest::Approx(0.0036));
  CHECK_THROWS_AS(LearningRateScheduler{[](int, float) { return -1.0f; }}.make()->on_epoch_begin(0, run), Error);
}

TEST_CASE("TerminateOnNaN stops in the middle of an epoch") {
  FakeRun run;
  const CallbackPtr guard = TerminateOnNaN{}.make();
  guard->on_batch_end(0, 0, 0.5, run);
  CHECK(run.stopped.empty());
  guard->on_batch_end(0, 1, NAN, run);
  CHECK(run.stopped.find("batch 2") != std::string::npos);
}

TEST_CASE("CSVLogger writes Keras' layout and goes on after a resume without doubling rows") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "log.csv";
  FakeRun run;
  Logs logs;
  logs.set("val_loss", 0.25);
  logs.set("loss", 0.5);
  const CallbackPtr first = CSVLogger{path}.make();
  first->on_epoch_end(0, logs, run);
  const CallbackState state = first->state();
  first->on_epoch_end(1, logs, run);
  CHECK(read_text(path) == "epoch,loss,val_loss\n0,0.5,0.25\n1,0.5,0.25\n");
  const CallbackPtr second = CSVLogger{path}.make();
  second->restore(state);
  logs.set("loss", 0.125);
  second->on_epoch_end(1, logs, run);
  CHECK(read_text(path) == "epoch,loss,val_loss\n0,0.5,0.25\n1,0.125,0.25\n");
}

TEST_CASE("ModelCheckpoint saves every epoch or only better ones, under formatted names") {
  std::vector<std::string> saved;
  const auto save = [&](const std::filesystem::path& path) { saved.push_back(path.string()); };
  FakeRun run;
  LogCapture log;
  run.feed(*ModelCheckpoint{.path = "m-{epoch:02d}-{val_loss:.2f}", .save = save}.make(), "val_loss", {0.5, 0.75});
  CHECK(saved == std::vector<std::string>{"m-01-0.50", "m-02-0.75"});
  saved.clear();
  run.feed(*ModelCheckpoint{.path = "best", .save = save, .save_best_only = true}.make(), "val_loss",
           {0.5, 0.75, 0.25});
  CHECK(saved.size() == 2);
  CHECK(log.lines.find("val_loss improved from 0.50000 to 0.25000") != std::string::npos);
  CHECK(log.lines.find("did not improve from 0.50000") != std::string::npos);
}

TEST_CASE("a pattern that cannot be formatted is an error before training") {
  const std::vector<std::string> names = {"loss"};
  const std::pair<const char*, const char*> patterns[] = {
      {"{val_loss}", "\"val_loss\" is not a logged name"},
      {"{epoch", "a '{' has no '}'"},
      {"a}b", "a '}' has no '{'"},
      {"{epoch:Q}", "cannot format \"epoch:Q\""},
      {"{loss:d}", "cannot format \"loss:d\""},
      {"{loss:.100f}", "at most 99 columns and digits in \"loss:.100f\""},
      {"{loss:99999999999}", "at most 99 columns"},
      {"", "got an empty one"}};
  for (const auto& row : patterns) {
    CAPTURE(row.first);
    const CallbackPtr checkpoint =
        ModelCheckpoint{.path = row.first, .save = [](const auto&) {}, .monitor = "loss"}.make();
    CHECK_ERROR([&] { checkpoint->check(names, true); }, usage, row.second);
  }
  CHECK(format_log_pattern("a{{b}}{epoch}", 3, {}) == "a{b}3");
}

TEST_CASE("history keeps every value through JSON, and its CSV marks what is missing") {
  History history;
  Logs logs;
  logs.set("loss", 0.1);
  history.epochs.push_back({.epoch = 0, .logs = logs, .seconds = 1.5});
  logs.set("val_loss", INFINITY);
  history.epochs.push_back({.epoch = 1, .logs = logs, .seconds = 2.5});
  history.stop_reason = "enough";
  const History copy = history_from_json(to_json(history));
  CHECK(copy.epochs.size() == 2);
  CHECK(copy.epochs[1].logs.values() == history.epochs[1].logs.values());
  CHECK(copy.stop_reason == "enough");
  CHECK(history.to_csv() == "epoch,loss,val_loss\n0,0.1,NA\n1,0.1,inf\n");
  CHECK(history.column("loss").size() == 2);
}
