// curie pack: folders of images become a pair of NumPy arrays.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "data/array_notes.h"
#include "data/arrays.h"
#include "data/load.h"
#include "data/npz.h"
#include "data/patients.h"
#include "interrupt.h"
#include "recipes/recipe.h"
#include "tensor/files.h"
#include "tensor/log.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

constexpr const char* kArchive = "arrays.npz";

struct PackArguments {
  fs::path data, out;
  std::string recipe;
  std::string size;  // empty: the recipe's, or 224
  bool grey = false, bgr = false, train_test = false, npz = false, force = false;
  std::string resample = "bicubic";
  std::vector<std::string> classes, limits;
  int threads = 0;
};

// "237" or "320x240" (width x height).
void set_size(const std::string& text, Preprocessing& preprocessing) {
  const auto number = [&](const std::string& digits) {
    const bool valid =
        !digits.empty() && digits.size() <= 5 && digits.find_first_not_of("0123456789") == std::string::npos;
    CURIE_CHECK(valid, usage, "--size: expected a number of pixels, as in 237, or WIDTHxHEIGHT, got \"{}\"", text);
    return std::stoi(digits);
  };
  const std::size_t cross = text.find('x');
  preprocessing.width = number(text.substr(0, cross));
  preprocessing.height = cross == std::string::npos ? preprocessing.width : number(text.substr(cross + 1));
}

// What is packed, from the recipe or from the options.
struct Plan {
  Preprocessing preprocessing;
  std::vector<std::string> classes;
  enum class Pairs { one, of_each_part, training_and_test } pairs = Pairs::one;
};

Plan plan_of(const PackArguments& arguments) {
  Plan plan;
  if (!arguments.recipe.empty()) {
    const Recipe& recipe = find_recipe(arguments.recipe);
    plan = {recipe.preprocessing, recipe.classes, Plan::Pairs::one};
    if (recipe.test.kind == TestPart::Kind::official) plan.pairs = Plan::Pairs::training_and_test;
  } else {
    CURIE_CHECK(!(arguments.grey && arguments.bgr), usage,
                "--bgr: grey images have no order of colours; leave out --grey");
    plan.preprocessing = {.width = 224,
                          .height = 224,
                          .channels = arguments.grey ? 1 : 3,
                          .resample = resample_from_name(arguments.resample),
                          .channel_order = arguments.bgr ? ChannelOrder::bgr : ChannelOrder::rgb};
    plan.classes = arguments.classes;
    if (arguments.train_test) plan.pairs = Plan::Pairs::of_each_part;
  }
  if (!arguments.size.empty()) set_size(arguments.size, plan.preprocessing);
  plan.preprocessing.check();
  return plan;
}

// What the names of a file's arrays end in.
std::string suffix_of(const Plan& plan, Part part) {
  if (plan.pairs == Plan::Pairs::one) return "";
  if (part == Part::test) return "_Test";
  return part == Part::validation && plan.pairs == Plan::Pairs::of_each_part ? "_Validation" : "_Train";
}

// Of the pairs of arrays that the data set gives, in this order.
std::vector<std::string> suffixes_in(const Plan& plan, const FolderScan& scan) {
  std::vector<std::string> present;
  for (const char* suffix : {"", "_Train", "_Validation", "_Test"}) {
    const auto has = [&](const FolderScan::File& file) { return suffix_of(plan, file.part) == suffix; };
    if (std::any_of(scan.files.begin(), scan.files.end(), has)) present.emplace_back(suffix);
  }
  CURIE_CHECK(plan.pairs != Plan::Pairs::training_and_test || present.size() == 2, data,
              "{}: expected a data set with a training and a test part of its own (folders train and test), as the "
              "recipe uses them",
              scan.root.string());
  return present;
}

void check_nothing_is_lost(const PackArguments& arguments, const std::vector<std::string>& suffixes) {
  std::vector<std::string> names = {kArrayNotesFile};
  if (arguments.npz) names.emplace_back(kArchive);
  for (const std::string& suffix : suffixes) {
    if (!arguments.npz) names.insert(names.end(), {"X" + suffix + ".npy", "Y" + suffix + ".npy"});
  }
  for (const std::string& name : names) check_not_there(arguments.out / name, arguments.force, "--out");
}

struct Packed {
  std::string suffix;
  LabelledImages images;
  std::vector<std::string> patients;
};

std::vector<Packed> pack_parts(const Plan& plan, const std::vector<std::string>& suffixes, const FolderScan& scan,
                               LoadResult& loaded) {
  const PatientGroups groups = known_patients_of(scan);
  std::vector<Packed> packed;
  for (const std::string& suffix : suffixes) {
    std::vector<int> members;
    Packed part{suffix, {}, {}};
    for (std::size_t i = 0; i < loaded.files.size(); ++i) {
      const auto file = static_cast<std::size_t>(loaded.files[i]);
      if (suffix_of(plan, scan.files[file].part) != suffix) continue;
      members.push_back(static_cast<int>(i));
      if (groups.known > 0) part.patients.push_back(groups.names[file]);
    }
    part.images = suffixes.size() == 1 ? std::move(loaded.images) : loaded.images.select(members);
    packed.push_back(std::move(part));
  }
  return packed;
}

