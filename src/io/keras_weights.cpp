#include "io/keras_weights.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "io/layout.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"
#include "tensor/text.h"

namespace curie {
namespace {

constexpr std::size_t kAttributeLimit = 64'512;  // HDF5's object headers hold 64 KiB; Keras stays below

std::string without_number(const std::string& name) { return name.substr(0, name.rfind(':')); }

const Tensor& floats(const Hdf5Object& object, const std::string& file) {
  CURIE_CHECK(!object.group && object.values.defined(), file, "{}: tensor {}: expected floats, found {}", file,
              quote_name(object.path), object.group ? "a group" : object.type);
  return object.values;
}

// A group of layers, each a group whose attribute lists its weights.
void read_layer_groups(const Hdf5File& file, const std::string& root, KerasArrays& out) {
  const Hdf5Object* group = file.find(root);
  const std::string prefix = root == "/" ? "/" : root + "/";
  for (const std::string& layer : chunked_attribute(*group, "layer_names")) {
    const Hdf5Object* one = file.find(prefix + layer);
    CURIE_CHECK(one != nullptr, file, "{}: layer {} is listed, but has no group", file.name, quote_name(layer));
    for (const std::string& weight : chunked_attribute(*one, "weight_names")) {
      const std::string path = prefix + layer + "/" + weight;
      const Hdf5Object* object = file.find(path);
      CURIE_CHECK(object != nullptr, file, "{}: tensor {} is listed, but not there", file.name, quote_name(path));
      const std::vector<std::string> parts = split(weight, '/');
      out.arrays.push_back({.group = layer,
                            .layer = parts.size() > 1 ? parts[parts.size() - 2] : "",
                            .name = without_number(parts.back()),
                            .path = path,
                            .value = floats(*object, file.name)});
    }
  }
}

// Groups ".../vars" with datasets "0", "1", ...: what Keras 3 writes.
void read_vars_groups(const Hdf5File& file, KerasArrays& out) {
  for (const Hdf5Object& object : file.objects) {
    const std::vector<std::string> parts = split(object.path, '/');
    if (object.group || parts.size() < 4 || parts[parts.size() - 2] != "vars") continue;
    std::string group =
        object.path.substr(1, object.path.size() - parts.back().size() - std::string("/vars/").size() - 1);
    // The name of "layers" in Keras 2.12 to 2.15.
    const std::string old = "_layer_checkpoint_dependencies";
    for (std::size_t place = group.find(old); place != std::string::npos; place = group.find(old)) {
      group.replace(place, old.size(), "layers");
      out.numbering = GroupNumbering::weighted_twice;
    }
    if (!group.starts_with("layers/")) continue;  // the optimizer's
    const Hdf5Object* vars = file.find(object.path.substr(0, object.path.rfind('/')));
    const Hdf5Text* name = vars == nullptr ? nullptr : vars->attribute("name");
    out.arrays.push_back({.group = group,
                          .layer = name == nullptr || name->list ? "" : name->texts.at(0),
                          .name = parts.back(),
                          .path = object.path,
                          .value = floats(object, file.name)});
  }
}

const char* order_of(const Shape& shape) {
  return shape.rank() == 4 ? " (rows, columns, channels, filters)" : (shape.rank() == 2 ? " (inputs, units)" : "");
}

// What a wrong shape may come from.
std::string hint(const Shape& expected, const Shape& found) {
  const auto permuted_shape = [&](std::initializer_list<int> axes) {
    std::vector<int> extents;
    for (const int axis : axes) extents.push_back(expected[axis]);
    return Shape(std::span<const int>(extents));
  };
  if (expected.rank() == 4 && found == permuted_shape({3, 2, 0, 1}))
    return "; this is PyTorch's or Theano's order (filters, channels, rows, columns)";
  if (expected.rank() == 2 && found == permuted_shape({1, 0})) return "; it is transposed";
  return "";
}

constexpr std::array<const char*, 6> kNames = {"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"};

bool has_keras_name(const KerasArray* array) {
  return std::find(kNames.begin(), kNames.end(), array->name) != kNames.end();
}

}  // namespace

KerasArrays keras_arrays(const Hdf5File& file) {
  KerasArrays arrays{.file = file.name, .arrays = {}, .numbering = GroupNumbering::once};
  for (const char* root : {"/model_weights", "/"}) {
    const Hdf5Object* group = file.find(root);
    if (group == nullptr || (!group->attribute("layer_names") && !group->attribute("layer_names0"))) continue;
    read_layer_groups(file, root, arrays);
    return arrays;
  }
  read_vars_groups(file, arrays);
  CURIE_CHECK(!arrays.arrays.empty(), file,
              "{}: expected weights as Keras stores them, found neither an attribute \"layer_names\" nor groups "
              "\"layers/.../vars\"",
              file.name);
  return arrays;
}

std::vector<std::pair<std::string, Tensor>> parameters_from_keras(const std::string& node,
                                                                  std::span<const Parameter> parameters,
                                                                  const std::vector<const KerasArray*>& arrays,
                                                                  const std::string& file) {
  std::string found, expected;
  for (const KerasArray* array : arrays) found += (found.empty() ? "" : ", ") + array->name;
  for (const Parameter& parameter : parameters) expected += (expected.empty() ? "" : ", ") + parameter.name;
  CURIE_CHECK(arrays.size() == parameters.size(), file, "{}: layer {}: expected {} tensors ({}), found {}{}", file,
              quote_name(node), parameters.size(), expected, arrays.size(),
              found.empty() ? "" : fmt::format(" ({})", found.substr(0, 200)));
  const bool by_name = std::all_of(arrays.begin(), arrays.end(), has_keras_name);
  std::vector<std::pair<std::string, Tensor>> result;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    const auto match = !by_name ? arrays.begin() + static_cast<std::ptrdiff_t>(i)
                                : std::find_if(arrays.begin(), arrays.end(),
                                               [&](const KerasArray* array) { return array->name == parameter.name; });
    CURIE_CHECK(match != arrays.end(), file, "{}: layer {}: expected tensors {}, found {}", file, quote_name(node),
                expected, found);
    const KerasArray& array = **match;
    const Shape shape = keras_shape(parameter.shape);
    CURIE_CHECK(array.value.shape() == shape, file,
                "{}: tensor {}: expected shape {}{} for the {} of layer {}, found {}{}", file, quote_name(array.path),
                to_string(shape), order_of(shape), parameter.name, quote_name(node), to_string(array.value.shape()),
                hint(shape, array.value.shape()));
    check_finite(array.value, array.path, file);
    if (parameter.name == "moving_variance") check_variance(array.value, array.path, file);
    result.emplace_back(node + "/" + parameter.name, curie_value(array.value));
  }
  return result;
}

