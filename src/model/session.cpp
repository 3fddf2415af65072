#include "model/session.h"

#include <algorithm>
#include <cstring>

#include "ops/ops.h"

namespace curie {
namespace {

int output_width(const Graph& graph) {
  const Shape& shape = graph.shape(graph.output());
  CURIE_CHECK(shape.rank() == 1, usage,
              "model: expected a last layer with one row of outputs a sample, got {}; add Flatten and Dense",
              to_string(shape));
  return shape[0];
}

}  // namespace

Session::Session(Graph& graph, std::unique_ptr<Backend> backend, std::shared_ptr<Optimizer> optimizer, Loss loss,
                 bool count_accuracy, const Normalization& normalization)
    : graph_(&graph),
      backend_(std::move(backend)),
      optimizer_(std::move(optimizer)),
      loss_(std::move(loss)),
      count_accuracy_(count_accuracy),
      loss_kind_(loss_.kind_for(graph.last_activation(), loss_takes_logits_)),
      loss_value_(loss_takes_logits_ ? graph.logits() : graph.output()),
      outputs_(output_width(graph)),
      store_(graph, *backend_, optimizer_->slots()),
      normalization_(normalization) {
  // StepState and MetricTotals are plain bytes on the device.
  state_ = device_tensor(Shape{static_cast<int>(sizeof(StepState))}, DType::u8);
  totals_ = device_tensor(Shape{static_cast<int>(sizeof(MetricTotals))}, DType::u8);
}

Tensor Session::device_tensor(const Shape& shape, DType type) {
  auto buffer = std::make_shared<const Buffer>(backend_->allocate(shape.elements() * size_of(type)));
  return Tensor(std::move(buffer), 0, shape, type);
}

std::unique_ptr<Executor> Session::make_executor(int batch, Mode mode) {
  return std::make_unique<Executor>(*graph_, *backend_, batch, mode, loss_value_);
}

void Session::plan(int training, int inference, DType pixels) {
  try {
    allocate(training, inference, pixels);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::out_of_memory) throw;
    explain_shortage(error, training, inference, pixels);
  }
}

void Session::allocate(int training, int inference, DType pixels) {
  recordings_.clear();
  training_.reset();
  inference_.reset();
  staging_ = {};
  loss_scratch_ = {};
  if (training > 0) training_ = make_executor(training, Mode::training);
  inference_ = make_executor(inference, Mode::inference);
  // The two never run at the same time, so they share one arena.
  const std::size_t arena_bytes = std::max(training_ ? training_->arena_bytes() : 0, inference_->arena_bytes());
  const auto arena = std::make_shared<const Buffer>(backend_->allocate(arena_bytes));
  if (training_) training_->bind(arena);
  inference_->bind(arena);

  const int batch = std::max(training, inference);
  if (pixels == DType::u8) {
    staging_.pixels = device_tensor(graph_->input_shape().with_batch(batch), DType::u8);
    const Tensor table = normalization_.table(graph_->input_shape()[-1]);
    table_ = device_tensor(table.shape(), DType::f32);
    backend_->copy_to_device(table_.raw(), table.raw(), table.bytes());
  }
  host_targets_ = new_host_targets(batch);
  staging_.targets = device_tensor(host_targets_.shape(), host_targets_.dtype());
  staging_.weights = device_tensor(Shape{batch}, DType::f32);
  staging_.samples = device_tensor(Shape{batch}, DType::i32);
  const std::size_t scratch = backend_->scratch_bytes(LossShape{loss_kind_, batch, outputs_});
  loss_scratch_ = device_tensor(Shape{static_cast<int>(scratch)}, DType::u8);
  // Takes the scratch memory of the largest batches now rather than in a step.
  if (training_) training_->prepare(training);
  inference_->prepare(inference);
}

std::size_t Session::staging_bytes(int batch, DType pixels) const {
  const auto n = static_cast<std::size_t>(batch);
  const std::size_t image = pixels == DType::u8 ? graph_->input_shape().elements() : 0;
  const std::size_t target = takes_class_index(loss_kind_) ? 1 : static_cast<std::size_t>(outputs_);
  constexpr std::size_t kWeightAndNumber = 8;
  return n * (image + 4 * target + kWeightAndNumber) + backend_->scratch_bytes(LossShape{loss_kind_, batch, outputs_});
}

std::size_t Session::predicted_bytes(int training, int inference, DType pixels) {
  std::size_t arena = 0, scratch = 0;
  const auto add = [&](const Executor& executor) {
    arena = std::max(arena, executor.arena_bytes());
    scratch += executor.scratch_bytes();
  };
  if (training > 0) add(*make_executor(training, Mode::training));
  add(*make_executor(inference, Mode::inference));
  return store_.bytes() + arena + scratch + staging_bytes(std::max(training, inference), pixels);
}

