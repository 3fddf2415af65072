#include "model/session.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "data/augmented_dataset.h"
#include "ops/ops.h"
#include "tensor/log.h"

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
      store_(graph, *backend_, optimizer_->state_arrays()),
      updater_(*backend_, *optimizer_, store_),
      normalization_(normalization) {
  if (backend_->bf16() != nullptr) {
    const std::vector<DType> types = value_types(graph, true);
    if (std::find(types.begin(), types.end(), DType::bf16) == types.end()) {
      log_warning(
          "math bf16: nothing of this model is kept in bfloat16, because logits are float32 and no dense layer lies "
          "before them");
    }
  }
  // StepState and MetricTotals are plain bytes on the device.
  state_ = device_tensor(Shape{static_cast<int>(sizeof(StepState))}, DType::u8);
  totals_ = device_tensor(Shape{static_cast<int>(sizeof(MetricTotals))}, DType::u8);
}

Tensor Session::device_tensor(const Shape& shape, DType type) {
  auto buffer = std::make_shared<const Buffer>(backend_->allocate(shape.elements() * size_of(type)));
  return Tensor(std::move(buffer), 0, shape, type);
}

Session::Executors Session::make_executors(const StepPlan& plan) {
  const auto make = [&](int batch, Mode mode, int first) {
    return batch > 0 ? std::make_unique<Executor>(*graph_, *backend_, batch, mode, loss_value_, Section{.first = first})
                     : nullptr;
  };
  return {.training = make(plan.training, Mode::training, plan.cut_training ? plan.cut : 0),
          .inference = make(plan.inference, Mode::inference, 0),
          .cut_inference = make(plan.cut_inference, Mode::inference, plan.cut)};
}

void Session::plan(const StepPlan& plan) {
  try {
    allocate(plan);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::out_of_memory) throw;
    explain_shortage(error, plan);
  }
}

namespace {

// Whether some batch of u8 samples enters as the network's input.
bool takes_pixels(const StepPlan& plan) {
  const bool whole = plan.inference > 0 || (plan.training > 0 && !plan.cut_training);
  return plan.pixels == DType::u8 && whole;
}

int largest_batch(const StepPlan& plan) { return std::max({plan.training, plan.inference, plan.cut_inference}); }

}  // namespace

void Session::allocate(const StepPlan& plan) {
  recordings_.clear();
  executors_ = {};
  staging_ = {};
  loss_scratch_ = {};
  executors_ = make_executors(plan);
  const std::array all = {executors_.training.get(), executors_.inference.get(), executors_.cut_inference.get()};
  // They never run at the same time, so they share one arena.
  std::size_t arena_bytes = 0;
  for (const Executor* executor : all) arena_bytes = std::max(arena_bytes, executor ? executor->arena_bytes() : 0);
  const auto arena = std::make_shared<const Buffer>(backend_->allocate(arena_bytes));
  for (Executor* executor : all) {
    if (executor != nullptr) executor->bind(arena);
  }

  const int batch = largest_batch(plan);
  if (takes_pixels(plan)) staging_.pixels.emplace(*backend_, graph_->input_shape(), batch, normalization_);
  host_targets_ = new_host_targets(batch);
  staging_.targets = device_tensor(host_targets_.shape(), host_targets_.dtype());
  staging_.weights = device_tensor(Shape{batch}, DType::f32);
  staging_.samples = device_tensor(Shape{batch}, DType::i32);
  host_warps_.resize(static_cast<std::size_t>(batch));
  staging_.warps = device_tensor(Shape{batch * static_cast<int>(sizeof(ImageWarp))}, DType::u8);
  const std::size_t scratch = backend_->scratch_bytes(LossShape{loss_kind_, batch, outputs_});
  loss_scratch_ = device_tensor(Shape{static_cast<int>(scratch)}, DType::u8);
  // Takes the scratch memory of the largest batches now rather than in a step.
  for (Executor* executor : all) {
    if (executor != nullptr) executor->prepare(executor->max_batch());
  }
}

std::size_t Session::staging_bytes(const StepPlan& plan) const {
  const int batch = largest_batch(plan);
  const auto n = static_cast<std::size_t>(batch);
  const std::size_t pixels = takes_pixels(plan) ? PixelStaging::bytes(graph_->input_shape(), batch) : 0;
  const std::size_t target = takes_class_index(loss_kind_) ? 1 : static_cast<std::size_t>(outputs_);
  constexpr std::size_t kWeightAndNumber = 8;
  return pixels + n * (4 * target + kWeightAndNumber + sizeof(ImageWarp)) +
         backend_->scratch_bytes(LossShape{loss_kind_, batch, outputs_});
}

