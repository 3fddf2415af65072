#include "model/model.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "data/loader.h"
#include "model/batch_source.h"
#include "model/session.h"
#include "model/summary.h"
#include "model/trainer.h"
#include "model/value_types.h"
#include "tensor/json_fields.h"

namespace curie {

Model::Model(const Shape& input, std::uint64_t seed, std::string name)
    : name_(std::move(name)), graph_(std::make_unique<Graph>(input, seed)), planned_(std::make_unique<StepPlan>()) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

int Model::append(LayerPtr layer, std::vector<int> inputs, const std::string& name) {
  CURIE_CHECK(!compiled() && learned_.empty(), usage, "model: layers cannot be added after compile");
  return graph_->add(std::move(layer), std::move(inputs), name);
}

void Model::release_session() {
  if (!compiled()) return;
  learned_ = state();
  session_.reset();
}

void Model::set_trainable(const std::string& name, bool trainable) {
  release_session();
  graph_->set_trainable(name, trainable);
}

void Model::freeze_through(const std::string& last) {
  release_session();
  graph_->set_trainable_through(last, false);
}

void Model::set_rate_multiplier(const std::string& name, float multiplier) {
  release_session();
  graph_->set_rate_multiplier(name, multiplier);
}

void Model::set_normalization(const Normalization& normalization) {
  CURIE_CHECK(!compiled(), usage, "model: set the normalization before compile");
  normalization_ = normalization;
}

void Model::compile(const CompileOptions& options) {
  CURIE_CHECK(!graph_->nodes().empty(), usage, "model: expected at least one layer before compile");
  release_session();  // compiling again keeps what was learned
  std::unique_ptr<Backend> backend = make_backend(options.device, options.backend);
  if (options.wrap_backend) backend = options.wrap_backend(std::move(backend));
  session_ = std::make_unique<Session>(*graph_, std::move(backend), options.optimizer.get(), options.loss,
                                       options.accuracy, normalization_);
  *planned_ = {};
  if (!learned_.empty()) set_state(learned_);
  learned_.clear();
}

Session& Model::session() {
  CURIE_CHECK(compiled(), usage, "model: call compile before training, evaluating or predicting");
  return *session_;
}

void Model::plan(const StepPlan& wanted) {
  StepPlan& planned = *planned_;
  const bool same_cut =
      wanted.cut == planned.cut && (wanted.training == 0 || wanted.cut_training == planned.cut_training);
  const bool takes = planned.pixels == DType::u8 || wanted.pixels == planned.pixels;
  if (same_cut && takes && wanted.training <= planned.training && wanted.inference <= planned.inference &&
      wanted.cut_inference <= planned.cut_inference) {
    return;
  }
  session().plan(wanted);
  planned = wanted;
}

void Model::plan_inference(int batch, DType pixels) {
  StepPlan wanted = *planned_;
  wanted.inference = std::max(wanted.inference, batch);
  // A plan for u8 takes f32 too.
  if (wanted.training == 0 || pixels == DType::u8) wanted.pixels = pixels;
  plan(wanted);
}

History Model::fit(const Dataset& train, const FitOptions& options) { return Trainer(*this, train, options).run(); }

namespace {

// Calls visit(batch) for every batch of the data, in order.
template <typename Visit>
void for_each_batch(const Dataset& data, int batch_size, bool read_samples, Visit&& visit) {
  BatchLoader loader(data, batch_size, read_samples);
  loader.start(0, {});
  while (const Batch* batch = loader.next()) visit(*batch);
}

}  // namespace

namespace {

// The largest batch there will be.
int largest_batch(const Dataset& data, int batch_size, const char* what) {
  CURIE_CHECK(batch_size >= 1, usage, "{}: expected a batch size of at least 1, got {}", what, batch_size);
  return std::min(batch_size, std::max(1, data.size()));
}

}  // namespace

Evaluation Model::evaluate(const Dataset& data, int batch_size) {
  const int batch = largest_batch(data, batch_size, "evaluate");
  plan_inference(batch, data.dtype());
  return evaluate(BatchSource{.data = &data, .resident = session().resident(data)}, batch);
}

Evaluation Model::evaluate_and_predict(const Dataset& data, Tensor& outputs, int batch_size) {
  const int batch = largest_batch(data, batch_size, "evaluate_and_predict");
  plan_inference(batch, data.dtype());
  outputs = Tensor::zeros(Shape{data.size(), session().outputs()});
  return evaluate(BatchSource{.data = &data, .resident = session().resident(data)}, batch, &outputs);
}

Evaluation Model::evaluate(const BatchSource& source, int batch, Tensor* outputs) {
  Session& session = this->session();
  const MetricTotals before = session.totals();
  session.set_totals({});
  int done = 0;
  for_each_batch(*source.data, batch, source.resident == nullptr, [&](const Batch& b) {
    if (source.resident != nullptr) {
      session.evaluate_step(*source.resident, b.indices, source.at);
    } else {
      session.evaluate_step(b.pixels, b.labels, source.at);
    }
    if (outputs != nullptr) session.read_outputs(source.at, outputs->rows(done, b.size).host<float>());
    done += b.size;
  });
  const MetricTotals totals = session.totals();
  session.set_totals(before);
  return {.loss = totals.loss / totals.samples,
          .accuracy = totals.correct / totals.samples,
          .samples = source.data->size()};
}

Tensor Model::predict(const Dataset& data, int batch_size) {
  const int batch = largest_batch(data, batch_size, "predict");
  plan_inference(batch, data.dtype());
  Session& session = this->session();
  Tensor result = Tensor::zeros(Shape{data.size(), session.outputs()});
  int done = 0;
  for_each_batch(data, batch, true, [&](const Batch& b) {
    session.predict_step(b.pixels, result.rows(done, b.size).host<float>());
    done += b.size;
  });
  return result;
}

std::size_t Model::planned_bytes(int batch_size) {
  return session().predicted_bytes({.training = batch_size, .inference = batch_size, .pixels = planned_->pixels});
}

std::string Model::summary() const {
  std::string text = summary_table(*graph_, name_);
  if (!compiled()) return text;
  text += fmt::format("Device: {}\n", session_->backend().describe());
  if (session_->backend().bf16() != nullptr) {
    const std::vector<DType> types = value_types(*graph_, true);
    const auto narrow = std::count(types.begin(), types.end(), DType::bf16);
    text += fmt::format(
        "Kept in bfloat16: {} of {} values (input, outputs of layers) with their gradients, and copies of the kernels; "
        "logits, statistics, weights and their gradients in float32\n",
        narrow, types.size());
  }
  bool from_logits = false;
  session_->loss().kind_for(graph_->last_activation(), from_logits);
  text += fmt::format(
      "Optimizer: {}, learning rate {:g}; loss: {}{}\n", session_->optimizer().name(), session_->optimizer().rate_at(0),
      session_->loss().name(),
      from_logits ? fmt::format(", computed from the logits before {}", name_of(graph_->last_activation())) : "");
  if (planned_->training > 0) {
    text += fmt::format("Planned memory for batches of {}: {}\n", planned_->training,
                        human_bytes(session_->predicted_bytes(*planned_)));
  }
  return text;
}

std::vector<std::pair<std::string, Tensor>> Model::state() const {
  CURIE_CHECK(compiled(), usage, "model: call compile before reading the weights");
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const NamedParameter& named : session_->parameters().parameters()) {
    tensors.emplace_back(named.name, to_host(session_->backend(), named.parameter->value));
  }
  return tensors;
}

