// The model as its user sees it: layers are added, `compile` chooses optimizer, loss and device, `fit` trains.
//
//   Sequential model({64, 64, 1});
//   model.add(Conv2D{.filters = 32, .kernel = 3, .activation = Activation::relu}).add(MaxPool2D{.pool = 2});
//   ...
//   model.compile({.optimizer = Adam{}, .loss = BinaryCrossentropy{}});
//   History history = model.fit(train, {.epochs = 50, .batch_size = 256, .validation = &val,
//                                       .callbacks = {EarlyStopping{.monitor = "val_loss", .patience = 4}}});
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "layers/layers.h"
#include "loss/loss.h"
#include "model/callback.h"
#include "model/graph.h"
#include "model/history.h"
#include "model/normalization.h"
#include "model/progress.h"
#include "optim/optimizer.h"

namespace curie {

class Session;
struct BatchSource;
struct StepPlan;

// An optimizer from a spec: Adam{}, Sgd{.momentum = 0.9f}, ...
class OptimizerChoice {
 public:
  template <typename Spec>
  requires requires(const Spec& spec) { std::shared_ptr<Optimizer>(spec.make()); }
  OptimizerChoice(const Spec& spec) : optimizer_(spec.make()) {}
  OptimizerChoice(std::shared_ptr<Optimizer> optimizer) : optimizer_(std::move(optimizer)) {}
  const std::shared_ptr<Optimizer>& get() const { return optimizer_; }

 private:
  std::shared_ptr<Optimizer> optimizer_;
};

struct CompileOptions {
  OptimizerChoice optimizer = Adam{};
  Loss loss = BinaryCrossentropy{};
  bool accuracy = true;         // log "accuracy" beside "loss"
  std::string device = "auto";  // "auto", "cpu", "cuda", "cuda:1", "emulated"
  BackendOptions backend = {};  // threads, math, recording of steps
  // Called once with the new backend; the model uses what it returns. For those who watch it (ops/observed_backend.h).
  std::function<std::unique_ptr<Backend>(std::unique_ptr<Backend>)> wrap_backend = {};
};

// Everything that a run needs to go on where it was: weights, optimizer state, counters, callbacks, history.
struct TrainingSnapshot {
  std::string state;                                    // JSON text
  std::vector<std::pair<std::string, Tensor>> tensors;  // host
};

struct FitOptions {
  int epochs = 1;
  int batch_size = 32;
  const Dataset* validation = nullptr;
  std::vector<CallbackChoice> callbacks = {};
  std::vector<double> class_weights = {};  // one a class (balanced_class_weights); those that are not listed weigh 1
  std::vector<float> sample_weights = {};  // one a sample; empty: 1
  bool shuffle = true;                     // anew each epoch, by the model's seed
  // The outputs of a frozen beginning of the network are computed once and reused, for data sets that are the same in
  // every epoch (Dataset::all_samples) and whose outputs take at most so many bytes; 0: never. The run is the same.
  std::size_t frozen_cache_bytes = std::size_t{2} << 30;
  Verbosity verbose = Verbosity::automatic;
  // Asked after every step; true ends the run in an orderly way: snapshot, then return.
  std::function<bool()> interrupted = {};
  // Called after every epoch and on interruption.
  std::function<void(const TrainingSnapshot&)> save = {};
  const TrainingSnapshot* resume = nullptr;
};

struct Evaluation {
  double loss = 0.0;
  double accuracy = 0.0;
  int samples = 0;
};

class Model {
 public:
  // `input`: the shape of one sample, (height, width, channels) for images. `seed` decides initial weights, dropout and
  // the order of samples.
  explicit Model(const Shape& input, std::uint64_t seed = 1, std::string name = "model");
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  // The functional builder: value 0 is the input; returns the new value.
  template <typename Spec>
  int apply(const Spec& spec, std::vector<int> inputs) {
    return append(spec.make(), std::move(inputs), spec.name);
  }
  int append(LayerPtr layer, std::vector<int> inputs, const std::string& name);
  static constexpr int kInput = 0;

  // Freezes layers, or makes them learn again: the layer of that name, or all whose names begin so ("block" for VGG16's
  // convolutions). A frozen layer runs as in inference: nothing of it changes, no gradient is computed for it, and none
  // below it where nothing learns. Throws Error(usage) for a name that no layer's name begins with. A compiled model
  // keeps its weights, and must be compiled again.
  void set_trainable(const std::string& name, bool trainable);
  void freeze(const std::string& name) { set_trainable(name, false); }
  // The same for all layers from the input up to and including the one named.
  void freeze_through(const std::string& last);
  // Multiplies the learning rate of the layers so named: .1 for a pretrained part, say. Else as set_trainable.
  void set_rate_multiplier(const std::string& name, float multiplier);

  // Pixels -> floats; the default divides by 255. Before `compile`.
  void set_normalization(const Normalization& normalization);
  const Normalization& normalization() const { return normalization_; }

  void compile(const CompileOptions& options);
  // Trains. Throws Error(usage) for options that cannot work before anything is computed, Error(numeric) when the loss
  // is no longer a number. After an interruption History::stop_reason says so. The optimizer's state and the count of
  // batches stay, as in Keras: another fit goes on from them, until compile.
  History fit(const Dataset& train, const FitOptions& options);
  Evaluation evaluate(const Dataset& data, int batch_size = 256);
  // (samples, outputs) probabilities or whatever the last layer gives, in host memory.
  Tensor predict(const Dataset& data, int batch_size = 256);
  // Both in one pass over the data: the evaluation, and into `outputs` what predict returns.
  Evaluation evaluate_and_predict(const Dataset& data, Tensor& outputs, int batch_size = 256);

  // The summary table; for a compiled model also device, form of the loss and planned memory.
  std::string summary() const;
  // Predicted bytes for a training step at this batch size (compiled models).
  std::size_t planned_bytes(int batch_size);

  // Named parameters, "conv2d/kernel", as host copies; and back: names, shapes and number must agree, else Error(file)
  // and nothing is changed.
  std::vector<std::pair<std::string, Tensor>> state() const;
  void set_state(const std::vector<std::pair<std::string, Tensor>>& tensors);

  // Layers, their wiring, normalisation; from_config makes an equal model that is not compiled.
  nlohmann::json config() const;
  static Model from_config(const nlohmann::json& config, std::uint64_t seed = 1);
  // Optimizer, loss and device as compiled.
  nlohmann::json training_config() const;

  const Graph& graph() const { return *graph_; }
  Graph& graph() { return *graph_; }
  const std::string& name() const { return name_; }
  bool compiled() const { return session_ != nullptr; }
  Session& session();  // throws Error(usage) before `compile`

 private:
  void release_session();  // its weights go into learned_
  // Plans at least so much, and forgets what was planned before it where that is not enough.
  void plan(const StepPlan& wanted);
  void plan_inference(int batch, DType pixels);
  Evaluation evaluate(const BatchSource& source, int batch, Tensor* outputs = nullptr);  // planned already

  std::string name_;
  std::unique_ptr<Graph> graph_;
  Normalization normalization_;
  std::unique_ptr<Session> session_;
  std::vector<std::pair<std::string, Tensor>> learned_;  // for the next compile
  std::unique_ptr<StepPlan> planned_;
  friend class Trainer;
};

// A model whose layers follow one another.
class Sequential : public Model {
 public:
  explicit Sequential(const Shape& input, std::uint64_t seed = 1) : Model(input, seed, "sequential") {}
  template <typename Spec>
  Sequential& add(const Spec& spec) {
    apply(spec, {graph().output()});
    return *this;
  }
};

}  // namespace curie
