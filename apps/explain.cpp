#include "report/explain.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>

#include "class_choice.h"
#include "commands.h"
#include "console.h"
#include "curie_version.h"
#include "data/load.h"
#include "model/saliency.h"
#include "model/session.h"
#include "model_options.h"
#include "report/png.h"
#include "tensor/files.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

struct ExplainArguments {
  ModelOptions model;
  std::vector<fs::path> images;
  fs::path out = "explained";
  std::string layer, class_name;
  int windows = 10;
  DeviceOptions device;
  bool force = false, json = false;
  std::string command_line;
};

// A name that is a file name everywhere.
std::string file_name(std::string_view name) {
  std::string safe;
  for (const char c : name) {
    const bool plain =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
    safe += plain ? c : '_';
  }
  return safe.empty() || safe.front() == '.' ? "_" + safe : safe;
}

void write_picture(const fs::path& path, const Picture& picture) {
  const std::vector<std::uint8_t> bytes = png_file(picture);
  write_file(path, std::as_bytes(std::span(bytes)));
}

constexpr int kAll = 1 << 20;  // more maps, units or filters than a layer has

// The page shows the first of many, to stay light; the file beside it has them all.
template <typename MakeAll>
void write_all(const fs::path& file, LayerView& on_page, MakeAll&& make_all) {
  write_picture(file, on_page.whole ? on_page.picture : make_all().picture);
  if (!on_page.whole) on_page.text += fmt::format("; all of them are in {}", file.filename().string());
}

HeatMap heat_map(std::span<const float> values, int width, int height) {
  return {width, height, {values.begin(), values.end()}};
}

// The magnitude of the slope at each pixel, the largest over channels, from 0 to the 99th percentile.
HeatMap slope_map(const Tensor& gradient) {
  const Shape& shape = gradient.shape();
  const auto channels = static_cast<std::size_t>(shape[3]);
  HeatMap map{shape[2], shape[1], std::vector<float>(gradient.elements() / channels, 0.0f)};
  const std::span<const float> values = gradient.host<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    map.values[i / channels] = std::max(map.values[i / channels], std::abs(values[i]));
  }
  std::vector<float> sorted = map.values;
  std::sort(sorted.begin(), sorted.end());
  const float top = sorted[(sorted.size() - 1) * 99 / 100];
  for (float& value : map.values) value = top > 0 ? std::min(value / top, 1.0f) : 0.0f;
  return map;
}

class Explainer {
 public:
  Explainer(const ExplainArguments& arguments, LoadedModel& loaded)
      : arguments_(arguments),
        model_(loaded.model),
        info_(loaded.info),
        inspector_(loaded.model),
        layer_(arguments.layer.empty() ? last_convolution(inspector_, model_.graph())
                                       : inspector_.layer(arguments.layer)),
        explained_(class_number(arguments.class_name)) {
    CURIE_CHECK(
        layer_.shape.rank() == 3, usage,
        "--layer {}: expected a layer that gives (height, width, channels), got {}; choose a convolution or a pool",
        layer_.name, to_string(layer_.shape));
    CURIE_CHECK(static_cast<int>(info_.class_names.size()) == inspector_.classes(), file,
                "the model tells {} classes apart, but names {}", inspector_.classes(), info_.class_names.size());
  }

  ExplainedImage explain(const fs::path& path, const fs::path& folder) {
    const Shape shape = info_.preprocessing.shape().with_batch(1);
    const Tensor pixels = Tensor::zeros(shape, DType::u8);
    Preprocessor preprocessor(info_.preprocessing);
    load_image(path, preprocessor, pixels.host<std::uint8_t>().data());
    inspector_.run(pixels);
    const Tensor probabilities = inspector_.probabilities();
    const std::span<const float> row = probabilities.host<float>();
    const auto best = static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin());
    const int explained = explained_ < 0 ? best : explained_;