Tensor Session::new_host_targets(int n) const {
  if (takes_class_index(loss_kind_)) return Tensor::zeros(Shape{n}, DType::i32);
  return Tensor::zeros(Shape{n, outputs_});
}

void Session::write_targets(std::span<const std::int32_t> labels, const Tensor& targets) const {
  const int classes = std::max(outputs_, 2);
  for (const std::int32_t label : labels) {
    CURIE_CHECK(label >= 0 && label < classes, data, "model: expected class numbers below {}, got {}", classes, label);
  }
  if (takes_class_index(loss_kind_)) {
    std::copy(labels.begin(), labels.end(), targets.host<std::int32_t>().begin());
    return;
  }
  const std::span<float> values = targets.host<float>();
  const auto width = static_cast<std::size_t>(outputs_);
  std::fill(values.begin(), values.end(), 0.0f);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (width == 1) {
      values[i] = static_cast<float>(labels[i]);
    } else {
      values[i * width + static_cast<std::size_t>(labels[i])] = 1.0f;
    }
  }
}

void Session::load(const Tensor& pixels, std::span<const std::int32_t> labels, Executor& executor) {
  const int n = pixels.shape()[0];
  executor.prepare(n);
  const Tensor& target = pixels.dtype() == DType::u8 ? staging_.pixels : executor.value(n, 0);
  CURIE_CHECK(target.defined(), usage, "model: it was planned for f32 samples, got {}", name_of(pixels.dtype()));
  CURIE_CHECK(pixels.shape().sample() == graph_->input_shape(), usage, "model: expected samples of shape {}, got {}",
              to_string(graph_->input_shape()), to_string(pixels.shape().sample()));
  backend_->copy_to_device(target.raw(), pixels.raw(), pixels.bytes());
  if (labels.empty()) return;
  const Tensor targets = host_targets_.rows(0, n);
  write_targets(labels, targets);
  backend_->copy_to_device(staging_.targets.raw(), targets.raw(), targets.bytes());
}

void Session::load(std::span<const int> samples, Executor& executor) {
  executor.prepare(static_cast<int>(samples.size()));
  backend_->copy_to_device(staging_.samples.raw(), std::as_bytes(samples).data(), samples.size_bytes());
}

bool Session::keep(const Dataset& data) {
  if (data.sample_shape() != graph_->input_shape() || !backend_->memory()) return false;
  std::vector<std::int32_t> labels;
  for (int i = 0; i < data.size(); ++i) labels.push_back(data.label(i));
  const Tensor targets = new_host_targets(data.size());
  write_targets(labels, targets);
  return residents_.keep(*backend_, data, targets);
}

void Session::drop_residents() {
  recordings_.clear();  // they hold addresses of what goes
  residents_.drop_all();
}

void Session::normalize(Executor& executor, int n) {
  if (!staging_.pixels.defined()) return;
  const Shape& sample = graph_->input_shape();
  const int channels = sample[-1];
  const std::size_t pixels = sample.elements() / static_cast<std::size_t>(channels) * static_cast<std::size_t>(n);
  ops::normalize_u8(*backend_, pixels, channels, staging_.pixels.rows(0, n), table_, executor.value(n, 0));
}

void Session::gather(Executor& executor, int n, const ResidentData& data) {
  const Shape& sample = graph_->input_shape();
  const int channels = sample[-1];
  const Tensor samples = staging_.samples.rows(0, n);
  ops::gather_normalize_u8(*backend_, sample.elements() / static_cast<std::size_t>(channels), channels, samples,
                           data.pixels, table_, executor.value(n, 0));
  ops::gather_rows(*backend_, samples, data.targets, staging_.targets.rows(0, n));
}

void Session::compute_loss(Executor& executor, int n, const Tensor& weights, bool gradient) {
  const LossShape shape{loss_kind_, n, outputs_};
  auto* totals = reinterpret_cast<MetricTotals*>(totals_.raw());
  const Tensor targets = staging_.targets.rows(0, n);
  ops::loss(*backend_, shape, executor.value(n, loss_value_), targets, weights,
            gradient ? executor.gradient(n, loss_value_) : Tensor(), totals,
            {loss_scratch_.raw(), loss_scratch_.bytes()});
  if (count_accuracy_) {
    ops::count_correct(*backend_, loss_.match_rule(outputs_), n, outputs_, executor.value(n, graph_->output()), targets,
                       totals);
  }
}

