// One call that checks a layer: shapes, parameters, both directions against finite differences, and every promise that
// its Demand makes to the memory plan.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "layers/layers.h"
#include "support/backend.h"
#include "support/guarded_tensor.h"

namespace curie::test {

struct LayerCase {
  std::vector<Shape> inputs;   // of one sample
  Shape output;                // of one sample, expected
  std::size_t parameters = 0;  // expected number of values in all parameters
  // Finite differences: the step, and how many products and sums stand behind one output. A linear layer has no
  // truncation error and takes a large step.
  float step = 0x1p-5f;
  int terms = 1;
  bool spaced_inputs = false;     // inputs far enough apart that no step changes which one is the largest
  bool same_in_inference = true;  // forward gives the same bits in both modes
  bool frozen = false;
};

// A layer with its tensors for one batch.
class LayerBench {
 public:
  LayerBench(Backend& backend, Layer& layer, const LayerCase& expected, int n)
      : backend_(backend), layer_(layer), case_(expected) {
    std::uint32_t stream = 0;
    for (const Shape& shape : expected.inputs) {
      shapes_.push_back(shape.with_batch(n));
      const std::size_t count = shapes_.back().elements();
      inputs_.emplace_back(backend, shapes_.back());
      inputs_.back().set(expected.spaced_inputs ? spaced_values(count, ++stream, 4 * expected.step)
                                                : random_values(count, ++stream));
      dinputs_.emplace_back(backend, shapes_.back());
    }
    output_ = expected.output.with_batch(n);
    y_ = GuardedTensor(backend, output_);
    dy_ = GuardedTensor(backend, output_);
    weights_ = random_values(output_.elements(), ++stream);
    for (Parameter& parameter : layer.parameters()) {
      values_.emplace_back(backend, parameter.shape);
      const bool positive = parameter.name == "gamma" || parameter.name == "moving_variance";
      values_.back().set(
          random_values(parameter.shape.elements(), ++stream, positive ? 0.5f : -0.5f, positive ? 1.5f : 0.5f));
      parameter.value = values_.back().tensor;
      gradients_.emplace_back();
      if (parameter.trainable && layer.trainable()) gradients_.back() = GuardedTensor(backend, parameter.shape);
    }
    state_buffer_ = backend.allocate(sizeof(StepState));
    const StepState state{.step = 3};
    backend.copy_to_device(state_buffer_.data(), reinterpret_cast<const std::byte*>(&state), sizeof(state));
  }

  Demand demand(Mode mode) const { return layer_.demand(backend_, shapes_, output_, mode); }

  std::vector<float> forward(Mode mode) {
    y_.fill(kInfinity);
    const std::size_t saved_bytes = demand(mode).saved_bytes;
    saved_ = saved_bytes > 0 ? GuardedTensor(backend_, {static_cast<int>(saved_bytes)}, DType::u8) : GuardedTensor();
    LayerContext context = make_context(mode);
    const std::vector<Tensor> inputs = input_tensors();
    layer_.forward(context, inputs, y_.tensor);
    check_guards();
    return y_.values();
  }

  // After forward(Mode::training). Every gradient starts as infinity, so what is not written, or added to, shows.
  void backward(bool input_gradients, bool parameter_gradients) {
    dy_.set(weights_);
    for (const GuardedTensor& dx : dinputs_) dx.fill(kInfinity);
    std::size_t index = 0;
    for (Parameter& parameter : layer_.parameters()) {
      const GuardedTensor& gradient = gradients_[index++];
      if (gradient.tensor.defined()) gradient.fill(kInfinity);
      parameter.gradient = parameter_gradients ? gradient.tensor : Tensor();
    }
    LayerContext context = make_context(Mode::training);
    std::vector<Tensor> dinputs(dinputs_.size());
    for (std::size_t i = 0; input_gradients && i < dinputs.size(); ++i) dinputs[i] = dinputs_[i].tensor;
    const std::vector<Tensor> inputs = input_tensors();
    layer_.backward(context, inputs, y_.tensor, dy_.tensor, dinputs);
    check_guards();
  }