    ExplainedImage image;
    image.source = path.filename().string();
    const std::span<const std::uint8_t> bytes = pixels.host<std::uint8_t>();
    image.picture = without_idle_color({shape[2], shape[1], shape[3], {bytes.begin(), bytes.end()}});
    image.predicted = name(best);
    image.explained = name(explained);
    for (std::size_t i = 0; i < row.size(); ++i) {
      image.beliefs.emplace_back(info_.class_names[i], static_cast<double>(row[i]));
    }
    make_writable_folder(folder);
    write_picture(folder / "input.png", image.picture);
    add_maps(pixels, explained, folder, image);
    add_layers(folder, image);
    return image;
  }

  std::vector<LayerView> filters(const fs::path& folder) const {
    std::vector<LayerView> views;
    for (const std::pair<std::string, Tensor>& parameter : model_.state()) {
      const std::string& name = parameter.first;
      const Tensor& tensor = parameter.second;  // no structured binding: clang 14 lets no lambda capture one
      const std::string suffix = "/kernel";
      const Shape& shape = tensor.shape();
      if (!name.ends_with(suffix)) continue;
      const bool dense = shape.rank() == 2;
      LayerView view = dense ? matrix_view(tensor) : filter_view(tensor);
      view.name = name.substr(0, name.size() - suffix.size());
      view.kind = dense ? "dense layer" : "convolution";
      view.shape = dense ? fmt::format("{} x {} weights", shape[0], shape[1])
                         : fmt::format("{} filters of {} x {} x {}", shape[0], shape[1], shape[2], shape[3]);
      write_all(folder / fmt::format("filters-{:02}-{}.png", views.size() + 1, file_name(view.name)), view,
                [&] { return filter_view(tensor, kAll); });
      views.push_back(std::move(view));
    }
    return views;
  }

 private:
  const std::string& name(int class_number) const { return info_.class_names[static_cast<std::size_t>(class_number)]; }

  int class_number(const std::string& wanted) const {
    return wanted.empty() ? -1 : chosen_class(info_.class_names, wanted);
  }

  void add(const fs::path& file, View view, ExplainedImage& image) const {
    write_picture(file, view.picture);
    image.maps.push_back(std::move(view));
  }

  void add_maps(const Tensor& pixels, int explained, const fs::path& folder, ExplainedImage& image) {
    const Tensor cam = grad_cam(inspector_, explained, layer_.value);
    const std::span<const float> heat = cam.host<float>();
    const bool any = std::any_of(heat.begin(), heat.end(), [](float value) { return value > 0; });
    add(folder / "grad-cam.png",
        {"Grad-CAM of " + layer_.name,
         any ? fmt::format("Where this layer's {} x {} cells spoke for {}; bright is most.", cam.shape()[1],
                           cam.shape()[2], image.explained)
             : fmt::format("Nothing in this layer spoke for {}.", image.explained),
         heat_over(image.picture, heat_map(heat, cam.shape()[2], cam.shape()[1]))},
        image);
    if (arguments_.windows > 0) {
      const OcclusionOptions options{.windows = arguments_.windows};
      const Tensor map = occlusion_map(model_, pixels, explained, options);
      const std::span<const float> falls = map.host<float>();
      const auto [low, high] = std::minmax_element(falls.begin(), falls.end());
      add(folder / "occlusion.png",
          {"Occlusion",
           fmt::format(
               "How much the probability of {} falls when a window of {:.0f} % of each side is painted over: red "
               "places carry it, by up to {:.3f}; blue ones speak against it, by up to {:.3f}.",
               image.explained, 100 * options.share, std::max(0.0f, *high), std::max(0.0f, -*low)),
           balance_over(image.picture, heat_map(falls, map.shape()[1], map.shape()[0]))},
          image);
    }
    add(folder / "gradient.png",
        {"Input gradient",
         fmt::format("How steeply the score of {} answers to each pixel, up or down.", image.explained),
         heat_over(image.picture, slope_map(inspector_.gradient(explained, Model::kInput)))},
        image);
  }

  void add_layers(const fs::path& folder, ExplainedImage& image) const {
    for (const Inspector::LayerInfo& layer : inspector_.layers()) {
      if (layer.kind == "Flatten" || layer.kind == "Dropout") continue;  // pass on what they get
      const Tensor output = inspector_.output(layer.value);
      LayerView view = activation_view(output);
      view.name = layer.name;
      view.kind = layer.kind;
      view.shape = to_string(layer.shape);
      write_all(folder / fmt::format("layer-{:02}-{}.png", image.layers.size() + 1, file_name(view.name)), view,
                [&] { return activation_view(output, kAll); });
      image.layers.push_back(std::move(view));
    }
  }

  const ExplainArguments& arguments_;
  Model& model_;
  const ModelInfo& info_;
  Inspector inspector_;
  Inspector::LayerInfo layer_;
  int explained_;  // the class that was asked for, or -1: each image's own
};

