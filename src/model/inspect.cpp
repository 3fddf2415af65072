#include "model/inspect.h"

#include <algorithm>

#include "model/pixels.h"
#include "model/probabilities.h"
#include "model/session.h"
#include "model/value_types.h"
#include "ops/ops.h"
#include "tensor/text.h"

namespace curie {
namespace {

std::size_t index_of(int value) { return static_cast<std::size_t>(value); }

// While it lives every layer is frozen: no parameter gradient is written, and batch normalisation keeps to its running
// statistics, also where layers are asked to save what backward needs.
class Frozen {
 public:
  explicit Frozen(Graph& graph) : graph_(graph) {
    for (Node& node : graph_.nodes()) {
      trainable_.push_back(node.layer->trainable());
      node.layer->set_trainable(false);
    }
  }
  ~Frozen() {
    for (std::size_t i = 0; i < trainable_.size(); ++i) graph_.nodes()[i].layer->set_trainable(trainable_[i]);
  }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;

 private:
  Graph& graph_;
  std::vector<bool> trainable_;
};

std::vector<Shape> shapes_of(const std::vector<Tensor>& tensors) {
  std::vector<Shape> shapes;
  for (const Tensor& tensor : tensors) shapes.push_back(tensor.shape());
  return shapes;
}

}  // namespace

Inspector::Inspector(Model& model)
    : model_(&model),
      graph_(&model.graph()),
      backend_(&model.session().backend()),
      types_(value_types(*graph_, backend_->bf16() != nullptr)),
      places_(index_of(graph_->values())) {
  for (const Node& node : graph_->nodes()) {
    if (node.hidden) {
      layers_.back().value = node.output;
    } else {
      layers_.push_back({node.name, std::string(node.layer->kind()), node.output, graph_->shape(node.output)});
    }
  }
}

const Inspector::LayerInfo& Inspector::layer(const std::string& name) const {
  const auto found = std::find_if(layers_.begin(), layers_.end(), [&](const LayerInfo& l) { return l.name == name; });
  if (found != layers_.end()) return *found;
  std::vector<std::string> names;
  for (const LayerInfo& one : layers_) names.push_back(one.name);
  throw_error(ErrorKind::usage, fmt::format("the model has no layer \"{}\"{}{}", name, suggestion(name, names),
                                            suggestion(name, names).empty() ? "; `curie summary` lists them" : ""));
}

Tensor Inspector::device_tensor(const Shape& shape, DType type) const {
  auto buffer = std::make_shared<const Buffer>(backend_->allocate(shape.elements() * size_of(type)));
  return Tensor(std::move(buffer), 0, shape, type);
}

std::vector<Tensor> Inspector::inputs_of(const Node& node) const {
  std::vector<Tensor> inputs;
  for (const int input : node.inputs) inputs.push_back(places_[index_of(input)].value);
  return inputs;
}

void Inspector::load(const Tensor& samples) {
  const Shape& sample = graph_->input_shape();
  CURIE_CHECK(samples.shape().rank() == sample.rank() + 1 && samples.shape().sample() == sample, usage,
              "inspection: expected samples of shape {}, got {}", to_string(sample), to_string(samples.shape()));
  places_[0].value = device_tensor(samples.shape(), types_[0]);
  if (samples.dtype() == DType::f32) {
    RoundedSamples().send(*backend_, samples, places_[0].value);
    return;
  }
  const Tensor pixels = device_tensor(samples.shape(), DType::u8);
  backend_->copy_to_device(pixels.raw(), samples.raw(), samples.bytes());
  const int channels = sample[-1];
  const Tensor table = model_->normalization().table(channels);
  const Tensor on_device = device_tensor(table.shape());
  backend_->copy_to_device(on_device.raw(), table.raw(), table.bytes());
  ops::normalize_u8(*backend_, samples.elements() / static_cast<std::size_t>(channels), channels, pixels, on_device,
                    places_[0].value);
  backend_->synchronize();
}

void Inspector::run(const Tensor& samples) {
  samples_ = 0;
  load(samples);
  const int n = samples.shape()[0];
  const Frozen frozen(*graph_);
  std::size_t scratch = 0;
  for (const Node& node : graph_->nodes()) {
    const std::vector<Shape> inputs = shapes_of(inputs_of(node));
    const Shape output = graph_->shape(node.output).with_batch(n);
    Place& place = places_[index_of(node.output)];
    place.alias = node.layer->demand(*backend_, inputs, output, Mode::inference).alias;
    if (place.alias) {
      place.value = places_[index_of(node.inputs[0])].value.reshape(output);
      continue;
    }
    const Demand demand = node.layer->demand(*backend_, inputs, output, Mode::training);
    place.value = device_tensor(output, types_[index_of(node.output)]);
    place.saved =
        demand.saved_bytes > 0 ? device_tensor(Shape{static_cast<int>(demand.saved_bytes)}, DType::u8) : Tensor();
    scratch = std::max(scratch, demand.scratch_bytes);
    if (!scratch_.defined() || scratch_.bytes() < scratch) {
      scratch_ = device_tensor(Shape{static_cast<int>(scratch)}, DType::u8);
    }
    LayerContext context{.backend = *backend_,
                         .mode = Mode::training,
                         .saved = place.saved,
                         .scratch = {scratch_.raw(), scratch_.defined() ? scratch_.bytes() : 0}};
    node.layer->forward(context, inputs_of(node), place.value);
  }
  samples_ = n;
}

Tensor Inspector::output(int value) const {
  CURIE_CHECK(samples_ > 0, usage, "inspection: expected a run before its outputs are read");
  CURIE_CHECK(value >= 0 && value < graph_->values(), usage, "inspection: expected a value below {}, got {}",
              graph_->values(), value);
  return to_host_floats(*backend_, places_[index_of(value)].value);
}

int Inspector::classes() const { return std::max(2, graph_->shape(graph_->output())[0]); }

Tensor Inspector::probabilities() const { return class_probabilities(*graph_, output(graph_->output())); }

Tensor Inspector::seed(int class_number) const {
  const int width = graph_->shape(graph_->logits())[0];
  Tensor host = Tensor::zeros(Shape{samples_, width});
  for (int i = 0; i < samples_; ++i) {
    const std::span<float> row = host.rows(i, 1).host<float>();
    if (width == 1) {
      row[0] = class_number == 1 ? 1.0f : -1.0f;
    } else {
      row[index_of(class_number)] = 1.0f;
    }
  }
  const Tensor tensor = device_tensor(host.shape());
  backend_->copy_to_device(tensor.raw(), host.raw(), host.bytes());
  return tensor;
}

void Inspector::add_to(Tensor& total, const Tensor& part) {
  if (total.defined()) {
    ops::add(*backend_, total, part, total);
  } else {
    total = part;
  }
}

Tensor Inspector::gradient(int class_number, int value) {
  CURIE_CHECK(samples_ > 0, usage, "inspection: expected a run before its gradients are read");
  CURIE_CHECK(class_number >= 0 && class_number < classes(), usage, "inspection: expected a class below {}, got {}",
              classes(), class_number);
  CURIE_CHECK(value >= 0 && value <= graph_->logits(), usage,
              "inspection: expected a value up to {}, the logits, got {}", graph_->logits(), value);
  std::vector<bool> depends(index_of(graph_->values()), false);  // on the value asked for
  depends[index_of(value)] = true;
  for (const Node& node : graph_->nodes()) {
    for (const int input : node.inputs)
      depends[index_of(node.output)] = depends[index_of(node.output)] || depends[index_of(input)];
  }

  const Frozen frozen(*graph_);
  std::vector<Tensor> gradients(index_of(graph_->values()));
  gradients[index_of(graph_->logits())] = seed(class_number);
  // Nodes stand in topological order, and node i makes value i + 1: all readers of `value` come after its own node.
  for (int i = graph_->logits() - 1; i >= value; --i) {
    const Node& node = graph_->nodes()[index_of(i)];
    const Place& place = places_[index_of(node.output)];
    const Tensor& dy = gradients[index_of(node.output)];
    if (!dy.defined()) continue;
    if (place.alias) {
      const int input = node.inputs[0];
      if (depends[index_of(input)])
        add_to(gradients[index_of(input)], dy.reshape(places_[index_of(input)].value.shape()));
      continue;
    }
    std::vector<Tensor> dinputs;
    for (const int input : node.inputs) {
      dinputs.push_back(depends[index_of(input)]
                            ? device_tensor(places_[index_of(input)].value.shape(), types_[index_of(input)])
                            : Tensor());
    }
    LayerContext context{.backend = *backend_,
                         .mode = Mode::training,
                         .saved = place.saved,
                         .scratch = {scratch_.raw(), scratch_.defined() ? scratch_.bytes() : 0}};
    node.layer->backward(context, inputs_of(node), place.value, dy, dinputs);
    for (std::size_t k = 0; k < dinputs.size(); ++k) {
      if (dinputs[k].defined()) add_to(gradients[index_of(node.inputs[k])], dinputs[k]);
    }
  }
  const Tensor& result = gradients[index_of(value)];
  return result.defined() ? to_host_floats(*backend_, result) : Tensor::zeros(places_[index_of(value)].value.shape());
}

const Inspector::LayerInfo& last_convolution(const Inspector& inspector, const Graph& graph) {
  const auto found = std::find_if(graph.nodes().rbegin(), graph.nodes().rend(),
                                  [](const Node& node) { return node.layer->kind() == "Conv2D"; });
  CURIE_CHECK(found != graph.nodes().rend(), usage, "the model has no convolution to look at; name a layer of images");
  int value = found->output;
  for (const Node& node : graph.nodes()) {
    if (std::find(node.inputs.begin(), node.inputs.end(), value) == node.inputs.end()) continue;
    const auto readers = std::count_if(graph.nodes().begin(), graph.nodes().end(), [value](const Node& reader) {
      return std::find(reader.inputs.begin(), reader.inputs.end(), value) != reader.inputs.end();
    });
    const bool keeps_place =
        graph.shape(node.output) == graph.shape(value) && node.layer->kind().find("Pool") == std::string_view::npos;
    if (readers != 1 || !keeps_place) break;
    value = node.output;
  }
  // The listed layer that passes this value on; a hidden activation belongs to the layer before it.
  const std::vector<Inspector::LayerInfo>& layers = inspector.layers();
  const auto layer = std::find_if(layers.begin(), layers.end(), [value](const auto& l) { return l.value >= value; });
  return *layer;
}

}  // namespace curie