void Session::run(Executor& executor, int n, bool weighted, bool train, const ResidentData* data) {
  const auto* state = reinterpret_cast<const StepState*>(state_.raw());
  if (data != nullptr) {
    gather(executor, n, *data);
  } else {
    normalize(executor, n);
  }
  executor.forward(n, state);
  compute_loss(executor, n, weighted ? staging_.weights.rows(0, n) : Tensor(), train);
  if (!train) return;
  executor.backward(n, state);
  optimizer_->step(*backend_, store_.trained(), state, store_.gradients(), store_.weights(), store_.slots());
}

// What the host sends is on its way; the rest of the step is recorded once for each batch size and repeated.
void Session::train(int n, std::span<const float> weights, const ResidentData* data) {
  const bool weighted = !weights.empty();
  if (weighted) {
    backend_->copy_to_device(staging_.weights.raw(), std::as_bytes(weights).data(), weights.size_bytes());
  }
  StepState state{.step = step_};
  optimizer_->fill(state);
  backend_->copy_to_device(state_.raw(), reinterpret_cast<const std::byte*>(&state), sizeof state);
  std::unique_ptr<Recording>& recording = recordings_[{n, weighted, data}];
  if (!recording) recording = backend_->record([this, n, weighted, data] { run(*training_, n, weighted, true, data); });
  recording->replay();
  ++step_;
}

void Session::train_step(const Tensor& pixels, std::span<const std::int32_t> labels, std::span<const float> weights) {
  CURIE_ASSERT(training_ != nullptr, "the session was planned without training");
  load(pixels, labels, *training_);
  train(pixels.shape()[0], weights, nullptr);
}

void Session::train_step(const ResidentData& data, std::span<const int> samples, std::span<const float> weights) {
  CURIE_ASSERT(training_ != nullptr, "the session was planned without training");
  load(samples, *training_);
  train(static_cast<int>(samples.size()), weights, &data);
}

void Session::evaluate_step(const Tensor& pixels, std::span<const std::int32_t> labels) {
  load(pixels, labels, *inference_);
  run(*inference_, pixels.shape()[0], false, false, nullptr);
}

void Session::evaluate_step(const ResidentData& data, std::span<const int> samples) {
  load(samples, *inference_);
  run(*inference_, static_cast<int>(samples.size()), false, false, &data);
}

void Session::predict_step(const Tensor& pixels, std::span<float> outputs) {
  load(pixels, {}, *inference_);
  const int n = pixels.shape()[0];
  normalize(*inference_, n);
  inference_->forward(n, reinterpret_cast<const StepState*>(state_.raw()));
  const Tensor& result = inference_->value(n, graph_->output());
  CURIE_ASSERT(outputs.size_bytes() == result.bytes(), "predict_step: room for {} values, {} needed", outputs.size(),
               result.elements());
  backend_->copy_to_host(std::as_writable_bytes(outputs).data(), result.raw(), result.bytes());
}

MetricTotals Session::totals() {
  MetricTotals totals;
  backend_->copy_to_host(reinterpret_cast<std::byte*>(&totals), totals_.raw(), sizeof totals);
  return totals;
}

void Session::set_totals(const MetricTotals& totals) {
  backend_->copy_to_device(totals_.raw(), reinterpret_cast<const std::byte*>(&totals), sizeof totals);
}

namespace {

Tensor to_host(Backend& backend, const Tensor& tensor) {
  if (!tensor.defined()) return {};
  Tensor copy = Tensor::zeros(tensor.shape(), tensor.dtype());
  backend.copy_to_host(copy.raw(), tensor.raw(), tensor.bytes());
  return copy;
}

void from_host(Backend& backend, const Tensor& host, const Tensor& device, const char* what) {
  const std::size_t expected = device.defined() ? device.elements() : 0;
  const std::size_t found = host.defined() ? host.elements() : 0;
  CURIE_CHECK(expected == found, usage, "model: expected {} floats of {}, got {}", expected, what, found);
  if (found > 0) backend.copy_to_device(device.raw(), host.raw(), host.bytes());
}

}  // namespace

Tensor Session::weights() const { return to_host(*backend_, store_.weights_tensor()); }
void Session::set_weights(const Tensor& weights) { from_host(*backend_, weights, store_.weights_tensor(), "weights"); }
Tensor Session::optimizer_state() const { return to_host(*backend_, store_.slots_tensor()); }
void Session::set_optimizer_state(const Tensor& state) {
  from_host(*backend_, state, store_.slots_tensor(), "optimizer state");
}

}  // namespace curie
