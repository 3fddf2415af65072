// What happens inside a model: every layer's output for given images, and what a class's score owes to each of them.
//
//   Inspector inspector(model);
//   inspector.run(images);
//   Tensor seen = inspector.output(layer.value);
//   Tensor owed = inspector.gradient(1, layer.value);
#pragma once

#include <string>
#include <vector>

#include "model/model.h"

namespace curie {

class Inspector {
 public:
  // The model must be compiled and outlive the inspector. Its weights, statistics and planned memory stay as they are.
  explicit Inspector(Model& model);

  // A layer as a summary lists it; `value` is what it passes on, after its activation.
  struct LayerInfo {
    std::string name, kind;
    int value = 0;
    Shape shape;  // of one sample
  };
  const std::vector<LayerInfo>& layers() const { return layers_; }
  // Throws Error(usage) for an unknown name, suggesting the nearest.
  const LayerInfo& layer(const std::string& name) const;

  // Runs n samples, (n, sample...) in host memory, u8 (normalised as in training) or f32, layer by layer and unfused
  // with inference semantics: dropout passes everything, batch normalisation uses its running statistics. Every output
  // is kept until the next run, so mind n. Throws Error(usage) for samples of another shape.
  void run(const Tensor& samples);

  int samples() const { return samples_; }
  // Both in host memory as f32, (n, shape...), after `run`; value 0 is the normalised input.
  Tensor output(int value) const;
  // d score / d value for each sample apart. The score of a class is its logit, the value before the last sigmoid,
  // softmax or log-softmax; with one output, class 0 has the negative logit of class 1. Zeros where the score does not
  // depend on the value. Throws Error(usage) for a class that is not there or a value behind the logits.
  Tensor gradient(int class_number, int value);

  // (n, classes) probabilities of the samples.
  Tensor probabilities() const;
  int classes() const;

 private:
  struct Place {
    Tensor value, saved;  // on the device; `saved` is what the layer keeps for its backward
    bool alias = false;   // the value is its input's memory: Flatten, and Dropout outside training
  };

  std::vector<Tensor> inputs_of(const Node& node) const;
  Tensor device_tensor(const Shape& shape, DType type = DType::f32) const;
  void load(const Tensor& samples);
  Tensor seed(int class_number) const;  // d score / d logits
  void add_to(Tensor& total, const Tensor& part);

  Model* model_;
  Graph* graph_;
  Backend* backend_;
  std::vector<DType> types_;  // of values and their gradients
  std::vector<LayerInfo> layers_;
  int samples_ = 0;
  std::vector<Place> places_;  // by value
  Tensor scratch_;
};

// The layer whose output Grad-CAM looks at: the model's last convolution, followed through what keeps its shape and has
// no other reader (batch normalisation, activation, the sum of a residual block). Throws Error(usage) when the model
// has no convolution.
const Inspector::LayerInfo& last_convolution(const Inspector& inspector, const Graph& graph);

}  // namespace curie
