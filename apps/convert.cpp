#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "commands.h"
#include "io/import_weights.h"
#include "io/keras.h"
#include "io/onnx.h"
#include "io/torch_file.h"
#include "recipes/recipe.h"
#include "recipes/run.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

struct ConvertArguments {
  fs::path from, out;
  std::string format;
  std::string recipe;
  ImportOptions import;
  std::vector<std::string> classes;
  bool force = false;
};

// Weights alone become a model of the recipe's architecture.
LoadedModel from_recipe(const ConvertArguments& arguments) {
  const Recipe& recipe = find_recipe(arguments.recipe);
  Model model = recipe.build(1);
  CompileOptions options = recipe.compile();
  options.device = "cpu";
  model.compile(options);
  const ImportReport report = import_weights(model, arguments.from, arguments.import);
  fmt::print(stderr, "{}\n", to_string(report, arguments.from));
  ModelInfo info{.preprocessing = recipe.preprocessing,
                 .class_names = recipe.classes,
                 .provenance = {{"recipe", recipe.name}, {"converted_from", arguments.from.string()}}};
  return {std::move(model), std::move(info)};
}

// What is written, to say so.
std::string write(const ConvertArguments& arguments, LoadedModel& loaded) {
  const fs::path& out = arguments.out;
  if (arguments.format == "keras") {
    const std::string extension = out.extension().string();
    const bool hdf5 = extension == ".h5" || extension == ".hdf5";
    CURIE_CHECK(hdf5 || extension == ".keras", usage,
                "{}: a Keras file's name ends in .h5, .hdf5 (every Keras) or .keras (Keras 3)", out.string());
    hdf5 ? save_keras_hdf5(out, loaded.model, loaded.info) : save_keras_archive(out, loaded.model, loaded.info);
    return fmt::format("{}, for normalized pixels", hdf5 ? "Keras HDF5" : "Keras archive");
  }
  if (arguments.format == "onnx") {
    save_onnx(out, loaded.model, loaded.info);
    return "ONNX, for pixels from 0 to 255, (N, rows, columns, channels)";
  }
  if (arguments.format == "safetensors") {
    save_torch_safetensors(out, loaded.model, loaded.info);
    return "safetensors with PyTorch's names and order";
  }
  save_model(out, loaded.model, loaded.info);
  return "Curie's safetensors";
}

void convert(const ConvertArguments& arguments) {
  CURIE_CHECK(arguments.force || !fs::exists(arguments.out), usage,
              "{} is there already; --force writes over it, or choose another name", arguments.out.string());
  LoadedModel loaded =
      arguments.recipe.empty() ? open_model(model_file_of(arguments.from), "cpu") : from_recipe(arguments);
  if (!arguments.classes.empty()) {
    CURIE_CHECK(arguments.classes.size() == loaded.info.class_names.size(), usage,
                "--classes: the model tells {} classes apart, got {} names", loaded.info.class_names.size(),
                arguments.classes.size());
    loaded.info.class_names = arguments.classes;
  }
  const std::string what = write(arguments, loaded);
  fmt::print("{}: {}\n", arguments.out.string(), what);
}

}  // namespace

void add_convert(CLI::App& app) {
  auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* command = app.add_subcommand("convert", "A model for other tools, or theirs for Curie");
  command
      ->add_option("model", arguments->from, "a run's folder, a model of Curie's or Keras', or with --recipe weights")
      ->type_name("RUN|MODEL")
      ->required();
  command->add_option("out", arguments->out, "the file to write")->type_name("OUT")->required();
  command
      ->add_option("--to", arguments->format, "keras (.h5, .hdf5, .keras), onnx, safetensors (PyTorch's names), curie")
      ->check(CLI::IsMember({"keras", "onnx", "safetensors", "curie"}))
      ->required();
  command->add_option("--recipe", arguments->recipe, "MODEL holds weights only; take this recipe's architecture");
  command->add_option("--leave-out", arguments->import.leave_out,
                      "with --recipe: layers that MODEL has no weights for");
  command->add_flag("--allow-unused", arguments->import.allow_unused,
                    "with --recipe: MODEL may hold layers that the recipe has not");
  command->add_option("--classes", arguments->classes, "names of the classes, where MODEL does not tell them");
  command->add_flag("--force", arguments->force, "write over OUT");
  command->footer("Example: curie convert runs/first covid.onnx --to onnx");
  command->callback([arguments] { convert(*arguments); });
}

}  // namespace curie