std::size_t Session::predicted_bytes(const StepPlan& plan) {
  std::size_t arena = 0, scratch = 0;
  const Executors executors = make_executors(plan);
  for (const Executor* executor :
       {executors.training.get(), executors.inference.get(), executors.cut_inference.get()}) {
    if (executor == nullptr) continue;
    arena = std::max(arena, executor->arena_bytes());
    scratch += executor->scratch_bytes();
  }
  return store_.bytes() + arena + scratch + staging_bytes(plan);
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

Session::Source Session::load(const Tensor& pixels, std::span<const std::int32_t> labels, Executor& executor) {
  const int n = pixels.shape()[0];
  const Shape& expected = graph_->shape(executor.input());
  CURIE_CHECK(pixels.shape().sample() == expected, usage, "model: expected samples of shape {}, got {}",
              to_string(expected), to_string(pixels.shape().sample()));
  executor.prepare(n);
  if (pixels.dtype() == DType::u8) {
    CURIE_CHECK(staging_.pixels.has_value() && executor.input() == 0, usage,
                "model: it was planned for f32 samples, got u8");
    staging_.pixels->send(*backend_, pixels);
  } else {
    const Tensor& input = executor.value(n, executor.input());
    CURIE_CHECK(pixels.dtype() == DType::f32, usage, "model: expected u8 or f32 samples, got {}",
                name_of(pixels.dtype()));
    rounded_samples_.send(*backend_, pixels, input);
  }
  if (!labels.empty()) {
    const Tensor targets = host_targets_.rows(0, n);
    write_targets(labels, targets);
    backend_->copy_to_device(staging_.targets.raw(), targets.raw(), targets.bytes());
  }
  return {.data = nullptr, .type = pixels.dtype()};
}

Session::Source Session::load(const ResidentData& data, std::span<const int> samples, int epoch, Executor& executor) {
  executor.prepare(static_cast<int>(samples.size()));
  backend_->copy_to_device(staging_.samples.raw(), std::as_bytes(samples).data(), samples.size_bytes());
  if (data.augmented != nullptr) {
    const std::span<ImageWarp> warps = std::span(host_warps_).first(samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i) warps[i] = data.augmented->warp(samples[i], epoch);
    backend_->copy_to_device(staging_.warps.raw(), std::as_bytes(warps).data(), warps.size_bytes());
  }
  return {.data = &data, .type = data.pixels.dtype()};
}

bool Session::keep(const Dataset& data, int at) {
  if (data.sample_shape() != graph_->shape(at) || !backend_->memory()) return false;
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

void Session::enter(Executor& executor, int n, const Source& source) {
  const Tensor& input = executor.value(n, executor.input());
  if (source.data == nullptr) {
    if (source.type == DType::u8) staging_.pixels->normalize(*backend_, n, input);
    return;
  }
  const Tensor samples = staging_.samples.rows(0, n);
  if (source.data->augmented != nullptr) {
    WarpShape shape = source.data->augmented->shape();
    shape.count = n;
    ops::warp_u8(*backend_, shape, samples, staging_.warps.rows(0, n * static_cast<int>(sizeof(ImageWarp))),
                 source.data->pixels, source.data->offset, source.data->factor, input);
  } else if (source.type == DType::u8) {
    staging_.pixels->gather(*backend_, samples, source.data->pixels, input);
  } else {
    ops::gather_rows(*backend_, samples, source.data->pixels, input);
  }
  ops::gather_rows(*backend_, samples, source.data->targets, staging_.targets.rows(0, n));
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

void Session::run(Executor& executor, int n, bool weighted, const Updater::Phase* phase, const Source& source) {
  const auto* state = reinterpret_cast<const StepState*>(state_.raw());
  backend_->entering("input");
  enter(executor, n, source);
  executor.forward(n, state);
  backend_->entering("loss");
  compute_loss(executor, n, weighted ? staging_.weights.rows(0, n) : Tensor(), phase != nullptr);
  if (phase == nullptr) return;
  executor.backward(n, state);
  backend_->entering("update");
  updater_.run(*phase, state);
}

// What the host sends is on its way; the rest of the step is recorded once for each batch size and repeated.
void Session::train(int n, std::span<const float> weights, const Source& source) {
  const bool weighted = !weights.empty();
  if (weighted) {
    backend_->copy_to_device(staging_.weights.raw(), std::as_bytes(weights).data(), weights.size_bytes());
  }
  StepState state{.step = step_};
  optimizer_->fill(state);
  backend_->copy_to_device(state_.raw(), reinterpret_cast<const std::byte*>(&state), sizeof state);
  const Updater::Phase phase = updater_.phase(step_);
  std::unique_ptr<Recording>& recording = recordings_[{n, weighted, source, phase}];
  if (!recording) {
    recording = backend_->record(
        [this, n, weighted, source, phase] { run(*executors_.training, n, weighted, &phase, source); });
  }
  recording->replay();
  ++step_;
}

void Session::train_step(const Tensor& pixels, std::span<const std::int32_t> labels, std::span<const float> weights) {
  CURIE_ASSERT(executors_.training != nullptr, "the session was planned without training");
  const Source source = load(pixels, labels, *executors_.training);
  train(pixels.shape()[0], weights, source);
}

void Session::train_step(const ResidentData& data, std::span<const int> samples, std::span<const float> weights,
                         int epoch) {
  CURIE_ASSERT(executors_.training != nullptr, "the session was planned without training");
  const Source source = load(data, samples, epoch, *executors_.training);
  train(static_cast<int>(samples.size()), weights, source);
}

Executor& Session::inference_from(int value) {
  Executor* executor = value == 0 ? executors_.inference.get() : executors_.cut_inference.get();
  CURIE_ASSERT(executor != nullptr && executor->input() == value, "the session was planned without inference from {}",
               value);
  return *executor;
}

void Session::evaluate_step(const Tensor& pixels, std::span<const std::int32_t> labels, int at) {
  Executor& executor = inference_from(at);
  const Source source = load(pixels, labels, executor);
  run(executor, pixels.shape()[0], false, nullptr, source);
}

void Session::evaluate_step(const ResidentData& data, std::span<const int> samples, int at) {
  Executor& executor = inference_from(at);
  const Source source = load(data, samples, 0, executor);
  run(executor, static_cast<int>(samples.size()), false, nullptr, source);
}

void Session::predict_step(const Tensor& pixels, std::span<float> outputs) {
  Executor& executor = inference_from(0);
  const Source source = load(pixels, {}, executor);
  const int n = pixels.shape()[0];
  enter(executor, n, source);
  executor.forward(n, reinterpret_cast<const StepState*>(state_.raw()));
  read_outputs(0, outputs);
}

void Session::read_outputs(int at, std::span<float> outputs) {
  const Tensor& result = inference_from(at).value(static_cast<int>(outputs.size()) / outputs_, graph_->output());
  CURIE_ASSERT(outputs.size_bytes() == result.bytes(), "read_outputs: room for {} values, {} needed", outputs.size(),
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

void from_host(Backend& backend, const Tensor& host, const Tensor& device, const char* what) {
  const std::size_t expected = device.defined() ? device.elements() : 0;
  const std::size_t found = host.defined() ? host.elements() : 0;
  CURIE_CHECK(expected == found, usage, "model: expected {} floats of {}, got {}", expected, what, found);
  if (found > 0) backend.copy_to_device(device.raw(), host.raw(), host.bytes());
}

}  // namespace

std::vector<std::pair<std::string, Tensor>> Session::gradients() const {
  std::vector<std::pair<std::string, Tensor>> gradients;
  for (const NamedParameter& named : store_.parameters()) {
    if (named.trained) gradients.emplace_back(named.name, to_host(*backend_, named.parameter->gradient));
  }
  return gradients;
}

Tensor Session::weights() const { return to_host(*backend_, store_.weights_tensor()); }
void Session::set_weights(const Tensor& weights) {
  from_host(*backend_, weights, store_.weights_tensor(), "weights");
  weights_changed();
}
Tensor Session::optimizer_state() const { return to_host(*backend_, store_.slots_tensor()); }
void Session::set_optimizer_state(const Tensor& state) {
  from_host(*backend_, state, store_.slots_tensor(), "optimizer state");
}

}  // namespace curie
