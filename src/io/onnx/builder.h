// Nodes, constants and attributes of an ONNX graph in the making.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace curie {

class OnnxBuilder {
 public:
  explicit OnnxBuilder(onnx::GraphProto& graph) : graph_(&graph) {}

  static constexpr const char* kInput = "pixels";
  static constexpr const char* kOutput = "outputs";

  // A node with one output, whose name is returned: `wanted`, or where that is taken, one like it.
  std::string node(const char* op, const std::string& wanted, const std::vector<std::string>& inputs) {
    return named_node(op, unused(wanted), inputs);
  }
  // The node that makes the graph's output.
  void output(const std::string& value) { named_node("Identity", kOutput, {value}); }
  // Attributes of the node made last.
  OnnxBuilder& ints(const char* name, const std::vector<int>& values) {
    onnx::AttributeProto* attribute = add(name, onnx::AttributeProto::INTS);
    for (const int value : values) attribute->add_ints(value);
    return *this;
  }
  OnnxBuilder& integer(const char* name, std::int64_t value) {
    add(name, onnx::AttributeProto::INT)->set_i(value);
    return *this;
  }
  OnnxBuilder& number(const char* name, float value) {
    add(name, onnx::AttributeProto::FLOAT)->set_f(value);
    return *this;
  }

  // A constant, f32 in host memory; returns its name.
  std::string constant(const std::string& wanted, const Tensor& value) {
    const std::string name = unused(wanted);
    onnx::TensorProto* tensor = graph_->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto::FLOAT);
    for (const int extent : value.shape().extents()) tensor->add_dims(extent);
    tensor->set_raw_data(value.raw(), value.bytes());
    return name;
  }
  std::string constant(const std::string& name, const Shape& shape, const std::vector<float>& values) {
    return constant(name, Tensor::from<float>(shape, std::span<const float>(values)));
  }

  // (N, shape...) of float32.
  static void describe(onnx::ValueInfoProto& value, const char* name, const Shape& shape) {
    value.set_name(name);
    onnx::TypeProto::Tensor* type = value.mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    type->mutable_shape()->add_dim()->set_dim_param("N");
    for (const int extent : shape.extents()) type->mutable_shape()->add_dim()->set_dim_value(extent);
  }

 private:
  std::string named_node(const char* op, const std::string& name, const std::vector<std::string>& inputs) {
    last_ = graph_->add_node();
    last_->set_op_type(op);
    last_->set_name(name);
    for (const std::string& input : inputs) last_->add_input(input);
    last_->add_output(name);
    return name;
  }

  std::string unused(std::string name) {
    while (!used_.insert(name).second) name += "_";
    return name;
  }

  onnx::AttributeProto* add(const char* name, onnx::AttributeProto::AttributeType type) {
    onnx::AttributeProto* attribute = last_->add_attribute();
    attribute->set_name(name);
    attribute->set_type(type);
    return attribute;
  }

  std::set<std::string> used_ = {kInput, kOutput};
  onnx::GraphProto* graph_;
  onnx::NodeProto* last_ = nullptr;
};

}  // namespace curie