void Model::set_state(const std::vector<std::pair<std::string, Tensor>>& tensors) {
  Session& session = this->session();
  const std::vector<NamedParameter>& parameters = session.parameters().parameters();
  std::vector<const Tensor*> found;
  for (const NamedParameter& named : parameters) {
    const auto match =
        std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.first == named.name; });
    CURIE_CHECK(match != tensors.end(), file, "model: tensor \"{}\" is missing", named.name);
    CURIE_CHECK(match->second.shape() == named.parameter->shape, file,
                "model: tensor \"{}\": expected shape {}, found {}", named.name, to_string(named.parameter->shape),
                to_string(match->second.shape()));
    CURIE_CHECK(match->second.dtype() == DType::f32, file, "model: tensor \"{}\": expected f32, found {}", named.name,
                name_of(match->second.dtype()));
    found.push_back(&match->second);
  }
  for (const auto& named : tensors) {
    const bool known =
        std::any_of(parameters.begin(), parameters.end(), [&](const auto& p) { return p.name == named.first; });
    CURIE_CHECK(known, file, "model: tensor \"{}\" belongs to no layer of this model", named.first);
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    session.backend().copy_to_device(parameters[i].parameter->value.raw(), found[i]->raw(), found[i]->bytes());
  }
  session.weights_changed();
}

nlohmann::json Model::config() const {
  nlohmann::json layers = nlohmann::json::array();
  for (const Node& node : graph_->nodes()) {
    if (node.hidden) continue;
    nlohmann::json layer = {{"name", node.name}, {"inputs", node.inputs}, {"layer", node.layer->config()}};
    if (!node.layer->trainable()) layer["trainable"] = false;
    if (node.rate_multiplier != 1.0f) layer["rate_multiplier"] = json_number(node.rate_multiplier);
    layers.push_back(std::move(layer));
  }
  const std::span<const int> input = graph_->input_shape().extents();
  return {{"name", name_},
          {"input_shape", std::vector<int>(input.begin(), input.end())},
          {"normalization", to_json(normalization_)},
          {"layers", layers}};
}

Model Model::from_config(const nlohmann::json& config, std::uint64_t seed) {
  try {
    const auto input = config.at("input_shape").get<std::vector<int>>();
    Model model(Shape(std::span<const int>(input)), seed, config.at("name").get<std::string>());
    model.set_normalization(normalization_from_json(config.at("normalization")));
    for (const nlohmann::json& layer : config.at("layers")) {
      model.append(make_layer(layer.at("layer")), layer.at("inputs").get<std::vector<int>>(),
                   layer.at("name").get<std::string>());
      const std::string& name = layer.at("name").get_ref<const std::string&>();
      if (!layer.value("trainable", true)) model.graph().set_trainable(name, false);
      if (layer.contains("rate_multiplier")) {
        with_values_of_file("layer \"" + name + "\"",
                            [&] { model.graph().set_rate_multiplier(name, layer.at("rate_multiplier").get<float>()); });
      }
    }
    return model;
  } catch (const nlohmann::json::exception& error) {
    throw_error(ErrorKind::file, fmt::format("model description: {}", error.what()));
  }
}

nlohmann::json Model::training_config() const {
  if (!compiled()) return nullptr;
  return {{"optimizer", session_->optimizer().config()},
          {"loss", session_->loss().config()},
          {"accuracy", session_->counts_accuracy()},
          {"device", session_->backend().describe()}};
}

}  // namespace curie