Tensor keras_value(const Tensor& value) { return value.shape().rank() == 4 ? hwio_from_krsc(value) : value; }

Tensor curie_value(const Tensor& value) { return value.shape().rank() == 4 ? krsc_from_hwio(value) : value; }

void check_finite(const Tensor& value, const std::string& path, const std::string& file) {
  const std::span<const float> values = value.host<float>();
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  CURIE_CHECK(bad == values.end(), file, "{}: tensor {}: element {} is not a finite number", file, quote_name(path),
              bad - values.begin());
}

Shape keras_shape(const Shape& shape) {
  return shape.rank() == 4 ? Shape{shape[1], shape[2], shape[3], shape[0]} : shape;
}

void set_chunked_attribute(Hdf5Object& group, const std::string& name, const std::vector<std::string>& texts) {
  // Each text takes as much room as the longest. Like numpy.array_split: the first chunks are one longer.
  const auto bytes = [&](std::size_t begin, std::size_t end) {
    std::size_t longest = 1;
    for (std::size_t i = begin; i < end; ++i) longest = std::max(longest, texts[i].size());
    return longest * (end - begin);
  };
  for (std::size_t chunks = 1;; ++chunks) {
    std::vector<std::size_t> ends;
    bool fits = true;
    for (std::size_t chunk = 0, begin = 0; chunk < chunks; ++chunk) {
      const std::size_t end = begin + texts.size() / chunks + (chunk < texts.size() % chunks ? 1 : 0);
      fits = fits && bytes(begin, end) <= kAttributeLimit;
      ends.push_back(begin = end);
    }
    CURIE_CHECK(fits || chunks < texts.size(), usage, "a name of more than {} bytes does not fit into an HDF5 file",
                kAttributeLimit);
    if (!fits) continue;
    for (std::size_t chunk = 0, begin = 0; chunk < chunks; begin = ends[chunk++]) {
      const std::vector<std::string> part(texts.begin() + static_cast<std::ptrdiff_t>(begin),
                                          texts.begin() + static_cast<std::ptrdiff_t>(ends[chunk]));
      group.attributes[chunks == 1 ? name : fmt::format("{}{}", name, chunk)] = {part, true};
    }
    return;
  }
}

std::vector<std::string> chunked_attribute(const Hdf5Object& group, const std::string& name) {
  if (const Hdf5Text* whole = group.attribute(name)) return whole->texts;
  std::vector<std::string> texts;
  for (int chunk = 0;; ++chunk) {
    const Hdf5Text* part = group.attribute(fmt::format("{}{}", name, chunk));
    if (part == nullptr) return texts;
    texts.insert(texts.end(), part->texts.begin(), part->texts.end());
  }
}

}  // namespace curie
