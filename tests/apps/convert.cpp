// `curie convert` as a user meets it. What the files hold is tested in tests/io and tests/interop.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "program.h"

using namespace curie;
using namespace curie::test;

namespace {

namespace fs = std::filesystem;

const std::string kKeras = std::string(CURIE_TEST_DATA) + "/keras/";

// Whether this build reads Keras' files; `curie info` says so.
bool reads_keras(const TemporaryFolder& folder) {
  const std::string info = run_curie(folder, {"info"}).out;
  return contains(info, "Keras files   yes");
}

}  // namespace

TEST_CASE("from Keras to everything and back") {
  const TemporaryFolder folder;
  if (!reads_keras(folder)) {
    MESSAGE("skipped: this build is without HDF5");
    return;
  }
  Result result = run_curie(folder, {"convert", kKeras + "keras3_sequential.keras", "m.safetensors", "--to", "curie",
                                     "--classes", "Normal", "COVID"});
  CHECK(result.status == 0);
  CHECK(contains(result.out, "m.safetensors: Curie's safetensors"));
  CHECK(contains(result.err, "does not say how images become its input"));
  CHECK(contains(run_curie(folder, {"summary", "m.safetensors"}).out, "0 = Normal 1 = COVID"));
  using Pair = std::pair<std::string, std::string>;
  for (const Pair& pair : {Pair{"m.h5", "keras"}, Pair{"m.keras", "keras"}, Pair{"m.pt.safetensors", "safetensors"}}) {
    const std::string &out = pair.first, &to = pair.second;
    CAPTURE(to);
    result = run_curie(folder, {"convert", "m.safetensors", out, "--to", to});
    CHECK_MESSAGE(result.status == 0, result.err);
    result = run_curie(folder, {"convert", out, "back.safetensors", "--to", "curie", "--force"});
    CHECK_MESSAGE(result.status == 0, result.err);
    CHECK_MESSAGE(!contains(result.err, "does not say"), result.err);
    CHECK(contains(run_curie(folder, {"summary", "back.safetensors"}).out, "0 = Normal 1 = COVID"));
  }
}

TEST_CASE("what is there is kept, and mistakes are named") {
  const TemporaryFolder folder;
  if (!reads_keras(folder)) return;
  folder.put("there.keras", "precious");
  Result result = run_curie(folder, {"convert", kKeras + "keras3_nested.h5", "there.keras", "--to", "keras"});
  CHECK(result.status == 2);
  CHECK(contains(result.err, "there.keras is there already; --force"));
  CHECK(read_text(folder / "there.keras") == "precious");
  CHECK(run_curie(folder, {"convert", kKeras + "keras3_nested.h5", "there.keras", "--to", "keras", "--force"}).status ==
        0);
  CHECK(read_text(folder / "there.keras") != "precious");

  const auto refused = [&](const std::vector<std::string>& words, int status, const char* text) {
    CAPTURE(text);
    result = run_curie(folder, words);
    CHECK(result.status == status);
    CHECK(result.out.empty());
    CHECK_MESSAGE(contains(result.err, text), result.err);
  };
  refused({"convert", "there.keras", "m.txt", "--to", "keras"}, 2, "a Keras file's name ends in");
  refused({"convert", "there.keras", "m.pb", "--to", "tensorflow"}, 2, "--to");
  refused({"convert", "there.keras", "m.safetensors", "--to", "onnx"}, 2, "ends in .onnx");
  refused({"convert", "there.keras", "m.onnx", "--to", "onnx", "--divide-by", "nan"}, 2, "--divide-by");
  refused({"convert", "there.keras", "m.onnx", "--to", "onnx", "--mean", "inf"}, 2, "--mean");
  fs::create_symlink("nowhere", folder / "dangling.onnx");
  refused({"convert", "there.keras", "dangling.onnx", "--to", "onnx"}, 2, "is there already");
  fs::create_directory(folder / "folder.onnx");
  refused({"convert", "there.keras", "folder.onnx", "--to", "onnx", "--force"}, 2, "is not a file");
  write_file(folder / "text.h5", "not a model, but some words about one");
  refused({"convert", "text.h5", "m.onnx", "--to", "onnx"}, 1,
          "expected an HDF5 file of Keras, as its ending says; its contents are text");
  // Lists take one argument, so that what follows is the model.
  refused({"convert", "--classes", "a,b,c", "there.keras", "m.onnx", "--to", "onnx"}, 2,
          "tells 2 classes apart, got 3");
  refused({"convert", "missing.h5", "m.onnx", "--to", "onnx"}, 1, "missing.h5");
  refused({"convert", kKeras + "keras3_backbone.weights.h5", "m.onnx", "--to", "onnx"}, 1, "weights without a model");
  refused({"convert", "there.keras", "m.onnx", "--to", "onnx", "--classes", "one"}, 2, "tells 2 classes apart, got 1");
  refused({"convert", kKeras + "keras3_backbone.weights.h5", "m.onnx", "--to", "onnx", "--recipe", "covid-cnn-64"}, 1,
          "layer \"conv2d\" is missing; the file has \"block1_");
  CHECK(!fs::exists(folder / "m.onnx"));
}