  // dot(y, weights): what the gradients are gradients of.
  const std::vector<float>& weights() const { return weights_; }
  void leave_out(std::size_t output) { weights_[output] = 0.0f; }
  const std::vector<GuardedTensor>& inputs() const { return inputs_; }
  const std::vector<GuardedTensor>& input_gradients() const { return dinputs_; }
  const std::vector<GuardedTensor>& values() const { return values_; }
  const std::vector<GuardedTensor>& gradients() const { return gradients_; }
  const GuardedTensor& y() const { return y_; }
  std::span<const Shape> shapes() const { return shapes_; }
  const Shape& output() const { return output_; }

 private:
  // Scratch memory is new for each call, saved memory lives from forward to backward.
  LayerContext make_context(Mode mode) {
    const std::size_t scratch_bytes = demand(mode).scratch_bytes;
    scratch_ = GuardedTensor(backend_, {static_cast<int>(scratch_bytes)}, DType::u8);
    return {.backend = backend_,
            .mode = mode,
            .state = reinterpret_cast<const StepState*>(state_buffer_.data()),
            .saved = saved_.tensor,
            .scratch = {scratch_.tensor.raw(), scratch_bytes}};
  }

  std::vector<Tensor> input_tensors() const {
    std::vector<Tensor> tensors;
    for (const GuardedTensor& input : inputs_) tensors.push_back(input.tensor);
    return tensors;
  }

  void check_guards() const {
    CHECK(y_.intact());
    CHECK(dy_.intact());
    CHECK(saved_.intact());
    CHECK(scratch_.intact());
    for (const auto* group : {&inputs_, &dinputs_, &values_, &gradients_}) {
      for (const GuardedTensor& guarded : *group) CHECK(guarded.intact());
    }
  }

