#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "commands.h"
#include "console.h"
#include "io/keras.h"
#include "io/onnx.h"
#include "io/torch_file.h"
#include "model_options.h"
#include "recipes/run.h"
#include "recipes/run_files.h"
#include "tensor/files.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

struct ConvertArguments {
  ModelOptions from;
  fs::path out;
  std::string format;
  ImportOptions import;
  bool force = false;
};

constexpr const char* kEndings[][2] = {{"onnx", ".onnx"}, {"safetensors", ".safetensors"}, {"curie", ".safetensors"}};

// That the name says what the file is, and that nobody's file is lost.
void check_target(const ConvertArguments& arguments) {
  const fs::path& out = arguments.out;
  for (const auto& [format, ending] : kEndings)
    CURIE_CHECK(arguments.format != format || out.extension() == ending, usage,
                "{}: the name of a file for --to {} ends in {}", out.string(), format, ending);
  check_not_there(out, arguments.force, "name");
  CURIE_CHECK(!fs::exists(fs::status(out)) || fs::is_regular_file(fs::status(out)), usage,
              "{} is not a file, and is not written over; choose another name", out.string());
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
  check_target(arguments);
  remove_unfinished_on_signals();
  LoadedModel loaded = arguments.from.open("cpu", {}, arguments.import);
  if (arguments.format == "keras") restore_optimizer(loaded.model, model_file_of(arguments.from.model));
  const std::string what = write(arguments, loaded);
  fmt::print("{}: {}\n", arguments.out.string(), what);
}

}  // namespace

void add_convert(CLI::App& app) {
  auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* command = app.add_subcommand("convert", "A model for other tools, or theirs for Curie");
  command->add_option("model", arguments->from.model, fmt::format("{}; with --recipe, weights alone", kModelHelp))
      ->type_name("RUN|MODEL")
      ->required();
  command->add_option("out", arguments->out, "the file to write")->type_name("OUT")->required();
  command
      ->add_option("--to", arguments->format, "keras (.h5, .hdf5, .keras), onnx, safetensors (PyTorch's names), curie")
      ->check(CLI::IsMember({"keras", "onnx", "safetensors", "curie"}))
      ->required();
  arguments->from.add_to(*command);
  command->add_option("--leave-out", arguments->import.leave_out, "with --recipe: layers that MODEL has no weights for")
      ->type_name("A,B,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->needs("--recipe");
  command
      ->add_flag("--allow-unused", arguments->import.allow_unused,
                 "with --recipe: MODEL may hold layers that the recipe has not")
      ->needs("--recipe");
  command->add_flag("--force", arguments->force, "write over OUT");
  command->footer("Example: curie convert runs/first covid.onnx --to onnx");
  command->callback([arguments] { convert(*arguments); });
}

}  // namespace curie
