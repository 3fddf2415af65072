#include "model/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tensor/log.h"

namespace curie {
namespace {

// On a GPU, reading the loss waits for the step; so it is read every few batches only.
constexpr int kBatchesBetweenReads = 10;

}  // namespace

Trainer::Trainer(Model& model, const Dataset& train, const FitOptions& options)
    : model_(model),
      session_(model.session()),
      train_(train),
      options_(options),
      guests_{session_},
      progress_(options.verbose),
      first_rate_(static_cast<float>(model.session().optimizer().rate_at(0))) {
  check_options();
  prepare_sources();
  if (interrupted_) return;
  plan();
  loader_ = std::make_unique<BatchLoader>(*training_.data, options.batch_size, training_.resident == nullptr);
  batch_weights_.resize(static_cast<std::size_t>(std::min(options.batch_size, train.size())));
}

Tensor Trainer::features_of(const Dataset& data, int cut) {
  const std::size_t bytes =
      model_.graph().shape(cut).elements() * static_cast<std::size_t>(data.size()) * sizeof(float);
  if (data.all_samples() == nullptr || bytes > options_.frozen_cache_bytes || interrupted_) return {};
  const Tensor features = frozen_features(model_.graph(), session_.backend(), session_.normalization(), cut, data,
                                          options_.batch_size, options_.interrupted);
  interrupted_ = !features.defined();
  return features;
}

void Trainer::prepare_sources() {
  const auto start = std::chrono::steady_clock::now();
  const std::optional<int> cut = options_.frozen_cache_bytes > 0 ? frozen_cut(model_.graph()) : std::optional<int>{};
  int computed = 0;
  const auto prepare = [&](const Dataset& data, BatchSource& source) {
    source.data = &data;
    if (const Tensor features = cut ? features_of(data, *cut) : Tensor(); features.defined()) {
      source.features = std::make_unique<FrozenFeatures>(data, features);
      source.data = source.features.get();
      source.at = *cut;
      computed += data.size();
    }
    if (session_.keep(*source.data, source.at)) source.resident = session_.resident(*source.data);
  };
  if (options_.validation != nullptr) prepare(*options_.validation, validation_);
  prepare(train_, training_);
  if (computed == 0 || interrupted_) return;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto& nodes = model_.graph().nodes();
  const auto layers = std::count_if(nodes.begin(), nodes.begin() + *cut, [](const Node& node) { return !node.hidden; });
  log_info("The first {} layers are frozen and were computed once for {} samples: {:.1f} s", layers, computed, seconds);
}

void Trainer::plan() {
  const int batch = std::min(options_.batch_size, train_.size());
  const bool cut_validation = validation_.data != nullptr && validation_.at > 0;
  const bool whole_validation = validation_.data != nullptr && validation_.at == 0;
  const auto is_u8 = [](const BatchSource& source) {
    return source.data != nullptr && source.data->dtype() == DType::u8;
  };
  model_.plan({.training = batch,
               .inference = whole_validation ? batch : 0,
               .pixels = is_u8(training_) || is_u8(validation_) ? DType::u8 : DType::f32,
               .cut = std::max(training_.at, validation_.at),
               .cut_training = training_.at > 0,
               .cut_inference = cut_validation ? batch : 0});
}

void Trainer::check_options() const {
  CURIE_CHECK(options_.epochs >= 1, usage, "fit: expected at least 1 epoch, got {}", options_.epochs);
  CURIE_CHECK(train_.sample_shape() == model_.graph().input_shape(), usage,
              "fit: the model takes samples of shape {}, the data set has {}", to_string(model_.graph().input_shape()),
              to_string(train_.sample_shape()));
  CURIE_CHECK(session_.parameters().trained() > 0, usage,
              "fit: nothing can be learned: every layer is frozen, or none has parameters");
  if (options_.validation != nullptr) {
    CURIE_CHECK(options_.validation->sample_shape() == train_.sample_shape(), usage,
                "fit: training and validation samples differ: shapes {} and {}", to_string(train_.sample_shape()),
                to_string(options_.validation->sample_shape()));
  }
  check_labels(train_, "training");
  if (options_.validation != nullptr) check_labels(*options_.validation, "validation");
  check_weights();
  CURIE_CHECK(
      options_.sample_weights.empty() || options_.sample_weights.size() == static_cast<std::size_t>(train_.size()),
      usage, "fit: expected a weight for each of {} samples, got {}", train_.size(), options_.sample_weights.size());
  if (options_.batch_size > train_.size()) {
    log_warning("the batch size {} is larger than the training set: every epoch is one batch of {}",
                options_.batch_size, train_.size());
  }
  for (const CallbackChoice& callback : options_.callbacks) {
    callback.get()->check(log_names(), options_.validation != nullptr);
  }
}

void Trainer::check_labels(const Dataset& data, const char* part) const {
  const int classes = std::max(session_.outputs(), 2);
  std::vector<int> counts(static_cast<std::size_t>(classes));
  for (int i = 0; i < data.size(); ++i) {
    const std::int32_t label = data.label(i);
    CURIE_CHECK(label >= 0 && label < classes, data,
                "fit: sample {} of the {} set has the class number {}, but a model with {} output{} tells {} classes "
                "apart, 0 to {}; correct the labels, or give the last layer a unit for each class",
                i, part, label, session_.outputs(), session_.outputs() == 1 ? "" : "s", classes, classes - 1);
    ++counts[static_cast<std::size_t>(label)];
  }
  const auto missing = std::find(counts.begin(), counts.end(), 0);
  if (missing != counts.end()) {
    log_warning("the {} set has no sample of class {}: nothing is {} about it", part, missing - counts.begin(),
                &data == &train_ ? "learned" : "known");
  }
}

void Trainer::check_weights() const {
  const std::vector<double>& weights = options_.class_weights;
  const auto classes = static_cast<std::size_t>(std::max(session_.outputs(), 2));
  CURIE_CHECK(weights.size() <= classes, usage, "fit: expected at most {} class weights, one a class, got {}", classes,
              weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    CURIE_CHECK(std::isfinite(weights[i]) && weights[i] >= 0.0, usage,
                "fit: expected class weights of at least 0, got {} for class {}", weights[i], i);
  }
  CURIE_CHECK(weights.size() < classes || *std::max_element(weights.begin(), weights.end()) > 0.0, usage,
              "fit: every class weighs 0: nothing would be learned");
  for (std::size_t i = 0; i < options_.sample_weights.size(); ++i) {
    CURIE_CHECK(std::isfinite(options_.sample_weights[i]) && options_.sample_weights[i] >= 0.0f, usage,
                "fit: expected sample weights of at least 0, got {} for sample {}", options_.sample_weights[i], i);
  }
}

std::vector<std::string> Trainer::log_names() const {
  std::vector<std::string> names = {"loss"};
  if (session_.counts_accuracy()) names.push_back("accuracy");
  if (options_.validation != nullptr) {
    names.push_back("val_loss");
    if (session_.counts_accuracy()) names.push_back("val_accuracy");
  }
  names.push_back("learning_rate");
  return names;
}

History Trainer::run() {
  session_.set_totals({});
  if (options_.resume != nullptr) restore(*options_.resume);
  if (interrupted_) {
    save(first_epoch_, first_batch_);
    history_.stop_reason = fmt::format("interrupted before epoch {}", first_epoch_ + 1);
    return history_;
  }
  for (const CallbackChoice& callback : options_.callbacks) callback.get()->on_train_begin(*this);
  for (int epoch = first_epoch_; epoch < options_.epochs && history_.stop_reason.empty(); ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    const EpochEnd end = run_epoch(epoch, epoch == first_epoch_ ? first_batch_ : 0);
    if (end == EpochEnd::interrupted) return history_;
    if (end == EpochEnd::stopped) break;
    finish_epoch(epoch, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    const bool more = epoch + 1 < options_.epochs && history_.stop_reason.empty();
    if (more && options_.interrupted && options_.interrupted()) {
      history_.stop_reason = fmt::format("interrupted after epoch {}", epoch + 1);
      return history_;
    }
  }
  session_.keep_averages();
  for (const CallbackChoice& callback : options_.callbacks) callback.get()->on_train_end(*this);
  return history_;
}

Trainer::EpochEnd Trainer::run_epoch(int epoch, int first_batch) {
  session_.optimizer().set_epoch(epoch);
  if (first_batch == 0) {
    session_.set_totals({});
    for (const CallbackChoice& callback : options_.callbacks) callback.get()->on_epoch_begin(epoch, *this);
  }
  const std::vector<int> order =
      options_.shuffle ? epoch_order(train_.size(), model_.graph().seed(), epoch) : std::vector<int>{};
  loader_->start(epoch, order, first_batch);
  progress_.begin_epoch(epoch, options_.epochs, loader_->batches(), first_batch);
  const bool weighted = !options_.class_weights.empty() || !options_.sample_weights.empty();
  const int every = session_.backend().device().host_readable() ? 1 : kBatchesBetweenReads;
  while (const Batch* batch = loader_->next()) {
    if (weighted) fill_weights(*batch);
    const std::span<const float> weights =
        weighted ? std::span<const float>(batch_weights_.data(), batch->labels.size()) : std::span<const float>{};
    if (training_.resident != nullptr) {
      session_.train_step(*training_.resident, batch->indices, weights, epoch);
    } else {
      session_.train_step(batch->pixels, batch->labels, weights);
    }
    const int next = batch->number + 1;
    if (next % every == 0 || next == loader_->batches()) {
      const Logs logs = training_logs();
      const double loss = logs.find("loss").value();
      progress_.batch_done(batch->number, logs);
      for (const CallbackChoice& callback : options_.callbacks) {
        callback.get()->on_batch_end(epoch, batch->number, loss, *this);
      }
      if (!history_.stop_reason.empty()) return EpochEnd::stopped;
      check_loss(loss, epoch, batch->number);
    }
    // An interruption on the last batch is seen when the epoch is finished.
    if (next < loader_->batches() && options_.interrupted && options_.interrupted()) {
      save(epoch, next);
      history_.stop_reason =
          fmt::format("interrupted in epoch {} after batch {} of {}", epoch + 1, next, loader_->batches());
      return EpochEnd::interrupted;
    }
  }
  return EpochEnd::complete;
}

void Trainer::finish_epoch(int epoch, double seconds) {
  // Validation and callbacks see the moving averages where the optimizer wants it so; what is saved to go on from is
  // not exchanged.
  session_.swap_averages();
  const Logs logs = epoch_logs();
  Logs shown;
  for (const auto& [name, value] : logs.values()) {
    const bool constant_rate = name == "learning_rate" && learning_rate() == first_rate_;
    if (!constant_rate) shown.set(name, value);
  }
  progress_.end_epoch(shown);
  history_.epochs.push_back({.epoch = epoch, .logs = logs, .seconds = seconds});
  for (const CallbackChoice& callback : options_.callbacks) callback.get()->on_epoch_end(epoch, logs, *this);
  session_.swap_averages();
  save(epoch + 1, 0);
}

Logs Trainer::training_logs() {
  const MetricTotals totals = session_.totals();
  Logs logs;
  logs.set("loss", totals.loss / totals.samples);
  if (session_.counts_accuracy()) logs.set("accuracy", totals.correct / totals.samples);
  return logs;
}

Logs Trainer::epoch_logs() {
  Logs logs = training_logs();
  if (options_.validation != nullptr) {
    const int batch = std::min({options_.batch_size, train_.size(), options_.validation->size()});
    const Evaluation validation = model_.evaluate(validation_, batch);
    logs.set("val_loss", validation.loss);
    if (session_.counts_accuracy()) logs.set("val_accuracy", validation.accuracy);
  }
  logs.set("learning_rate", learning_rate());
  return logs;
}

void Trainer::fill_weights(const Batch& batch) {
  for (std::size_t i = 0; i < batch.labels.size(); ++i) {
    float weight = 1.0f;
    const auto label = static_cast<std::size_t>(batch.labels[i]);
    // As in Keras, classes that are not listed weigh 1.
    if (label < options_.class_weights.size()) weight = static_cast<float>(options_.class_weights[label]);
    if (!options_.sample_weights.empty()) weight *= options_.sample_weights[static_cast<std::size_t>(batch.indices[i])];
    batch_weights_[i] = weight;
  }
}

void Trainer::check_loss(double loss, int epoch, int batch) const {
  if (std::isfinite(loss)) return;
  std::string culprit = "every weight is still finite";
  for (const auto& [name, tensor] : model_.state()) {
    const std::span<const float> values = tensor.host<float>();
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      culprit = fmt::format("the first weight that is not finite is in \"{}\"", name);
      break;
    }
  }
  throw_error(
      ErrorKind::numeric,
      fmt::format("epoch {}, batch {}: the loss is {} ({}); try a lower learning rate than {:g} or look at the data; "
                  "what was saved after earlier epochs is untouched",
                  epoch + 1, batch + 1, loss, culprit, learning_rate()));
}

void Trainer::stop(const std::string& reason) {
  if (!history_.stop_reason.empty()) return;
  history_.stop_reason = reason;
  log_info("{}", reason);
}

void Trainer::save(int next_epoch, int next_batch) {
  if (options_.save) options_.save(snapshot(next_epoch, next_batch));
}

TrainingSnapshot Trainer::snapshot(int next_epoch, int next_batch) {
  const MetricTotals totals = session_.totals();
  nlohmann::json callbacks = nlohmann::json::array();
  TrainingSnapshot snapshot;
  snapshot.tensors.emplace_back("weights", session_.weights());
  if (const Tensor state = session_.optimizer_state(); state.defined())
    snapshot.tensors.emplace_back("optimizer", state);
  for (std::size_t i = 0; i < options_.callbacks.size(); ++i) {
    const Callback& callback = *options_.callbacks[i].get();
    const CallbackState state = callback.state();
    nlohmann::json numbers = nlohmann::json::array();
    // Hexadecimal text keeps every bit, and NaN and infinity, which JSON numbers do not have.
    for (const auto& [name, value] : state.numbers) numbers.push_back({name, fmt::format("{:a}", value)});
    callbacks.push_back({{"name", callback.name()}, {"numbers", numbers}});
    for (const auto& [name, tensor] : state.tensors) {
      snapshot.tensors.emplace_back(fmt::format("callback/{}/{}", i, name), tensor);
    }
  }
  snapshot.state = nlohmann::json{
      {"epoch", next_epoch},
      {"batch", next_batch},
      {"step", session_.step()},
      {"learning_rate", fmt::format("{:a}", session_.optimizer().learning_rate())},
      {"totals",
       {fmt::format("{:a}", totals.loss), fmt::format("{:a}", totals.samples), fmt::format("{:a}", totals.correct)}},
      {"batch_size", options_.batch_size},
      {"samples", train_.size()},
      {"seed", model_.graph().seed()},
      {"callbacks", callbacks},
      {"history",
       to_json(
           history_)}}.dump();
  return snapshot;
}

void Trainer::restore(const TrainingSnapshot& snapshot) {
  const auto tensor = [&](const std::string& name) {
    for (const auto& [known, value] : snapshot.tensors) {
      if (known == name) return value;
    }
    return Tensor();
  };
  const auto real = [](const nlohmann::json& text) { return std::strtod(text.get<std::string>().c_str(), nullptr); };
  try {
    const nlohmann::json state = nlohmann::json::parse(snapshot.state);
    const auto same = [&](const char* what, auto expected) {
      const auto found = state.at(what).get<decltype(expected)>();
      CURIE_CHECK(found == expected, usage,
                  "resume: the interrupted run had {} {}, this one has {}; give the same options", what, found,
                  expected);
    };
    same("batch_size", options_.batch_size);
    same("samples", train_.size());
    same("seed", model_.graph().seed());
    CURIE_CHECK(state.at("callbacks").size() == options_.callbacks.size(), usage,
                "resume: the interrupted run had {} callbacks, this one has {}", state.at("callbacks").size(),
                options_.callbacks.size());
    session_.set_weights(tensor("weights"));
    session_.set_optimizer_state(tensor("optimizer"));
    session_.set_step(state.at("step").get<std::uint32_t>());
    set_learning_rate(static_cast<float>(real(state.at("learning_rate"))));
    const nlohmann::json& totals = state.at("totals");
    session_.set_totals({.loss = real(totals.at(0)), .samples = real(totals.at(1)), .correct = real(totals.at(2))});
    history_ = history_from_json(state.at("history"));
    first_epoch_ = state.at("epoch").get<int>();
    first_batch_ = state.at("batch").get<int>();
    for (std::size_t i = 0; i < options_.callbacks.size(); ++i) {
      CallbackState callback;
      for (const nlohmann::json& entry : state.at("callbacks").at(i).at("numbers")) {
        callback.numbers.emplace_back(entry.at(0).get<std::string>(), real(entry.at(1)));
      }
      const std::string prefix = fmt::format("callback/{}/", i);
      for (const auto& [name, value] : snapshot.tensors) {
        if (name.rfind(prefix, 0) == 0) callback.tensors.emplace_back(name.substr(prefix.size()), value);
      }
      options_.callbacks[i].get()->restore(callback);
    }
  } catch (const nlohmann::json::exception& error) {
    throw_error(ErrorKind::file, fmt::format("resume: the training state is damaged: {}", error.what()));
  }
}

}  // namespace curie
