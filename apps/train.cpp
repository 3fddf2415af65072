#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <limits>
#include <memory>

#include "commands.h"
#include "console.h"
#include "interrupt.h"
#include "io/checkpoint.h"
#include "recipes/run.h"
#include "tensor/error.h"
#include "tensor/files.h"
#include "tensor/log.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

struct TrainArguments {
  RunOptions run;
  DeviceOptions device;
  std::vector<std::string> limits, class_weights;
  std::string split_by = "random";
  std::string resume;
  bool no_cache = false;
  bool quiet = false;
  bool json = false;
};

// runs/covid-cnn-64-20260131-181500, or with -2, -3, ... behind it where that exists.
fs::path new_run_folder(const std::string& recipe) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts);
  const fs::path first = fs::path("runs") / fmt::format("{}-{}", recipe, stamp);
  fs::path folder = first;
  for (int number = 2; fs::exists(folder); ++number) folder = first.string() + "-" + std::to_string(number);
  return folder;
}

// "balanced", or "COVID=2" for some classes.
void set_class_weights(const std::vector<std::string>& texts, RunOptions& options) {
  std::vector<std::string> of_classes;
  std::copy_if(texts.begin(), texts.end(), std::back_inserter(of_classes),
               [](const std::string& text) { return text != "balanced"; });
  options.balanced_classes = of_classes.size() < texts.size();
  const auto weights = values_by_class("--class-weights", "balanced, or CLASS=W with W above 0, such as COVID=2.5",
                                       of_classes, [](std::string text) { return number_above(0)(text).empty(); });
  for (const auto& [name, weight] : weights) options.class_weights[name] = std::stod(weight);
}

// The interrupted run's options; of the new command line only --epochs may differ (a longer run).
RunOptions resumed_options(const TrainArguments& arguments, const CLI::App& command) {
  for (const char* name : {"--recipe", "--data", "--data-x", "--data-y", "--test-x", "--test-y", "--weights", "--out",
                           "--image-size", "--batch-size", "--seed", "--split-seed", "--split-by", "--augment",
                           "--limit", "--patience", "--class-weights", "--tensorboard"}) {
    CURIE_CHECK(command.get_option(name)->count() == 0, usage,
                "--resume takes the interrupted run's own options; leave out {} (only --epochs may change)", name);
  }
  RunOptions options = options_of_run(arguments.resume);
  options.resume = true;
  if (command.get_option("--epochs")->count() > 0) options.epochs = arguments.run.epochs;
  if (command.get_option("--device")->count() > 0) options.device = arguments.device.device;
  const BackendOptions& given = arguments.device.backend;
  if (command.get_option("--threads")->count() > 0) options.backend.threads = given.threads;
  if (command.get_option("--math")->count() > 0) options.backend.math = given.math;
  if (command.get_option("--kernels")->count() > 0) options.backend.kernels = given.kernels;
  if (command.get_option("--no-graph")->count() > 0) options.backend.record_steps = given.record_steps;
  return options;
}

void print_results(const RunOutcome& outcome, const std::vector<std::string>& classes) {
  const nlohmann::json& test = outcome.metrics.at("test");
  fmt::print("test accuracy {:.4f}, test loss {:.4f}\n", test.at("accuracy").get<double>(),
             test.at("loss").get<double>());
  std::size_t width = 0;
  for (const std::string& name : classes) width = std::max(width, name.size());
  for (const std::string& name : classes) {
    const nlohmann::json& scores = test.at("classes").at(name);
    fmt::print("  {:<{}}  precision {:.2f}  recall {:.2f}  F1 {:.2f}  ({} images)\n", name, width,
               scores.at("precision").get<double>(), scores.at("recall").get<double>(), scores.at("f1").get<double>(),
               scores.at("support").get<int>());
  }
  fmt::print("report: {}\n", fs::absolute(outcome.report).string());
}

