#include "recipes/run_pictures.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>

#include "model/saliency.h"
#include "report/picture_pages.h"
#include "tensor/log.h"

namespace curie {
namespace {

constexpr std::size_t kExamples = 12;
constexpr std::size_t kMistakes = 24;
constexpr int kExplained = 128;  // pixels of the longer side of a heat map
constexpr int kOnPage = 96;      // of a picture on the pages beside the report
constexpr int kThumbnail = 96;   // and of an image in the contact sheet
constexpr int kSmallThumbnail = 64;
constexpr std::size_t kLargeSheet = 1000;    // images from which on thumbnails are small
constexpr int kPixelsAtOnce = 32 * 64 * 64;  // of a batch whose layers' outputs are all kept
constexpr std::size_t kTilesOnPage = 600, kMistakesOnPage = 96;

Picture pixels_of(const RunFacts& facts, int sample) {
  const Tensor pixels = facts.data.test.pixels.rows(sample, 1);
  const std::span<const std::uint8_t> bytes = pixels.host<std::uint8_t>();
  return {pixels.shape()[2], pixels.shape()[1], pixels.shape()[3], {bytes.begin(), bytes.end()}};
}

// `longest`: pixels of the longer side, at most.
ExamplePrediction example(const RunFacts& facts, int sample, int longest = std::numeric_limits<int>::max()) {
  const LabelledImages& images = facts.data.test;
  const auto i = static_cast<std::size_t>(sample);
  const Picture picture = at_most(without_idle_color(pixels_of(facts, sample)), longest);
  return {.width = picture.width,
          .height = picture.height,
          .channels = picture.channels,
          .pixels = picture.pixels,
          .truth = images.class_names[static_cast<std::size_t>(images.labels[i])],
          .predicted = images.class_names[static_cast<std::size_t>(facts.test.predicted[i])],
          .probability = facts.test.confidence(sample),
          .source = images.sources[i]};
}

// The chosen samples by descending or ascending confidence, the first `most` of them.
std::vector<int> first_by_confidence(const RunFacts& facts, std::vector<int> samples, bool surest_first,
                                     std::size_t most = std::numeric_limits<std::size_t>::max()) {
  std::stable_sort(samples.begin(), samples.end(), [&](int a, int b) {
    const double first = facts.test.confidence(a);
    const double second = facts.test.confidence(b);
    return surest_first ? first > second : first < second;
  });
  samples.resize(std::min(samples.size(), most));
  return samples;
}

std::vector<ExamplePrediction> examples(const RunFacts& facts, std::span<const int> samples,
                                        int longest = std::numeric_limits<int>::max()) {
  std::vector<ExamplePrediction> chosen;
  for (const int sample : samples) chosen.push_back(example(facts, sample, longest));
  return chosen;
}

// The test images that were predicted rightly, or wrongly, in their order.
std::vector<int> samples_of(const RunFacts& facts, bool right) {
  std::vector<int> samples;
  for (int sample = 0; sample < facts.data.test.size(); ++sample) {
    const auto i = static_cast<std::size_t>(sample);
    if ((facts.test.predicted[i] == facts.data.test.labels[i]) == right) samples.push_back(sample);
  }
  return samples;
}

// Grad-CAM of the class that was predicted, over each of these test images.
class Explainer {
 public:
  explicit Explainer(const RunFacts& facts)
      : facts_(facts), inspector_(*facts.model), layer_(last_convolution(inspector_, facts.model->graph())) {}

  bool shows_places() const { return layer_.shape[0] * layer_.shape[1] > 1; }  // one cell points nowhere
  std::string name() const { return fmt::format("Grad-CAM of {}", layer_.name); }

  // Fills the examples' explanations, which show `samples`, with pictures of that longest side.
  void explain(std::span<const int> samples, std::vector<ExamplePrediction>& examples, int longest) {
    // A batch has one class whose score is followed back.
    std::vector<std::size_t> order(samples.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto predicted = [&](std::size_t i) { return facts_.test.predicted[static_cast<std::size_t>(samples[i])]; };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return predicted(a) < predicted(b); });
    for (std::size_t first = 0; first < order.size();) {
      std::size_t end = first + 1;
      while (end < order.size() && end - first < batch() && predicted(order[end]) == predicted(order[first])) ++end;
      explain_batch(std::span(order).subspan(first, end - first), samples, examples, longest);
      first = end;
    }
  }

 private:
  std::size_t batch() const {
    const Shape& shape = facts_.data.test.pixels.shape();
    return static_cast<std::size_t>(std::clamp(kPixelsAtOnce / (shape[1] * shape[2]), 1, 32));
  }

