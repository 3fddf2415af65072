// Layers and losses against PyTorch (scripts/goldens/layers.py).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "layers/layers.h"
#include "loss/loss.h"
#include "ops/ops.h"
#include "support/backend.h"
#include "tensor/files.h"

namespace curie {
namespace {

using test::test_backend;

using nlohmann::json;

json goldens() { return json::parse(read_text(std::string(CURIE_TEST_DATA) + "/layers.json")); }

Tensor read_tensor(const json& stored) {
  const auto extents = stored["shape"].get<std::vector<int>>();
  const auto values = stored["values"].get<std::vector<float>>();
  return Tensor::from<float>(Shape(std::span<const int>(extents)), std::span<const float>(values));
}

Tensor bytes(Backend& backend, std::size_t count) {
  return test::device_zeros(backend, {static_cast<int>(count)}, DType::u8);
}

// A sum of `terms` products below 1 in another order than the golden's: each addition rounds a partial sum, whose size
// is a quarter of the terms for uniform factors. The largest value takes over where it is larger.
void check_close(Backend& backend, const char* what, const Tensor& tensor, const json& stored, int terms) {
  const Tensor got = test::to_host(backend, tensor);
  const Tensor expected = read_tensor(stored);
  REQUIRE(got.elements() == expected.elements());
  double largest = 0.0;
  double error = 0.0;
  for (std::size_t i = 0; i < got.elements(); ++i) {
    const double wanted = static_cast<double>(expected.host<float>()[i]);
    const double difference = std::abs(static_cast<double>(got.host<float>()[i]) - wanted);
    largest = std::max(largest, std::abs(wanted));
    error = difference <= error ? error : difference;  // NaN is kept
  }
  const double bound = (terms + 8) * 0x1p-24 * std::max({1.0, terms / 4.0, largest});
  CHECK_MESSAGE(error <= bound, what, ": error ", error, ", bound ", bound);
}

void check_layer(Backend& backend, const json& golden) {
  CAPTURE(golden["name"].get<std::string>());
  const LayerPtr layer = make_layer(golden["config"]);
  layer->set_trainable(golden["mode"] != "frozen");
  const int terms = golden["terms"].get<int>();
  std::vector<Tensor> inputs, dinputs;
  std::vector<Shape> shapes, samples;
  for (const json& stored : golden["inputs"]) {
    inputs.push_back(test::on_device(backend, read_tensor(stored)));
    shapes.push_back(inputs.back().shape());
    samples.push_back(shapes.back().sample());
    dinputs.push_back(test::device_zeros(backend, shapes.back()));
  }
  const Tensor dy = test::on_device(backend, read_tensor(golden["dy"]));
  const Tensor y = test::device_zeros(backend, dy.shape());
  REQUIRE(layer->build(samples, 0, 0) == y.shape().sample());
  REQUIRE(layer->parameters().size() == golden["parameters"].size());
  for (std::size_t i = 0; i < layer->parameters().size(); ++i) {
    Parameter& parameter = layer->parameters()[i];
    parameter.value = test::on_device(backend, read_tensor(golden["parameters"][i]));
    REQUIRE(parameter.value.shape() == parameter.shape);
    if (!golden["gradients"][i].is_null()) parameter.gradient = test::device_zeros(backend, parameter.shape);
  }
  const Demand demand = layer->demand(backend, shapes, y.shape(), Mode::training);
  const Tensor scratch = bytes(backend, demand.scratch_bytes);
  LayerContext context{.backend = backend,
                       .mode = Mode::training,
                       .saved = bytes(backend, demand.saved_bytes),
                       .scratch = {scratch.raw(), demand.scratch_bytes}};
  layer->forward(context, inputs, y);
  check_close(backend, "y", y, golden["y"], terms);
  layer->backward(context, inputs, y, dy, dinputs);
  for (std::size_t i = 0; i < dinputs.size(); ++i) check_close(backend, "dx", dinputs[i], golden["dinputs"][i], terms);
  const std::span<Parameter> parameters = layer->parameters();
  const json& after = golden["after"];
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].gradient.defined()) {
      check_close(backend, parameters[i].name.c_str(), parameters[i].gradient, golden["gradients"][i], terms);
    }
    const std::size_t learned = parameters.size() - after.size();
    if (i >= learned) check_close(backend, parameters[i].name.c_str(), parameters[i].value, after[i - learned], terms);
  }
}

