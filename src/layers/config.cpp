#include "layers/config.h"

#include <array>
#include <string_view>
#include <utility>

#include "layers/checks.h"

namespace curie {
namespace {

template <typename Spec>
LayerPtr read_named(JsonFields& fields) {
  return Spec{.name = fields.text("name")}.make();
}

using Reader = LayerPtr (*)(JsonFields&);
constexpr std::array<std::pair<std::string_view, Reader>, 15> kReaders = {{
    {"Conv2D", read_conv2d},
    {"MaxPooling2D", read_max_pool2d},
    {"AveragePooling2D", read_average_pool2d},
    {"L2Pooling2D", read_l2_pool2d},
    {"GlobalAveragePooling2D", read_named<GlobalAveragePool2D>},
    {"Dense", read_dense},
    {"Flatten", read_named<Flatten>},
    {"Dropout", read_dropout},
    {"BatchNormalization", read_batch_normalization},
    {"ReLU", read_named<ReLU>},
    {"Sigmoid", read_named<Sigmoid>},
    {"Tanh", read_named<Tanh>},
    {"Softmax", read_named<Softmax>},
    {"LogSoftmax", read_named<LogSoftmax>},
    {"Add", read_named<Add>},
}};

// `count` integers in [0, kMaxExtent].
std::array<int, 4> read_integers(const nlohmann::json& value, std::size_t count, const std::string& kind,
                                 const std::string& field) {
  std::array<int, 4> numbers{};
  bool right = value.is_array() && value.size() == count;
  for (std::size_t i = 0; right && i < count; ++i) {
    // Signed, since a value made in memory is; one from text above the range wraps to below it.
    right = value[i].is_number_integer() && value[i].get<std::int64_t>() >= 0 &&
            value[i].get<std::int64_t>() <= std::int64_t{kMaxExtent};
    if (right) numbers[i] = value[i].get<int>();
  }
  CURIE_CHECK(right, file, "layer \"{}\": expected \"{}\" to be {} integers from 0 to {}", kind, field, count,
              kMaxExtent);
  return numbers;
}

}  // namespace

nlohmann::json to_json(Extent2 extent) { return {extent.rows, extent.columns}; }

nlohmann::json to_json(const Padding& padding) {
  switch (padding.kind) {
    case Padding::Kind::valid:
      return "valid";
    case Padding::Kind::same:
      return "same";
    case Padding::Kind::cells:
      break;
  }
  return {padding.top, padding.bottom, padding.left, padding.right};
}

Extent2 read_extent(JsonFields& fields, const std::string& field) {
  const std::array<int, 4> numbers = read_integers(fields.value(field), 2, fields.kind(), field);
  return {numbers[0], numbers[1]};
}

Padding read_padding(JsonFields& fields, const std::string& field) {
  const nlohmann::json& value = fields.value(field);
  if (value == "valid") return Padding::valid();
  if (value == "same") return Padding::same();
  CURIE_CHECK(!value.is_string(), file,
              "layer \"{}\": expected \"{}\" to be \"valid\", \"same\" or [top, bottom, left, right]", fields.kind(),
              field);
  const std::array<int, 4> numbers = read_integers(value, 4, fields.kind(), field);
  return {Padding::Kind::cells, numbers[0], numbers[1], numbers[2], numbers[3]};
}

Activation read_activation(JsonFields& fields, const std::string& field) {
  const std::string name = fields.text(field);
  std::string names;
  for (const Activation activation : {Activation::none, Activation::relu, Activation::sigmoid, Activation::tanh,
                                      Activation::softmax, Activation::log_softmax}) {
    if (name == name_of(activation)) return activation;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name_of(activation));
  }
  throw_error(ErrorKind::file, fmt::format("layer \"{}\": expected \"{}\" to be one of {}, got \"{}\"", fields.kind(),
                                           field, names, name.substr(0, 60)));
}

LayerPtr make_layer(const nlohmann::json& config) {
  JsonFields fields(config, "layer");
  std::string kinds;
  for (const std::pair<std::string_view, Reader>& known : kReaders) {
    if (fields.kind() == known.first) {
      LayerPtr layer =
          with_values_of_file(fmt::format("layer \"{}\"", known.first), [&] { return known.second(fields); });
      fields.finish();
      return layer;
    }
    kinds += fmt::format("{}{}", kinds.empty() ? "" : ", ", known.first);
  }
  throw_error(ErrorKind::file,
              fmt::format("layer: expected a kind among {}, got \"{}\"", kinds, fields.kind().substr(0, 60)));
}

LayerPtr make_activation(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return ReLU{}.make();
    case Activation::sigmoid:
      return Sigmoid{}.make();
    case Activation::tanh:
      return Tanh{}.make();
    case Activation::softmax:
      return Softmax{}.make();
    case Activation::log_softmax:
      return LogSoftmax{}.make();
    case Activation::none:
      break;
  }
  throw_error(ErrorKind::usage, "activation: linear is the identity and has no layer");
}

}  // namespace curie
