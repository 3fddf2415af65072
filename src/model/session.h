// A compiled model: backend, parameters, executors and the memory of a step. It knows batches; the trainer knows
// epochs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "loss/loss.h"
#include "model/executor.h"
#include "model/normalization.h"
#include "model/parameters.h"
#include "model/resident.h"
#include "optim/optimizer.h"

namespace curie {

class Session {
 public:
  Session(Graph& graph, std::unique_ptr<Backend> backend, std::shared_ptr<Optimizer> optimizer, Loss loss,
          bool count_accuracy, const Normalization& normalization);

  // Plans and allocates for training batches of up to `training` samples (0: no training) and inference batches of up
  // to `inference`; pixels are u8 or f32. Everything that a step needs exists afterwards. Error(out_of_memory) says
  // what each layer would take and which batch would fit.
  void plan(int training, int inference, DType pixels);
  // Bytes that a session takes when planned so: parameters, gradients, optimizer state, arena, scratch memory and
  // staging. Allocates nothing.
  std::size_t predicted_bytes(int training, int inference, DType pixels);

  // One step on a host batch: forward, loss, backward, update; loss and matches are added to the totals. `weights`: one
  // a sample, or empty.
  void train_step(const Tensor& pixels, std::span<const std::int32_t> labels, std::span<const float> weights);
  // The same on samples of a data set that was kept on the device.
  void train_step(const ResidentData& data, std::span<const int> samples, std::span<const float> weights);
  void evaluate_step(const ResidentData& data, std::span<const int> samples);
  // Copies the data set to the device where that makes sense; false: hand its batches over one by one.
  bool keep(const Dataset& data);
  const ResidentData* resident(const Dataset& data) const { return residents_.find(data); }
  void drop_residents();

  // Forward and loss only.
  void evaluate_step(const Tensor& pixels, std::span<const std::int32_t> labels);
  // Forward only; writes n * outputs values.
  void predict_step(const Tensor& pixels, std::span<float> outputs);

  MetricTotals totals();
  void set_totals(const MetricTotals& totals);

  std::uint32_t step() const { return step_; }
  void set_step(std::uint32_t step) { step_ = step; }
  Backend& backend() { return *backend_; }
  Optimizer& optimizer() { return *optimizer_; }
  const ParameterStore& parameters() const { return store_; }
  const Loss& loss() const { return loss_; }
  LossKind loss_kind() const { return loss_kind_; }
  bool counts_accuracy() const { return count_accuracy_; }
  int outputs() const { return outputs_; }

  // Flat host copies of every parameter and of the optimizer's state, and their way back.
  Tensor weights() const;
  void set_weights(const Tensor& weights);
  Tensor optimizer_state() const;  // undefined when the optimizer has none
  void set_optimizer_state(const Tensor& state);

  const Executor* training_executor() const { return training_.get(); }
  const Executor* inference_executor() const { return inference_.get(); }

 private:
  struct Staging {  // device memory that the host writes before a step
    Tensor pixels, targets, weights, samples;
  };

  std::unique_ptr<Executor> make_executor(int batch, Mode mode);
  void allocate(int training, int inference, DType pixels);
  [[noreturn]] void explain_shortage(const Error& error, int training, int inference, DType pixels);
  std::size_t staging_bytes(int batch, DType pixels) const;
  Tensor new_host_targets(int n) const;  // in the form that the loss takes
  void write_targets(std::span<const std::int32_t> labels, const Tensor& targets) const;
  void load(const Tensor& pixels, std::span<const std::int32_t> labels, Executor& executor);
  void load(std::span<const int> samples, Executor& executor);
  void train(int n, std::span<const float> weights, const ResidentData* data);
  void run(Executor& executor, int n, bool weighted, bool train, const ResidentData* data);
  void gather(Executor& executor, int n, const ResidentData& data);
  void compute_loss(Executor& executor, int n, const Tensor& weights, bool gradient);
  void normalize(Executor& executor, int n);
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
  Normalization normalization_;
  std::unique_ptr<Executor> training_, inference_;
  std::size_t arena_bytes_ = 0;
  Staging staging_;
  Tensor table_, state_, totals_, loss_scratch_;
  Tensor host_targets_;  // of one batch: a step allocates nothing
  ResidentDatasets residents_;
  std::uint32_t step_ = 0;
  struct RecordingKey {
    int n;
    bool weighted;
    const ResidentData* data;
    auto operator<=>(const RecordingKey&) const = default;
  };
  std::map<RecordingKey, std::unique_ptr<Recording>> recordings_;
};

}  // namespace curie