void train(TrainArguments& arguments, const CLI::App& command, const std::vector<std::string>& command_line) {
  const bool resumes = !arguments.resume.empty();
  RunOptions options = arguments.run;
  if (resumes) {
    options = resumed_options(arguments, command);
  } else {
    find_recipe(options.recipe);
    options.device = arguments.device.device;
    options.backend = arguments.device.backend;
    options.limits = parse_limits(arguments.limits);
    set_class_weights(arguments.class_weights, options);
    options.by_patient = arguments.split_by == "patient";
    if (options.out.empty()) options.out = new_run_folder(options.recipe);
  }
  options.use_cache = !arguments.no_cache;
  for (const std::string& word : command_line) options.command_line += (options.command_line.empty() ? "" : " ") + word;
  options.verbose = arguments.quiet ? Verbosity::silent : Verbosity::automatic;
  options.loading = arguments.quiet ? std::function<void(int, int)>() : loading_progress();
  options.interrupted = interrupted;
  LogSink previous;
  if (arguments.quiet) {
    previous = set_log_sink([](LogLevel level, std::string_view text) {
      if (level == LogLevel::warning) fmt::print(stderr, "warning: {}\n", text);
    });
  }
  catch_interrupts();
  log_info("run folder: {}", options.out.string());
  if (options.data.empty() && options.data_x.empty()) {
    log_warning("no --data given: training on phantoms, synthetic pictures that only look like chest X-rays");
  }
  const RunOutcome outcome = run_recipe(options);
  if (outcome.interrupted) {
    const bool has_checkpoint = fs::exists(options.out / kCheckpointFile);
    fmt::print(stderr, "{}\n",
               outcome.history.stop_reason.empty() ? "interrupted before training began" : outcome.history.stop_reason);
    if (has_checkpoint) fmt::print(stderr, "saved; continue with: curie train --resume {}\n", options.out.string());
    throw ExitStatus{kInterruptedStatus};
  }
  if (arguments.json) {
    nlohmann::json result = outcome.metrics;
    result["run"] = fs::absolute(options.out).string();
    result["report"] = fs::absolute(outcome.report).string();
    fmt::print("{}\n", result.dump(2));
  } else {
    print_results(outcome, find_recipe(options.recipe).classes);
  }
}

}  // namespace

void add_train(CLI::App& app, const std::vector<std::string>& command_line) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Train a recipe: images in, model and report out");
  RunOptions& run = arguments->run;
  command->add_option("--recipe", run.recipe, "which experiment; `curie recipes` lists them")->capture_default_str();
  const auto place = [&](const char* name, auto& value, const char* help, const char* type) {
    command->add_option(name, value, help)->type_name(type)->check(not_empty());
  };
  const auto count = [&](const char* name, auto& value, const char* help, std::int64_t low, std::uint64_t high) {
    return command->add_option(name, value, help)->check(whole_number(low, high));
  };
  place("--data", run.data, "folder with one folder of images a class; without it: synthetic phantoms", "DIR");
  place("--data-x", run.data_x, "images as a NumPy array (n, h, w, c), as `curie pack` makes it", "X.npy");
  place("--data-y", run.data_y, "their class numbers, (n) or (n, 1)", "Y.npy");
  place("--test-x", run.test_x,
        "images of the data set's own test part, for recipes that test on it (pneumonia-cnn-70)", "X.npy");
  place("--test-y", run.test_y, "their class numbers", "Y.npy");
  place("--weights,--pretrained", run.weights,
        "start from these weights: VGG16 as Keras saves it, ResNet18 as safetensors", "FILE");
  place("--out", run.out, "folder for the run; default: runs/RECIPE-DATE-TIME", "DIR");
  count("--epochs", run.epochs, "at most this many epochs; default: the recipe's", 1, kMostCount);
  count("--batch-size", run.batch_size, "samples a step; default: the recipe's", 1, kMostCount);
  count("--patience", run.patience, "epochs without improvement before stopping; 0: never; default: the recipe's", 0,
        kMostCount);
  count("--image-size", run.image_size, "width and height in pixels; default: the recipe's", kSmallestImage,
        kLargestImage);
  count("--seed", run.seed, "of weights, dropout and the order of samples", 0,
        std::numeric_limits<std::uint64_t>::max())
      ->capture_default_str();
  count("--split-seed", run.split_seed,
        "of the split, SMOTE and undersampling, and of phantoms; default: the recipe's, mostly 1", 0,
        std::numeric_limits<std::uint32_t>::max());
  command
      ->add_option("--augment", run.augment,
                   "keras: as Keras does; correct: shifts along their own axes, about the true centre; none")
      ->check(CLI::IsMember({"keras", "correct", "none"}));
  command
      ->add_option("--split-by", arguments->split_by,
                   "random: as the document did; patient: all images of a patient go to the same part")
      ->check(CLI::IsMember({"random", "patient"}))
      ->capture_default_str();
  command->add_option("--limit", arguments->limits, kLimitHelp)->type_name("CLASS=N");
  command
      ->add_option("--class-weights", arguments->class_weights,
                   "of the classes in the training loss: balanced, as scikit-learn does, or CLASS=W for some")
      ->type_name("balanced|CLASS=W");
  place("--tensorboard", run.tensorboard, "also write TensorBoard's event files", "DIR");
  arguments->device.add_to(*command);
  place("--resume", arguments->resume, "continue the run in this folder from its last checkpoint", "RUN");
  command->add_flag("--profile", run.profile, "the report also tells where the time of a training step goes");
  command->add_flag("--no-cache", arguments->no_cache, "decode every image again");
  command->add_flag("--quiet", arguments->quiet, "no progress, only warnings and results");
  command->add_flag("--json", arguments->json, "results as JSON on stdout");
  command->footer(
      "Example: curie train --recipe covid-cnn-64 --data covid-radiography --out runs/first --seed 1\n"
      "Ctrl-C finishes the step, saves and says how to resume.");
  command->callback([arguments, command, command_line] { train(*arguments, *command, command_line); });
}

}  // namespace curie
