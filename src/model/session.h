// A compiled model: backend, parameters, executors and the memory of a step. It knows batches; the trainer knows
// epochs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "loss/loss.h"
#include "model/executor.h"
#include "model/normalization.h"
#include "model/parameters.h"
#include "model/pixels.h"
#include "model/resident.h"
#include "model/updater.h"
#include "optim/optimizer.h"

namespace curie {

// The batches that a session makes room for. Samples enter the network as its input or, where the outputs of a frozen
// beginning are at hand (model/frozen.h), as those: at the value `cut`.
struct StepPlan {
  int training = 0;           // largest training batch; 0: no training
  int inference = 0;          // largest inference batch of whole samples
  DType pixels = DType::u8;   // u8: u8 and f32 samples are taken; f32: f32 samples only
  int cut = 0;                // 0: no batch enters behind the input
  bool cut_training = false;  // training batches enter at the cut
  int cut_inference = 0;      // largest inference batch that enters at the cut
};

class Session {
 public:
  Session(Graph& graph, std::unique_ptr<Backend> backend, std::shared_ptr<Optimizer> optimizer, Loss loss,
          bool count_accuracy, const Normalization& normalization);

  // Plans and allocates. Everything that a step needs exists afterwards. Error(out_of_memory) says what each layer
  // would take and which batch would fit.
  void plan(const StepPlan& plan);
  void plan(int training, int inference, DType pixels) {
    plan({.training = training, .inference = inference, .pixels = pixels});
  }
  // Bytes that a session takes when planned so: parameters, gradients, optimizer state, arena, scratch memory and
  // staging. Allocates nothing.
  std::size_t predicted_bytes(const StepPlan& plan);

  // One step on a host batch: forward, loss, backward, update; loss and matches are added to the totals. `weights`: one
  // a sample, or empty.
  void train_step(const Tensor& pixels, std::span<const std::int32_t> labels, std::span<const float> weights);
  // The same on samples of a data set that was kept on the device; of one that is augmented, as seen in `epoch`.
  void train_step(const ResidentData& data, std::span<const int> samples, std::span<const float> weights, int epoch);
  // `at`: the value as which the samples enter, 0 or the plan's cut. Augmented samples are those of epoch 0.
  void evaluate_step(const ResidentData& data, std::span<const int> samples, int at = 0);
  // Copies the data set, whose samples enter at the value `at`, to the device where that makes sense; false: hand its
  // batches over one by one.
  bool keep(const Dataset& data, int at = 0);
  const ResidentData* resident(const Dataset& data) const { return residents_.find(data); }
  void drop_residents();

  // Forward and loss only.
  void evaluate_step(const Tensor& pixels, std::span<const std::int32_t> labels, int at = 0);
  // What the last evaluate_step at the value `at` made of its batch: n * outputs values, for as many samples.
  void read_outputs(int at, std::span<float> outputs);
  // Forward only; writes n * outputs values.
  void predict_step(const Tensor& pixels, std::span<float> outputs);

  MetricTotals totals();
  void set_totals(const MetricTotals& totals);

  std::uint32_t step() const { return step_; }
  void set_step(std::uint32_t step) { step_ = step; }
  Backend& backend() { return *backend_; }
  Optimizer& optimizer() { return *optimizer_; }
  const Optimizer& optimizer() const { return *optimizer_; }
  // The weights change places with their moving averages, and back (Ema::in_validation).
  void swap_averages() { updater_.swap_weights(step_); }
  // The moving averages replace the weights, at the end of training.
  void keep_averages() { updater_.overwrite_weights(step_); }
  const ParameterStore& parameters() const { return store_; }
  const Loss& loss() const { return loss_; }
  LossKind loss_kind() const { return loss_kind_; }
  int loss_value() const { return loss_value_; }  // the value that the loss reads
  bool counts_accuracy() const { return count_accuracy_; }
  const Normalization& normalization() const { return normalization_; }
  int outputs() const { return outputs_; }

  // Host copies of the last training step's gradients, by parameter.
  std::vector<std::pair<std::string, Tensor>> gradients() const;
  // Flat host copies of every parameter and of the optimizer's state, and their way back.
  Tensor weights() const;
  void set_weights(const Tensor& weights);
  // To be called after parameters were written one by one.
  void weights_changed() { store_.round(*backend_); }
  Tensor optimizer_state() const;  // undefined when the optimizer has none
  void set_optimizer_state(const Tensor& state);

  const Executor* training_executor() const { return executors_.training.get(); }
  const Executor* inference_executor() const { return executors_.inference.get(); }

 private:
  struct Staging {                       // device memory that the host writes before a step
    std::optional<PixelStaging> pixels;  // unless every sample is f32
    Tensor targets, weights, samples;
    Tensor warps;  // of augmented samples: an ImageWarp each
  };
  // Where a step finds its samples: in a data set on the device, or in what `load` has copied.
  struct Source {
    const ResidentData* data = nullptr;
    DType type = DType::u8;
    auto operator<=>(const Source&) const = default;
  };
  struct Executors {
    std::unique_ptr<Executor> training, inference, cut_inference;  // null where the plan has none
  };

  Executors make_executors(const StepPlan& plan);
  void allocate(const StepPlan& plan);
  [[noreturn]] void explain_shortage(const Error& error, const StepPlan& plan);
  std::size_t staging_bytes(const StepPlan& plan) const;
  Executor& inference_from(int value);
  Tensor new_host_targets(int n) const;  // in the form that the loss takes
  void write_targets(std::span<const std::int32_t> labels, const Tensor& targets) const;
  Source load(const Tensor& pixels, std::span<const std::int32_t> labels, Executor& executor);
  Source load(const ResidentData& data, std::span<const int> samples, int epoch, Executor& executor);
  void train(int n, std::span<const float> weights, const Source& source);
  // `phase`: of a training step; null: forward and loss only.
  void run(Executor& executor, int n, bool weighted, const Updater::Phase* phase, const Source& source);
  void enter(Executor& executor, int n, const Source& source);  // the batch becomes the executor's input
  void compute_loss(Executor& executor, int n, const Tensor& weights, bool gradient);
  Tensor device_tensor(const Shape& shape, DType type);

  Graph* graph_;
  std::unique_ptr<Backend> backend_;
  std::shared_ptr<Optimizer> optimizer_;
  Loss loss_;
  bool count_accuracy_;
  bool loss_takes_logits_ = false;
  LossKind loss_kind_;
  int loss_value_;
  int outputs_;
  ParameterStore store_;
  Updater updater_;
  Normalization normalization_;
  Executors executors_;
  Staging staging_;
  Tensor state_, totals_, loss_scratch_;
  Tensor host_targets_;  // of one batch: a step allocates nothing
  std::vector<ImageWarp> host_warps_;
  RoundedSamples rounded_samples_;
  ResidentDatasets residents_;
  std::uint32_t step_ = 0;
  struct RecordingKey {
    int n;
    bool weighted;
    Source source;
    Updater::Phase phase;
    auto operator<=>(const RecordingKey&) const = default;
  };
  std::map<RecordingKey, std::unique_ptr<Recording>> recordings_;
};

}  // namespace curie
