// Models in safetensors whose description and tensors do not belong together, and tensors of another float type.
#include "io/model_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "io/import_weights.h"
#include "io/safetensors.h"
#include "io/torch_file.h"
#include "support/file_models.h"
#include "support/temporary_folder.h"
#include "support/throws.h"

using namespace curie;
using namespace curie::test;

namespace {

namespace fs = std::filesystem;

Sequential small() {
  Sequential model({6, 5, 1});
  model.add(Conv2D{.filters = 3, .name = "conv"});
  model.add(Flatten{.name = "flatten"});
  model.add(Dense{.units = 2, .activation = Activation::softmax, .name = "dense"});
  model.compile({.loss = SparseCategoricalCrossentropy{}, .device = "cpu"});
  model.set_state(random_state(model));
  return model;
}

// Makes a layer of the described model that large.
void demand(const fs::path& path, const char* layer_name, const char* field, int value) {
  SafetensorsFile file = read_safetensors(path);
  nlohmann::json model = nlohmann::json::parse(file.metadata.at("curie.model"));
  int changed = 0;
  for (nlohmann::json& layer : model.at("layers")) {
    if (layer.at("name") != layer_name) continue;
    REQUIRE(layer.at("layer").contains(field));
    layer["layer"][field] = value;
    ++changed;
  }
  REQUIRE(changed == 1);
  file.metadata["curie.model"] = model.dump();
  write_safetensors(path, file.metadata, file.tensors);
}

}  // namespace

TEST_CASE("a file that describes more weights than it holds is refused before there is memory for them") {
  const TemporaryFolder folder;
  Sequential model = small();
  for (const bool torch : {false, true}) {
    CAPTURE(torch);
    const fs::path path = folder / "model.safetensors";
    const auto save = [&] {
      torch ? save_torch_safetensors(path, model, info_for(model, 2)) : save_model(path, model, info_for(model, 2));
    };
    const auto open = [&] { (void)open_model(path, "cpu", {}, {}); };
    save();
    open();
    demand(path, "dense", "units", 1 << 20);
    CHECK_ERROR(open, file, "values, its tensors hold 104");
    save();
    demand(path, "dense", "units", 3);
    CHECK_ERROR(open, file, "the model's layers have 141 values, its tensors hold 104");
    save();
    demand(path, "dense", "units", 1);
    CHECK_ERROR(open, file, "expected shape");
    save();
    demand(path, "conv", "filters", 1 << 20);
    CHECK_ERROR(open, file, "values, its tensors hold 104");
  }
}

TEST_CASE("weights in bfloat16 are those that they stand for") {
  const TemporaryFolder folder;
  Sequential source = small(), model = small();
  const fs::path path = folder / "weights.safetensors";
  save_torch_safetensors(path, source, info_for(source, 2));
  SafetensorsFile file = read_safetensors(path);
  for (NamedTensor& named : file.tensors) {
    Tensor rounded = Tensor::zeros(named.tensor.shape(), DType::bf16);
    std::transform(named.tensor.host<float>().begin(), named.tensor.host<float>().end(), rounded.host<Bf16>().begin(),
                   to_bf16);
    named.tensor = rounded;
  }
  write_safetensors(path, {{"format", "pt"}}, file.tensors);
  CHECK(import_weights(model, path).tensors == 4);
  const auto wanted = source.state(), found = model.state();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::span<const float> a = wanted[i].second.host<float>(), b = found[i].second.host<float>();
    CAPTURE(wanted[i].first);
    CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end(),
                     [](float x, float y) { return to_float(to_bf16(x)) == y; }));
  }
}
