#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "io/layout.h"
#include "io/onnx.h"
#include "io/onnx/builder.h"
#include "io/probe.h"
#include "layers/checks.h"
#include "layers/conv2d.h"
#include "layers/pool2d.h"
#include "tensor/files.h"

namespace curie {
namespace {

using nlohmann::json;

constexpr int kOpset = 13;
constexpr int kIrVersion = 7;                                 // the one that came with that opset
constexpr std::size_t kLargest = (std::size_t{1} << 31) - 1;  // bytes of a protobuf message

class Exporter {
 public:
  Exporter(Model& model, onnx::GraphProto& proto) : model_(&model), out_(proto) {
    for (auto& [name, value] : model.state()) state_.emplace(name, value);
  }

  void write(onnx::GraphProto& proto) {
    const Graph& graph = model_->graph();
    OnnxBuilder::describe(*proto.add_input(), OnnxBuilder::kInput, graph.input_shape());
    values_ = {input()};
    for (const Node& node : graph.nodes()) values_.push_back(layer(node));
    std::string last = values_.back();
    if (graph.shape(graph.output()).rank() == 3) last = transpose("outputs_nhwc", last, {0, 2, 3, 1});
    out_.output(last);
    OnnxBuilder::describe(*proto.add_output(), OnnxBuilder::kOutput, graph.shape(graph.output()));
  }

 private:
  std::string transpose(const std::string& name, const std::string& value, const std::vector<int>& axes) {
    const std::string result = out_.node("Transpose", name, {value});
    out_.ints("perm", axes);
    return result;
  }

  // The normalized input, NCHW when it is an image.
  std::string input() {
    const Normalization& normalization = model_->normalization();
    const int channels = model_->graph().input_shape()[-1];
    const auto per_channel = [&](const std::vector<double>& numbers) {
      return std::vector<float>(numbers.begin(), numbers.end());
    };
    std::string value = OnnxBuilder::kInput;
    const std::string divisor =
        out_.constant("normalization/divisor", {1}, {static_cast<float>(normalization.divisor)});
    value = out_.node("Div", "normalization/scaled", {value, divisor});
    if (!normalization.mean.empty()) {
      const std::string mean = out_.constant("normalization/mean", {channels}, per_channel(normalization.mean));
      value = out_.node("Sub", "normalization/centered", {value, mean});
    }
    if (!normalization.stddev.empty()) {
      const std::string stddev = out_.constant("normalization/stddev", {channels}, per_channel(normalization.stddev));
      value = out_.node("Div", "normalization/normalized", {value, stddev});
    }
    return model_->graph().input_shape().rank() == 3 ? transpose("pixels_nchw", value, {0, 3, 1, 2}) : value;
  }

  std::string parameter(const Node& node, const char* name) { return node.name + "/" + name; }

  bool has(const Node& node, const char* name) { return state_.contains(parameter(node, name)); }

  std::string layer(const Node& node) {
    const std::string kind(node.layer->kind());
    std::vector<std::string> inputs;
    for (const int input : node.inputs) inputs.push_back(values_[static_cast<std::size_t>(input)]);
    const Shape& shape = model_->graph().shape(node.inputs[0]);
    const auto simple = [&](const char* op) { return out_.node(op, node.name, inputs); };
    if (kind == "Conv2D") return convolution(node, inputs[0]);
    if (kind == "MaxPooling2D") return pool(node, "MaxPool", inputs[0]);
    if (kind == "AveragePooling2D") return pool(node, "AveragePool", inputs[0]);
    if (kind == "L2Pooling2D") return pool(node, "LpPool", inputs[0]);
    if (kind == "GlobalAveragePooling2D") {
      const std::string average = out_.node("GlobalAveragePool", node.name + "/average", inputs);
      const std::string value = out_.node("Flatten", node.name, {average});
      out_.integer("axis", 1);
      return value;
    }
    if (kind == "Dense") return dense(node, inputs[0]);
    if (kind == "Flatten") {
      // Curie's rows of the next kernel have the channel innermost.
      const std::string image = shape.rank() == 3 ? transpose(node.name + "/nhwc", inputs[0], {0, 2, 3, 1}) : inputs[0];
      const std::string value = out_.node("Flatten", node.name, {image});
      out_.integer("axis", 1);
      return value;
    }
    if (kind == "Dropout") return inputs[0];
    if (kind == "BatchNormalization") return batch_normalization(node, inputs[0], shape[-1]);
    if (kind == "ReLU") return simple("Relu");
    if (kind == "Sigmoid") return simple("Sigmoid");
    if (kind == "Tanh") return simple("Tanh");
    if (kind == "Softmax" || kind == "LogSoftmax") {
      const std::string value = simple(kind.c_str());
      out_.integer("axis", shape.rank() == 3 ? 1 : -1);
      return value;
    }
    if (kind == "Add") return simple("Add");
    throw_error(ErrorKind::usage, fmt::format("layer \"{}\": {} has no translation to ONNX", node.name, kind));
  }

  // The layer's own activation, where it computes one itself.
  std::string activated(const Node& node, const std::string& value) {
    if (node.layer->config().at("activation") != "relu") return value;
    return out_.node("Relu", node.name + "/relu", {value});
  }

