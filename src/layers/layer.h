// What a layer is: hyper-parameters, parameters, and which operations run forward and backward.
//
// Life of a layer: a spec (an aggregate such as Conv2D{.filters = 32}) is added to a model, `make()` turns it into a
// Layer; the model calls `build` once with the shapes of its inputs, allocates what `parameters()` lists, plans memory
// from `demand`, and then calls `forward` and `backward` every step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layers/initializer.h"
#include "ops/backend.h"
#include "tensor/tensor.h"

namespace curie {

struct Parameter {
  std::string name;  // "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"
  Shape shape;       // kernel of a convolution KRSC, of a Dense layer (in, out)
  Initializer initializer = {};
  Fans fans = {};
  bool trainable = true;  // false: state that is not learned, such as running statistics
  bool factor = false;    // multiplies inputs in a matrix product: with Math::bf16 there is a rounded copy of it
  // Windows into the model's flat buffers, set when the model is compiled. gradient is undefined when not trained.
  Tensor value = {};
  Tensor gradient = {};
  Tensor rounded = {};  // bf16, of a factor with Math::bf16
};

// What one layer asks of the memory plan for one batch.
struct Demand {
  bool backward_reads_input = true;    // the inputs must stay until backward
  bool backward_reads_output = false;  // the output must stay until backward
  bool alias = false;                  // the output is the input's memory, reshaped (Flatten): no forward, no backward
  std::size_t saved_bytes = 0;         // written by forward, read by backward (arg-max, batch statistics)
  std::size_t scratch_bytes = 0;       // free again after each call
};

enum class Mode : std::uint8_t { inference, training };

// In which element types a layer takes its inputs, outputs and their gradients.
enum class ElementTypes : std::uint8_t {
  any,     // float32 or bf16, all in the same
  widens,  // as `any`, or bf16 inputs and float32 outputs
  float32
};

struct LayerContext {
  Backend& backend;
  Mode mode = Mode::inference;
  const StepState* state = nullptr;  // on the device
  Tensor saved = {};                 // u8 (Demand::saved_bytes), from forward to backward; undefined when that is 0
  Scratch scratch = {};
};

class Layer {
 public:
  virtual ~Layer() = default;

  // Keras' class name: "Conv2D", "MaxPooling2D", "Dropout", ...; names in a summary derive from it.
  virtual std::string_view kind() const = 0;

  // Shapes are those of one sample, without the batch extent. Checks the inputs, declares the parameters and returns
  // the output's shape. Called once. `seed` and `stream` number the layer's random numbers (dropout).
  virtual Shape build(std::span<const Shape> inputs, std::uint64_t seed, std::uint32_t stream) = 0;

  // Shapes here and below have the batch extent.
  virtual Demand demand(const Backend& backend, std::span<const Shape> inputs, const Shape& output,
                        Mode mode) const = 0;
  virtual void forward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y) = 0;
  // dy may be overwritten. dinputs[i] is undefined when the gradient of input i is not wanted. Parameter gradients are
  // written (where defined), never added to.
  virtual void backward(LayerContext& context, std::span<const Tensor> inputs, const Tensor& y, const Tensor& dy,
                        std::span<const Tensor> dinputs) = 0;

  virtual std::span<Parameter> parameters() { return {}; }

  // The spec as JSON, enough to make the layer again (make_layer in layers/layers.h).
  virtual nlohmann::json config() const = 0;
  // An activation that the layer does not fuse (sigmoid, tanh, softmax, log_softmax): the model appends it as a hidden
  // node behind this one, so that a loss can take the logits.
  virtual Activation trailing_activation() const { return Activation::none; }

  virtual ElementTypes element_types() const { return ElementTypes::any; }

  // Whether a training step computes something else than inference does (dropout, statistics of the batch).
  virtual bool changes_in_training() const { return false; }

  bool trainable() const { return trainable_; }
  // Frozen: no parameter gradients, and the layer does in training what it does in inference: batch normalisation uses
  // its running statistics and leaves them alone, dropout drops nothing.
  void set_trainable(bool trainable) { trainable_ = trainable; }

 private:
  bool trainable_ = true;
};

using LayerPtr = std::unique_ptr<Layer>;

}  // namespace curie
