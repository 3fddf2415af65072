// What the file holds is for onnxruntime to say: tests/interop. Here: that it is written whole, alike every time, or
// not at all.
#include "io/onnx.h"

#include <doctest/doctest.h>

#include "support/file_models.h"
#include "support/temporary_folder.h"
#include "tensor/files.h"

using namespace curie;
using namespace curie::test;

TEST_CASE("an ONNX file has the model's operations, its notes, and the same bytes every time") {
  if (!onnx_support().present) {
    MESSAGE("skipped: " << onnx_support().detail);
    return;
  }
  const TemporaryFolder folder;
  Model model = ready(chain_model());
  save_onnx(folder / "a.onnx", model, info_for(model, 2));
  save_onnx(folder / "b.onnx", model, info_for(model, 2));
  const std::string bytes = read_text(folder / "a.onnx");
  CHECK(read_text(folder / "b.onnx") == bytes);
  CHECK(folder.files() == 2);
  for (const char* word :
       {"Conv", "MaxPool", "AveragePool", "BatchNormalization", "Relu", "Tanh", "Sigmoid", "Gemm", "Transpose",
        "pixels", "outputs", "curie.preprocessing", "curie.classes", "kind 1", "bilinear"}) {
    CAPTURE(word);
    CHECK(bytes.find(word) != std::string::npos);
  }
  CHECK(bytes.find("Dropout") == std::string::npos);
  // The weights are there as they are: 4-byte floats in PyTorch's order, of which one kernel's row is enough.
  const Tensor dense = model.state().back().second;
  CHECK(bytes.find(std::string(reinterpret_cast<const char*>(dense.raw()), dense.bytes())) != std::string::npos);
}

TEST_CASE("layers may be named as the graph's ends are") {
  if (!onnx_support().present) return;
  const TemporaryFolder folder;
  Sequential model({4, 4, 1});
  model.add(Flatten{.name = "pixels"}).add(Dense{.units = 2, .activation = Activation::relu, .name = "outputs"});
  Model compiled = ready(std::move(model), {.loss = MeanSquaredError{}});
  save_onnx(folder / "m.onnx", compiled, info_for(compiled, 2));
  const std::string bytes = read_text(folder / "m.onnx");
  CHECK(bytes.find("pixels_") != std::string::npos);
  CHECK(bytes.find("outputs_") != std::string::npos);
}
