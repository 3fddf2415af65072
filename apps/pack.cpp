// curie pack: folders of images become a pair of NumPy arrays.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "data/arrays.h"
#include "data/load.h"
#include "data/npz.h"
#include "interrupt.h"
#include "tensor/files.h"
#include "tensor/log.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

struct PackArguments {
  fs::path data, out;
  std::string size = "224";
  bool grey = false, bgr = false, train_test = false, npz = false;
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

Preprocessing preprocessing_of(const PackArguments& arguments) {
  Preprocessing preprocessing{.channels = arguments.grey ? 1 : 3, .resample = resample_from_name(arguments.resample)};
  set_size(arguments.size, preprocessing);
  CURIE_CHECK(!(arguments.grey && arguments.bgr), usage,
              "--bgr: grey images have no order of colours; leave out --grey");
  if (arguments.bgr) preprocessing.channel_order = ChannelOrder::bgr;
  preprocessing.check();
  return preprocessing;
}

struct Packed {
  std::string suffix;  // "", "_Train", ...
  LabelledImages images;
};

// One pair of arrays, or one for each part of the data set.
std::vector<Packed> parts_of(const PackArguments& arguments, const FolderScan& scan, LoadResult& loaded) {
  std::vector<Packed> packed;
  if (!arguments.train_test) {
    packed.push_back({"", std::move(loaded.images)});
    return packed;
  }
  static constexpr std::pair<Part, const char*> kSuffixes[] = {
      {Part::whole, "_Train"}, {Part::train, "_Train"}, {Part::validation, "_Validation"}, {Part::test, "_Test"}};
  for (const auto& [part, suffix] : kSuffixes) {
    std::vector<int> members;
    for (std::size_t i = 0; i < loaded.files.size(); ++i) {
      if (scan.files[static_cast<std::size_t>(loaded.files[i])].part == part) members.push_back(static_cast<int>(i));
    }
    if (!members.empty()) packed.push_back({suffix, loaded.images.select(members)});
  }
  return packed;
}

nlohmann::json description(const Preprocessing& preprocessing, const std::vector<Packed>& parts) {
  nlohmann::json arrays = nlohmann::json::object();
  for (const Packed& part : parts) {
    arrays["X" + part.suffix] = {{"counts", part.images.class_counts()}, {"files", part.images.sources}};
  }
  return {
      {"class_names", parts.front().images.class_names}, {"preprocessing", to_json(preprocessing)}, {"arrays", arrays}};
}

void write(const PackArguments& arguments, const Preprocessing& preprocessing, const std::vector<Packed>& parts) {
  make_writable_folder(arguments.out);
  std::vector<NamedArray> arrays;
  for (const Packed& part : parts) {
    arrays.emplace_back("X" + part.suffix, x_array(part.images));
    arrays.emplace_back("Y" + part.suffix, y_array(part.images));
  }
  if (arguments.npz) write_npz(arguments.out / "arrays.npz", arrays, true);
  for (const auto& [name, array] : arrays) {
    std::string place = (arguments.out / "arrays.npz").string() + ":" + name;
    if (!arguments.npz) {
      place = (arguments.out / (name + ".npy")).string();
      write_npy(place, array);
    }
    fmt::print("{}  {} {}\n", place, name_of(array.type()), to_string(array.shape()));
  }
  // File names need not be UTF-8.
  const std::string text =
      description(preprocessing, parts).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  write_file(arguments.out / "classes.json", text + "\n");
  fmt::print("{}  ", (arguments.out / "classes.json").string());
  const std::vector<std::string>& names = parts.front().images.class_names;
  for (std::size_t c = 0; c < names.size(); ++c) fmt::print("{}{} = {}", c == 0 ? "" : ", ", c, names[c]);
  fmt::print("\n");
}

void pack(const PackArguments& arguments) {
  const Preprocessing preprocessing = preprocessing_of(arguments);
  const FolderScan scan =
      scan_class_folders(arguments.data, {.classes = arguments.classes, .limits = parse_limits(arguments.limits)});
  catch_interrupts();
  LoadResult loaded = load_images(
      scan, preprocessing,
      {.threads = arguments.threads, .cache_folder = {}, .progress = loading_progress(), .cancelled = interrupted});
  if (loaded.cancelled) throw ExitStatus{kInterruptedStatus};
  for (const Skipped& skipped : loaded.skipped) log_warning("left out: {}", skipped.reason);
  write(arguments, preprocessing, parts_of(arguments, scan, loaded));
}

}  // namespace

void add_pack(CLI::App& app) {
  auto arguments = std::make_shared<PackArguments>();
  CLI::App* command = app.add_subcommand("pack", "Folders of images become NumPy arrays X.npy and Y.npy");
  command->add_option("data", arguments->data, "folder with one folder of images a class, or with parts of such")
      ->type_name("DIR")
      ->required();
  command->add_option("--out", arguments->out, "folder for the arrays and classes.json")->type_name("DIR")->required();
  command->add_option("--size", arguments->size, "of the images: 237, or WIDTHxHEIGHT")->capture_default_str();
  command->add_flag("--grey", arguments->grey, "one channel instead of three");
  command->add_flag("--bgr", arguments->bgr, "blue first, as OpenCV reads");
  command->add_option("--resample", arguments->resample, "nearest, bilinear, bicubic, opencv_nearest, opencv_linear")
      ->capture_default_str();
  command
      ->add_option("--class", arguments->classes,
                   "which classes, numbered in this order, one a --class; default: every folder, sorted")
      ->type_name("NAME");
  command->add_option("--limit", arguments->limits, "at most N images of a class: --limit COVID=300")
      ->type_name("CLASS=N");
  command->add_flag("--train-test", arguments->train_test,
                    "X_Train, Y_Train and so on: a pair for each of the folder's parts (train, val, test)");
  command->add_flag("--npz", arguments->npz, "one compressed file arrays.npz instead");
  command->add_option("--threads", arguments->threads, "default: all cores")->check(CLI::NonNegativeNumber);
  command->footer(
      "Example: curie pack covid-chestxray --size 237 --train-test --out data\n"
      "X is (images, height, width, channels) of uint8, 0 to 255; Y is (images, 1) of int64, a class number each. "
      "classes.json\n"
      "names the classes, how the images were prepared, and the file of every image.");
  command->callback([arguments] { pack(*arguments); });
}

}  // namespace curie