  std::string convolution(const Node& node, const std::string& input) {
    const auto& layer = dynamic_cast<const Conv2dLayer&>(*node.layer);
    const Conv2dShape conv = layer.shape(model_->graph().shape(node.inputs[0]).with_batch(1));
    std::vector<std::string> inputs = {
        input, out_.constant(parameter(node, "kernel"), oihw_from_krsc(state_.at(parameter(node, "kernel"))))};
    if (has(node, "bias")) inputs.push_back(out_.constant(parameter(node, "bias"), state_.at(parameter(node, "bias"))));
    const std::string value = out_.node("Conv", node.name, inputs);
    out_.ints("kernel_shape", {conv.r, conv.s})
        .ints("strides", {conv.stride_h, conv.stride_w})
        .ints("pads", {conv.pad_top, conv.pad_left, after(conv.p, conv.stride_h, conv.r, conv.h, conv.pad_top),
                       after(conv.q, conv.stride_w, conv.s, conv.w, conv.pad_left)});
    return activated(node, value);
  }

  std::string pool(const Node& node, const char* op, const std::string& input) {
    const auto& layer = dynamic_cast<const Pool2dLayer&>(*node.layer);
    const PoolShape pool = layer.shape(model_->graph().shape(node.inputs[0]).with_batch(1));
    const std::string value = out_.node(op, node.name, {input});
    out_.ints("kernel_shape", {pool.window_h, pool.window_w})
        .ints("strides", {pool.stride_h, pool.stride_w})
        .ints("pads", {pool.pad_top, pool.pad_left, after(pool.p, pool.stride_h, pool.window_h, pool.h, pool.pad_top),
                       after(pool.q, pool.stride_w, pool.window_w, pool.w, pool.pad_left)});
    if (std::string_view(op) == "AveragePool") out_.integer("count_include_pad", pool.count_padding ? 1 : 0);
    if (std::string_view(op) == "LpPool") out_.integer("p", 2);
    return value;
  }

  // Cells of padding behind the last input: what the last window needs.
  static int after(int windows, int stride, int window, int input, int before) {
    return std::max(0, (windows - 1) * stride + window - input - before);
  }

  std::string dense(const Node& node, const std::string& input) {
    std::vector<std::string> inputs = {input,
                                       out_.constant(parameter(node, "kernel"), state_.at(parameter(node, "kernel")))};
    if (has(node, "bias")) inputs.push_back(out_.constant(parameter(node, "bias"), state_.at(parameter(node, "bias"))));
    return activated(node, out_.node("Gemm", node.name, inputs));
  }

  std::string batch_normalization(const Node& node, const std::string& input, int channels) {
    const auto or_all = [&](const char* name, float otherwise) {
      const std::string key = parameter(node, name);
      return has(node, name)
                 ? out_.constant(key, state_.at(key))
                 : out_.constant(key, {channels}, std::vector<float>(static_cast<std::size_t>(channels), otherwise));
    };
    const std::vector<std::string> inputs = {input, or_all("gamma", 1.0f), or_all("beta", 0.0f),
                                             or_all("moving_mean", 0.0f), or_all("moving_variance", 1.0f)};
    const std::string value = out_.node("BatchNormalization", node.name, inputs);
    out_.number("epsilon", node.layer->config().at("epsilon").get<float>());
    return value;
  }

  Model* model_;
  OnnxBuilder out_;
  std::map<std::string, Tensor> state_;
  std::vector<std::string> values_;  // ONNX's name of each of the graph's values
};

void add_metadata(onnx::ModelProto& proto, const std::string& key, const std::string& value) {
  onnx::StringStringEntryProto* entry = proto.add_metadata_props();
  entry->set_key(key);
  entry->set_value(value);
}

}  // namespace

void save_onnx(const std::filesystem::path& path, Model& model, const ModelInfo& info) {
  onnx::ModelProto proto;
  proto.set_ir_version(kIrVersion);
  proto.set_producer_name("curie");
  onnx::OperatorSetIdProto* opset = proto.add_opset_import();
  opset->set_domain("");
  opset->set_version(kOpset);
  proto.mutable_graph()->set_name(model.name());
  proto.set_doc_string(
      fmt::format("Input: {}, values 0 to 255, (N, rows, columns, channels).", to_string(info.preprocessing)));
  Exporter(model, *proto.mutable_graph()).write(*proto.mutable_graph());
  add_metadata(proto, "curie.preprocessing", to_json(info.preprocessing).dump());
  add_metadata(proto, "curie.classes", json(info.class_names).dump());
  add_metadata(proto, "curie.provenance", info.provenance.dump());
  add_metadata(proto, "curie.probe", make_probe(model).dump());
  CURIE_CHECK(proto.ByteSizeLong() <= kLargest, usage,
              "{}: an ONNX file holds at most {} bytes, this model needs {}; write safetensors instead", path.string(),
              kLargest, proto.ByteSizeLong());
  std::string bytes;
  CURIE_CHECK(proto.SerializeToString(&bytes), file, "{}: cannot compose the ONNX file", path.string());
  write_file(path, bytes);
}

FormatSupport onnx_support() {
  return {true, fmt::format("ONNX opset {}, with protobuf {}.{}.{}", kOpset, GOOGLE_PROTOBUF_VERSION / 1000000,
                            GOOGLE_PROTOBUF_VERSION / 1000 % 1000, GOOGLE_PROTOBUF_VERSION % 1000)};
}

}  // namespace curie