ArrayNotes notes_of(const Plan& plan, const std::vector<Packed>& parts) {
  ArrayNotes notes{.class_names = parts.front().images.class_names, .preprocessing = plan.preprocessing, .arrays = {}};
  for (const Packed& part : parts) {
    notes.arrays["X" + part.suffix] = {part.images.class_counts(), part.images.sources, part.patients};
  }
  return notes;
}

void write(const PackArguments& arguments, const Plan& plan, const std::vector<Packed>& parts) {
  make_writable_folder(arguments.out);
  std::vector<NamedArray> arrays;
  for (const Packed& part : parts) {
    arrays.emplace_back("X" + part.suffix, x_array(part.images));
    arrays.emplace_back("Y" + part.suffix, y_array(part.images));
  }
  if (arguments.npz) write_npz(arguments.out / kArchive, arrays, true);
  for (const auto& [name, array] : arrays) {
    std::string place = (arguments.out / kArchive).string() + ":" + name;
    if (!arguments.npz) {
      place = (arguments.out / (name + ".npy")).string();
      write_npy(place, array);
    }
    fmt::print("{}  {} {}\n", place, name_of(array.type()), to_string(array.shape()));
  }
  // File names need not be UTF-8.
  const std::string text = to_json(notes_of(plan, parts)).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  write_file(arguments.out / kArrayNotesFile, text + "\n");
  fmt::print("{}  ", (arguments.out / kArrayNotesFile).string());
  const std::vector<std::string>& names = parts.front().images.class_names;
  for (std::size_t c = 0; c < names.size(); ++c) fmt::print("{}{} = {}", c == 0 ? "" : ", ", c, names[c]);
  fmt::print("\n");
}

void pack(const PackArguments& arguments) {
  const Plan plan = plan_of(arguments);
  const FolderScan scan =
      scan_class_folders(arguments.data, {.classes = plan.classes, .limits = parse_limits(arguments.limits)});
  const std::vector<std::string> suffixes = suffixes_in(plan, scan);
  check_nothing_is_lost(arguments, suffixes);
  if (const std::string ignored = scan.ignored_images(); !ignored.empty()) log_warning("{}", ignored);
  catch_interrupts();
  LoadResult loaded = load_images(
      scan, plan.preprocessing,
      {.threads = arguments.threads, .cache_folder = {}, .progress = loading_progress(), .cancelled = interrupted});
  if (loaded.cancelled) throw ExitStatus{kInterruptedStatus};
  for (const Skipped& skipped : loaded.skipped) log_warning("left out: {}", skipped.reason);
  write(arguments, plan, pack_parts(plan, suffixes, scan, loaded));
}

}  // namespace

void add_pack(CLI::App& app) {
  auto arguments = std::make_shared<PackArguments>();
  CLI::App* command = app.add_subcommand("pack", "Folders of images become NumPy arrays X.npy and Y.npy");
  command->add_option("data", arguments->data, "folder with one folder of images a class, or with parts of such")
      ->type_name("DIR")
      ->required();
  command->add_option("--out", arguments->out, "folder for the arrays and classes.json")->type_name("DIR")->required();
  CLI::Option* recipe =
      command
          ->add_option("--recipe", arguments->recipe,
                       "exactly the images that this recipe makes of folders: size, resampling, colours, classes and, "
                       "where it tests on the data set's own test part, X_Train, Y_Train, X_Test, Y_Test")
          ->type_name("NAME");
  command->add_option("--size", arguments->size, "of the images: 237, or WIDTHxHEIGHT; default: the recipe's, or 224");
  command->add_flag("--grey", arguments->grey, "one channel instead of three")->excludes(recipe);
  command->add_flag("--bgr", arguments->bgr, "blue first, as OpenCV reads")->excludes(recipe);
  command->add_option("--resample", arguments->resample, "nearest, bilinear, bicubic, opencv_nearest, opencv_linear")
      ->capture_default_str()
      ->excludes(recipe);
  command
      ->add_option("--class", arguments->classes,
                   "which classes, numbered in this order, one a --class; default: every folder, sorted")
      ->type_name("NAME")
      ->excludes(recipe);
  command->add_option("--limit", arguments->limits, kLimitHelp)->type_name("CLASS=N");
  command
      ->add_flag("--train-test", arguments->train_test,
                 "X_Train, Y_Train and so on: a pair for each of the folder's parts (train, val, test)")
      ->excludes(recipe);
  command->add_flag("--npz", arguments->npz, "one compressed file arrays.npz instead");
  command->add_flag("--force", arguments->force, "write over arrays that are there");
  command->add_option("--threads", arguments->threads, "CPU threads; 0: one a usable core")
      ->capture_default_str()
      ->check(whole_number(0, kMostThreads));
  command->footer(
      "Examples: curie pack cohen146 --recipe covid-vgg16-237 --out data\n"
      "          curie pack covid-chestxray --size 237 --train-test --out data\n"
      "X is (images, height, width, channels) of uint8, 0 to 255; Y is (images, 1) of int64, a class number each. "
      "classes.json\n"
      "names the classes, how the images were prepared, and of every image the file and, where known, the patient.");
  command->callback([arguments] { pack(*arguments); });
}

}  // namespace curie