  Backend& backend_;
  Layer& layer_;
  LayerCase case_;
  std::vector<Shape> shapes_;
  Shape output_;
  std::vector<GuardedTensor> inputs_, dinputs_, values_, gradients_;
  GuardedTensor y_, dy_, saved_, scratch_;
  std::vector<float> weights_;
  Buffer state_buffer_;
};

struct Slope {
  double value = 0.0;
  double tolerance = 0.0;
};

// Elements whose slopes are compared: at most 150 of a tensor, evenly spread.
inline std::size_t sampling_stride(std::size_t elements) { return elements / 150 + 1; }

// Takes out of the loss every output that is 0 on one side of a step only: a ReLU bends there.
inline void leave_out_kinks(LayerBench& bench, const LayerCase& expected, const GuardedTensor& tensor) {
  const std::vector<float> values = tensor.values();
  for (std::size_t i = 0; i < values.size(); i += sampling_stride(values.size())) {
    const float middle = values[i];
    tensor.set_element(i, middle + 2 * expected.step);
    const std::vector<float> above = bench.forward(Mode::training);
    tensor.set_element(i, middle - 2 * expected.step);
    const std::vector<float> below = bench.forward(Mode::training);
    tensor.set_element(i, middle);
    for (std::size_t j = 0; j < above.size(); ++j) {
      if ((above[j] == 0.0f) != (below[j] == 0.0f)) bench.leave_out(j);
    }
  }
}

// The derivative of dot(y, weights) in element i, now `middle`, by Richardson's extrapolation of two central
// differences.
inline Slope slope(LayerBench& bench, const LayerCase& expected, const GuardedTensor& tensor, std::size_t i,
                   float middle) {
  const auto at = [&](float value) {
    tensor.set_element(i, value);
    return bench.forward(Mode::training);
  };
  // Steps of a power of two, from a middle that is no larger than 1 by much: the two sides are exact up to rounding,
  // and the distance is measured, not assumed.
  const auto central = [&](float step, Slope& result) {
    const float up = middle + step;
    const float down = middle - step;
    const std::vector<float> above = at(up);
    const std::vector<float> below = at(down);
    const double distance = static_cast<double>(up) - static_cast<double>(down);
    double difference = 0.0;
    double magnitude = 0.0;
    for (std::size_t j = 0; j < above.size(); ++j) {
      if (above[j] == below[j]) continue;
      const double weight = static_cast<double>(bench.weights()[j]);
      difference += weight * (static_cast<double>(above[j]) - static_cast<double>(below[j]));
      magnitude += std::abs(weight) * (1.0 + std::max(std::abs(above[j]), std::abs(below[j])));
    }
    // Each output carries a rounding error of terms * epsilon; two outputs are subtracted and divided by the distance.
    result.tolerance += 2.0 * (expected.terms + 2) * 0x1p-24 * magnitude / distance;
    return difference / distance;
  };
  Slope result;
  const double wide = central(2 * expected.step, result);
  const double narrow = central(expected.step, result);
  tensor.set_element(i, middle);
  result.value = (4.0 * narrow - wide) / 3.0;
  // The extrapolation leaves a remainder of the size step^2 * (what it corrected); its weights multiply the rounding.
  result.tolerance = 5.0 / 3.0 * result.tolerance + std::abs(narrow - wide) * expected.step * 4 + 1e-6;
  return result;
}

// Compares `gradient` with slopes in the tensor's elements.
inline void check_slopes(LayerBench& bench, const LayerCase& expected, const GuardedTensor& tensor,
                         std::span<const float> gradient, const std::string& what) {
  const std::vector<float> values = tensor.values();
  REQUIRE(gradient.size() == values.size());
  for (std::size_t i = 0; i < values.size(); i += sampling_stride(values.size())) {
    const Slope expected_slope = slope(bench, expected, tensor, i, values[i]);
    const double error = std::abs(static_cast<double>(gradient[i]) - expected_slope.value);
    // Written so that NaN fails.
    if (!(error <= expected_slope.tolerance)) {
      FAIL_CHECK(what, "[", i, "]: gradient ", gradient[i], ", finite difference ", expected_slope.value,
                 ", tolerance ", expected_slope.tolerance);
    }
  }
}

inline bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

inline void check_gradients(LayerBench& bench, Layer& layer, const LayerCase& expected) {
  for (const GuardedTensor& input : bench.inputs()) leave_out_kinks(bench, expected, input);
  for (std::size_t i = 0; i < bench.values().size(); ++i) {
    if (bench.gradients()[i].tensor.defined()) leave_out_kinks(bench, expected, bench.values()[i]);
  }
  CHECK(2 * std::count(bench.weights().begin(), bench.weights().end(), 0.0f) <= std::ssize(bench.weights()));
  bench.forward(Mode::training);
  bench.backward(true, true);
  std::vector<std::vector<float>> dinputs, dparameters;
  for (const GuardedTensor& dx : bench.input_gradients()) dinputs.push_back(dx.values());
  for (const GuardedTensor& gradient : bench.gradients()) {
    dparameters.push_back(gradient.tensor.defined() ? gradient.values() : std::vector<float>());
  }
  for (std::size_t i = 0; i < dinputs.size(); ++i) {
    CHECK_MESSAGE(all_finite(dinputs[i]), "input gradient ", i, " is written everywhere");
    check_slopes(bench, expected, bench.inputs()[i], dinputs[i], "dx");
  }
  for (std::size_t i = 0; i < dparameters.size(); ++i) {
    if (dparameters[i].empty()) continue;
    const std::string& name = layer.parameters()[i].name;
    CHECK_MESSAGE(all_finite(dparameters[i]), "gradient of ", name, " is written everywhere");
    check_slopes(bench, expected, bench.values()[i], dparameters[i], name);
  }

  // A gradient that is not wanted does not change the others.
  bench.forward(Mode::training);
  bench.backward(false, true);
  for (std::size_t i = 0; i < dparameters.size(); ++i) {
    if (!dparameters[i].empty()) CHECK(same_bits(bench.gradients()[i].values(), dparameters[i]));
  }
  bench.forward(Mode::training);
  bench.backward(true, false);
  for (std::size_t i = 0; i < dinputs.size(); ++i) CHECK(same_bits(bench.input_gradients()[i].values(), dinputs[i]));

  // What the layer says that backward does not read may be gone by then.
  const Demand demand = bench.demand(Mode::training);
  bench.forward(Mode::training);
  std::vector<std::vector<float>> inputs;
  for (const GuardedTensor& input : bench.inputs()) {
    inputs.push_back(input.values());
    if (!demand.backward_reads_input) input.fill(std::nanf(""));
  }
  const std::vector<float> y = bench.y().values();
  if (!demand.backward_reads_output) bench.y().fill(std::nanf(""));
  bench.backward(true, true);
  for (std::size_t i = 0; i < dinputs.size(); ++i) {
    CHECK(same_bits(bench.input_gradients()[i].values(), dinputs[i]));
    // Backward leaves the inputs and the output as they are.
    if (demand.backward_reads_input) CHECK(same_bits(bench.inputs()[i].values(), inputs[i]));
    bench.inputs()[i].set(inputs[i]);
  }
  if (demand.backward_reads_output) CHECK(same_bits(bench.y().values(), y));
  for (std::size_t i = 0; i < dparameters.size(); ++i) {
    if (!dparameters[i].empty()) CHECK(same_bits(bench.gradients()[i].values(), dparameters[i]));
  }
}

inline void check_layer_at(Backend& backend, const LayerPtr& layer, const LayerCase& expected, int n) {
  CAPTURE(layer->config().dump());
  CAPTURE(n);
  layer->set_trainable(!expected.frozen);
  LayerBench bench(backend, *layer, expected, n);
  const Demand inference = bench.demand(Mode::inference);
  CHECK(inference.saved_bytes == 0);
  if (bench.demand(Mode::training).alias) {
    CHECK(expected.output.elements() == bench.shapes()[0].sample().elements());
    return;
  }
  std::vector<std::vector<float>> before, parameters;
  for (const GuardedTensor& input : bench.inputs()) before.push_back(input.values());
  for (const GuardedTensor& value : bench.values()) parameters.push_back(value.values());
  const std::vector<float> y = bench.forward(Mode::training);
  CHECK(all_finite(y));
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(same_bits(bench.inputs()[i].values(), before[i]));
  CHECK(same_bits(bench.forward(Mode::training), y));
  if (expected.same_in_inference && !inference.alias) CHECK(same_bits(bench.forward(Mode::inference), y));
  check_gradients(bench, *layer, expected);
  // Slopes put every value back; only running statistics of a layer that learns may have moved.
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (expected.frozen || layer->parameters()[i].trainable)
      CHECK(same_bits(bench.values()[i].values(), parameters[i]));
  }

  // A layer made from the config computes the same.
  const LayerPtr twin = make_layer(layer->config());
  CHECK(twin->config() == layer->config());
  CHECK(twin->kind() == layer->kind());
  CHECK(twin->trailing_activation() == layer->trailing_activation());
  CHECK(twin->build(expected.inputs, 7, 2) == expected.output);
  twin->set_trainable(!expected.frozen);
  LayerBench twin_bench(backend, *twin, expected, n);
  CHECK(same_bits(twin_bench.forward(Mode::training), y));
}

template <typename Spec>
void check_layer(const Spec& spec, const LayerCase& expected) {
  const std::unique_ptr<Backend> backend = test_backend(2);
  for (const int n : {1, 5}) {
    const LayerPtr layer = spec.make();
    REQUIRE(layer->build(expected.inputs, 7, 2) == expected.output);
    std::size_t parameters = 0;
    for (const Parameter& parameter : layer->parameters()) {
      parameters += parameter.shape.elements();
      CHECK_FALSE(parameter.name.empty());
    }
    CHECK(parameters == expected.parameters);
    check_layer_at(*backend, layer, expected, n);
  }
}

}  // namespace curie::test