  void explain_batch(std::span<const std::size_t> places, std::span<const int> samples,
                     std::vector<ExamplePrediction>& examples, int longest) {
    std::vector<int> chosen;
    for (const std::size_t place : places) chosen.push_back(samples[place]);
    inspector_.run(facts_.data.test.select(chosen).pixels);
    const Tensor cams = grad_cam(inspector_, facts_.test.predicted[static_cast<std::size_t>(chosen[0])], layer_.value);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const Tensor cam = cams.rows(static_cast<int>(i), 1);
      const std::span<const float> values = cam.host<float>();
      const HeatMap map{cam.shape()[2], cam.shape()[1], {values.begin(), values.end()}};
      ExamplePrediction& shown = examples[places[i]];
      const Picture picture{shown.width, shown.height, shown.channels, shown.pixels};
      shown.explanation = overlaid(at_most(picture, longest), map);
    }
  }

  const RunFacts& facts_;
  Inspector inspector_;
  const Inspector::LayerInfo& layer_;
};

// None where the model has nothing to explain with, or no mistakes.
std::unique_ptr<Explainer> explainer(const RunFacts& facts, std::size_t mistakes) {
  if (facts.model == nullptr || mistakes == 0) return nullptr;
  const auto& nodes = facts.model->graph().nodes();
  const bool convolutional =
      std::any_of(nodes.begin(), nodes.end(), [](const Node& node) { return node.layer->kind() == "Conv2D"; });
  if (!convolutional) return nullptr;
  auto made = std::make_unique<Explainer>(facts);
  return made->shows_places() ? std::move(made) : nullptr;
}

// A report without heat maps is better than none.
template <typename Action>
void within_memory(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::out_of_memory) throw;
    log_warning("report: no memory for Grad-CAM beside the mistakes: {}", error.what());
  }
}

std::string write_contact_sheet_pages(const RunFacts& facts, const RunReport& report) {
  const std::vector<ExamplePrediction>& sheet = report.contact_sheet;
  const std::size_t total = sheet.size() > kTilesOfReport ? sheet.size() : 0;
  return write_picture_pages(facts.options.out, report,
                             {.stem = "contact-sheet",
                              .heading = "Every test image",
                              .text = fmt::format("{} test images with the label that was predicted and the correct "
                                                  "one, in the order of the test part.",
                                                  sheet.size()),
                              .report = kReportFile,
                              .tiles = true,
                              .each = kTilesOnPage},
                             total, [&](std::size_t from, std::size_t count) {
                               const auto first = sheet.begin() + static_cast<std::ptrdiff_t>(from);
                               return std::vector(first, first + static_cast<std::ptrdiff_t>(count));
                             });
}

std::string write_mistake_pages(const RunFacts& facts, const RunReport& report) {
  std::vector<int> wrong = first_by_confidence(facts, samples_of(facts, false), true);
  if (wrong.size() <= kMistakes) wrong.clear();  // the report shows them all
  std::unique_ptr<Explainer> heat;
  within_memory([&] { heat = explainer(facts, wrong.size()); });
  std::string text = fmt::format(
      "{} of {} test images were taken for another class; the mistakes that the model was "
      "surest of come first.",
      wrong.size(), facts.data.test.size());
  if (heat) text += " Beside each: " + heat->name() + ", the places that spoke for the class that was predicted.";
  return write_picture_pages(
      facts.options.out, report,
      {.stem = "mistakes", .heading = "Every mistake", .text = text, .report = kReportFile, .each = kMistakesOnPage},
      wrong.size(), [&](std::size_t from, std::size_t count) {
        const std::span<const int> page = std::span(wrong).subspan(from, count);
        std::vector<ExamplePrediction> chosen = examples(facts, page, kOnPage);
        if (heat) within_memory([&] { heat->explain(page, chosen, kOnPage); });
        if (wrong.size() > count) log_info("mistakes with heat maps: {} of {}", from + count, wrong.size());
        return chosen;
      });
}

}  // namespace

void add_examples(const RunFacts& facts, RunReport& report) {
  std::vector<int> all(facts.data.test.labels.size());
  std::iota(all.begin(), all.end(), 0);
  const std::vector<int> right = samples_of(facts, true), wrong = samples_of(facts, false);
  // An even walk through what is right: not only the easiest samples.
  std::vector<int> typical;
  const std::size_t stride = std::max<std::size_t>(1, right.size() / kExamples);
  for (std::size_t i = 0; i < right.size() && typical.size() < kExamples; i += stride) typical.push_back(right[i]);
  report.right = examples(facts, first_by_confidence(facts, typical, true, kExamples));
  report.least_sure = examples(facts, first_by_confidence(facts, all, false, kExamples));
  const std::vector<int> surest = first_by_confidence(facts, wrong, true, kMistakes);
  report.wrong = examples(facts, surest);
  within_memory([&] {
    const std::unique_ptr<Explainer> heat = explainer(facts, surest.size());
    if (!heat) return;
    heat->explain(surest, report.wrong, kExplained);
    report.explanation = heat->name();
  });
  report.contact_sheet = examples(facts, all, all.size() < kLargeSheet ? kThumbnail : kSmallThumbnail);
}

void write_pages(const RunFacts& facts, RunReport& report) {
  report.sheet_page = write_contact_sheet_pages(facts, report);
  report.mistakes_page = write_mistake_pages(facts, report);
}

}  // namespace curie
