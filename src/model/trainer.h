// The training loop: epochs, batches, validation, callbacks, snapshots.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "data/loader.h"
#include "model/batch_source.h"
#include "model/model.h"
#include "model/session.h"

namespace curie {

// One run of Model::fit.
class Trainer final : private TrainingControl {
 public:
  Trainer(Model& model, const Dataset& train, const FitOptions& options);
  History run();

 private:
  enum class EpochEnd { complete, stopped, interrupted };

  void check_options() const;
  void check_labels(const Dataset& data, const char* part) const;
  void check_weights() const;
  // Computes the outputs of a frozen beginning where they can be reused, takes to the device what can stay there.
  void prepare_sources();
  Tensor features_of(const Dataset& data, int cut);  // undefined when they are not to be reused
  void plan();
  std::vector<std::string> log_names() const;
  EpochEnd run_epoch(int epoch, int first_batch);
  void finish_epoch(int epoch, double seconds);
  Logs training_logs();
  Logs epoch_logs();
  void fill_weights(const Batch& batch);
  void check_loss(double loss, int epoch, int batch) const;
  TrainingSnapshot snapshot(int next_epoch, int next_batch);
  void restore(const TrainingSnapshot& snapshot);
  void save(int next_epoch, int next_batch);

  // TrainingControl
  void stop(const std::string& reason) override;
  float learning_rate() const override { return static_cast<float>(session_.optimizer().rate_at(session_.step())); }
  void set_learning_rate(float rate) override { session_.optimizer().set_learning_rate(rate); }
  bool rate_is_scheduled() const override { return session_.optimizer().options().schedule.has_value(); }
  Tensor weights() const override { return session_.weights(); }
  void set_weights(const Tensor& weights) override { session_.set_weights(weights); }
  std::vector<std::pair<std::string, Tensor>> named_weights() const override { return model_.state(); }
  std::vector<std::pair<std::string, Tensor>> named_gradients() const override { return session_.gradients(); }

  Model& model_;
  Session& session_;
  const Dataset& train_;
  const FitOptions& options_;
  // The device's copies of the data sets go when the run does, also when it cannot begin.
  struct Guests {
    Session& session;
    ~Guests() { session.drop_residents(); }
  } guests_;
  BatchSource training_, validation_;
  bool interrupted_ = false;  // before the first step
  std::unique_ptr<BatchLoader> loader_;
  ProgressBar progress_;
  History history_;
  std::vector<float> batch_weights_;
  float first_rate_;
  int first_epoch_ = 0;
  int first_batch_ = 0;
};

}  // namespace curie