void print(const ExplainArguments& arguments, const Explanation& explanation, const std::vector<fs::path>& folders,
           const fs::path& page) {
  nlohmann::json results = nlohmann::json::array();
  for (std::size_t i = 0; i < explanation.images.size(); ++i) {
    const ExplainedImage& image = explanation.images[i];
    nlohmann::json classes = nlohmann::json::object();
    double probability = 0;
    for (const auto& [name, belief] : image.beliefs) {
      classes[name] = belief;
      if (name == image.predicted) probability = belief;
    }
    if (arguments.json) {
      results.push_back({{"image", arguments.images[i].string()},
                         {"predicted", image.predicted},
                         {"explained", image.explained},
                         {"probabilities", classes},
                         {"folder", folders[i].string()}});
    } else {
      fmt::print("{}: {} ({:.4f}); pictures in {}\n", arguments.images[i].string(), image.predicted, probability,
                 folders[i].string());
    }
  }
  if (arguments.json) {
    fmt::print("{}\n", nlohmann::json{{"images", results}, {"page", page.string()}}.dump(2));
  } else {
    fmt::print("Not a diagnosis: a heat map tells where this model looked, not where a disease is.\n{}\n",
               page.string());
  }
}

void explain(const ExplainArguments& arguments) {
  std::error_code none;  // what is no folder is told by who makes it one
  CURIE_CHECK(arguments.force || !fs::is_directory(arguments.out, none) || fs::is_empty(arguments.out, none), usage,
              "--out {}: the folder holds files already; --force adds to them and writes over those of the same names, "
              "or choose another one",
              arguments.out.string());
  LoadedModel loaded = arguments.model.open(arguments.device.device, arguments.device.backend);
  Explainer explainer(arguments, loaded);
  make_writable_folder(arguments.out);
  Explanation explanation;
  explanation.model = arguments.model.model.string();
  explanation.description = fmt::format("Images as {}; classes: {}", to_string(loaded.info.preprocessing),
                                        fmt::join(loaded.info.class_names, ", "));
  explanation.command_line = arguments.command_line;
  explanation.version = kVersion;
  explanation.device = loaded.model.session().backend().describe();
  std::vector<fs::path> folders;
  for (const fs::path& image : arguments.images) {
    folders.push_back(arguments.out / fmt::format("{:02}-{}", folders.size() + 1, file_name(image.stem().string())));
    explanation.images.push_back(explainer.explain(image, folders.back()));
  }
  explanation.filters = explainer.filters(arguments.out);
  const fs::path page = arguments.out / "explain.html";
  write_file(page, render_explanation(explanation));
  print(arguments, explanation, folders, page);
}

}  // namespace

void add_explain(CLI::App& app, const std::vector<std::string>& command_line) {
  auto arguments = std::make_shared<ExplainArguments>();
  arguments->command_line = fmt::format("{}", fmt::join(command_line, " "));
  CLI::App* command =
      app.add_subcommand("explain", "Where a model looks in single images: heat maps, activations, filters");
  command->add_option("model", arguments->model.model, kModelHelp)->type_name("RUN|MODEL")->required();
  command->add_option("images", arguments->images, "image files")->type_name("IMAGE...")->required();
  command->add_option("--out", arguments->out, "folder for the pictures and explain.html")
      ->type_name("DIR")
      ->capture_default_str();
  command->add_option("--layer", arguments->layer, "the layer that Grad-CAM looks at (default: the last convolution)")
      ->type_name("NAME");
  command->add_option("--class", arguments->class_name, "the class to explain (default: the one that is predicted)")
      ->type_name("NAME");
  command
      ->add_option("--occlusion", arguments->windows,
                   "windows along each side that are painted over; 0: no occlusion map")
      ->type_name("N")
      ->check(whole_number(0, 64))
      ->capture_default_str();
  arguments->model.add_to(*command);
  arguments->device.add_to(*command);
  command->add_flag("--force", arguments->force, "write into a folder that holds files already");
  command->add_flag("--json", arguments->json, "results as JSON on stdout");
  command->footer(
      "Grad-CAM, an occlusion map and the input's gradient over each X-ray, and what every layer makes of it, as PNG\n"
      "files and as one page. A heat map tells where the model looked. It is not a diagnosis.\n\n"
      "Example: curie explain runs/first chest.png --out explained");
  command->callback([arguments] { explain(*arguments); });
}

}  // namespace curie