TEST_CASE("Layers agree with PyTorch, forward and backward") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const json golden = goldens();
  REQUIRE(golden["layers"].size() == 23);
  for (const json& layer : golden["layers"]) check_layer(*backend, layer);
}

Activation activation_named(const std::string& name) {
  for (const Activation activation :
       {Activation::none, Activation::sigmoid, Activation::softmax, Activation::log_softmax}) {
    if (name == name_of(activation)) return activation;
  }
  throw_error(ErrorKind::data, "no activation is named " + name);
}

// The last layer's activation and the loss, as a model runs them: the gradient with respect to the logits.
void check_loss(Backend& backend, const json& golden) {
  CAPTURE(golden["name"].get<std::string>());
  const Loss loss = make_loss(golden["loss"]);
  const Activation last = activation_named(golden["last"].get<std::string>());
  bool uses_logits = false;
  const LossKind kind = loss.kind_for(last, uses_logits);
  const Tensor logits = test::on_device(backend, read_tensor(golden["logits"]));
  const int rows = logits.shape()[0];
  const int width = logits.shape()[1];
  Tensor targets = read_tensor(golden["targets"]);
  if (loss.target_form(width) == TargetForm::class_index) {
    const std::vector<std::int32_t> indices(targets.host<float>().begin(), targets.host<float>().end());
    targets = Tensor::from<std::int32_t>({rows}, indices);
  }
  targets = test::on_device(backend, targets);
  const LayerPtr activation = last == Activation::none ? nullptr : make_activation(last);
  LayerContext context{.backend = backend, .mode = Mode::training};
  Tensor predictions = logits;
  if (activation) {
    activation->build(std::vector<Shape>{{width}}, 0, 0);
    predictions = test::device_zeros(backend, logits.shape());
    activation->forward(context, std::vector<Tensor>{logits}, predictions);
  }
  const LossShape shape{.kind = kind, .rows = rows, .classes = width};
  const Tensor scratch = bytes(backend, backend.scratch_bytes(shape));
  const Tensor weights =
      golden["weights"].is_null() ? Tensor() : test::on_device(backend, read_tensor(golden["weights"]));
  const Tensor gradient = test::device_zeros(backend, logits.shape());
  const test::OnDevice<MetricTotals> device_totals(backend, {});
  ops::loss(backend, shape, uses_logits ? logits : predictions, targets, weights, gradient, device_totals.address(),
            {scratch.raw(), scratch.bytes()});
  const MetricTotals totals = device_totals.get();
  CHECK(totals.samples == rows);
  // Float32 sums of `width` terms; probabilities are divided by, and the smallest here is above 1e-4, so that their
  // relative rounding, a few 2^-24, reaches the logarithm unamplified.
  const double value = golden["value"].get<double>();
  CHECK(std::abs(totals.loss / rows - value) <= (width + 12) * 0x1p-24 * std::max(1.0, std::abs(value)));
  Tensor dlogits = gradient;
  if (activation && !uses_logits) {
    dlogits = test::device_zeros(backend, logits.shape());
    activation->backward(context, std::vector<Tensor>{logits}, predictions, gradient, std::vector<Tensor>{dlogits});
  }
  check_close(backend, "dlogits", dlogits, golden["dlogits"], 12 * width);
}

TEST_CASE("Losses agree with PyTorch through the activation before them") {
  const std::unique_ptr<Backend> backend = test_backend(2);
  const json golden = goldens();
  REQUIRE(golden["losses"].size() == 14);
  for (const json& loss : golden["losses"]) check_loss(*backend, loss);
}

}  // namespace
}  // namespace curie
