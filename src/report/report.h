// One self-contained HTML page that tells what a training run did: figures, curves, pictures, counts, configuration.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/calibration.h"
#include "metrics/classification_report.h"
#include "metrics/confusion.h"
#include "metrics/figures.h"
#include "metrics/operating_point.h"
#include "metrics/precision_recall.h"
#include "metrics/roc.h"
#include "report/picture.h"
#include "report/roofline.h"

namespace curie {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// What the model did on one part of the data.
struct EvaluationResult {
  std::string name;  // "Training", "Test"
  double loss = kUnknown;
  ConfusionMatrix confusion;
  ClassificationReport scores;
  std::vector<RocCurve> roc;  // two classes: one curve; more: one a class, each against the rest; or none
  std::vector<PrecisionRecallCurve> precision_recall;  // likewise
  CalibrationCurve calibration;  // two classes: of the probability of class 1; more: of the class that was predicted
  std::vector<Figure> figures;   // or none
  std::vector<double> top_k;     // more than two classes: top-k accuracy for k = 1 to 5, below the number of classes
  BootstrapOptions bootstrap{.draws = 0};  // how the figures' intervals came about
};

// What other decision thresholds do on the headline result, one class against the rest.
struct ThresholdRow {
  std::string name;  // "as trained", "sensitivity 95 %"
  OperatingPoint point;
};
struct ThresholdTable {
  std::string class_name;               // the one to be found
  std::string chosen_on;                // "validation part": where the thresholds were chosen
  bool chosen_on_results = false;       // on the very samples that the rows count: the figures flatter
  std::vector<ThresholdRow> rows = {};  // none: no table
};

// The headline result again, counted by patient: the mean probability of a patient's images decides.
struct PatientResult {
  std::string unit = "patient";  // what a group is called
  std::int64_t images = 0;
  EvaluationResult result;  // of cases; confusion.classes is 0 where there is none
};

// What is reached without a network, for comparison with the headline result.
struct Baseline {
  std::string name;  // "ridge regression on 32 x 32 pixels"
  double accuracy = kUnknown;
  std::string detail = {};  // may be empty
};

struct EpochRecord {
  int epoch = 0;  // counted from 1
  double loss = kUnknown, accuracy = kUnknown;
  double val_loss = kUnknown, val_accuracy = kUnknown;
  double learning_rate = kUnknown;
  double seconds = kUnknown;
};

// How training ended, as EarlyStopping saw it. `monitor` is loss, accuracy, val_loss or val_accuracy.
struct StoppingRecord {
  std::string reason;  // "val_loss did not improve for 4 epochs", "all 50 epochs were run", "interrupted"
  std::string monitor = "val_loss";
  bool higher_is_better = false;
  int patience = 0;  // 0: no early stopping
  double min_delta = 0;
  bool stopped_early = false;
  bool restored_best = false;
};

// An image of u8 pixels (height, width, channels), 1 or 3 channels.
struct ExamplePrediction {
  int width = 0, height = 0, channels = 1;
  std::vector<std::uint8_t> pixels;
  std::string truth, predicted;  // class names
  double probability = 0;        // that the model gave to the class it predicted
  std::string source;            // the file's name
  Picture explanation = {};      // the image with a heat map over it; empty: none
};

// Samples of each class after one step of data preparation.
struct CountRow {
  std::string step;  // "Loaded", "Training part", "After SMOTE", ...
  std::vector<std::int64_t> counts;
};

struct SkippedImage {
  std::string path, reason;
};

struct LeakCheck {
  bool clean = true;
  std::string text;  // what was compared and what was found; empty: not checked
};

struct PhaseTime {
  std::string name;  // "Load images", "Train", ...
  double seconds = 0;
  std::string detail;  // "13,808 images, 1,204 a second"; may be empty
};

// A name and a text: a trap in the document that the recipe follows, a decision taken, a warning.
struct Note {
  std::string title, text;
};

struct RunReport {
  std::string title;   // "COVID or normal, from 64 x 64 chest X-rays"
  std::string recipe;  // "covid-cnn-64"
  std::string description;
  std::string command_line;
  std::string started;  // local date and time, as it shall be shown
  double seconds = kUnknown;
  std::string version;     // of Curie
  std::string device;      // "CPU, 16 threads, AVX-512"
  bool synthetic = false;  // phantoms instead of X-rays: the page says so on its first screen

  std::vector<std::string> class_names;
  int positive_class = -1;                // whose F1 is a headline figure; -1: the macro F1 is
  std::vector<EvaluationResult> results;  // the last one gives the headline figures

  std::vector<EpochRecord> history;
  StoppingRecord stopping;

  std::vector<ThresholdTable> thresholds;  // of the class to be found, or of each class
  PatientResult patients;
  std::vector<Baseline> baselines;  // beside "always the commonest class", which is computed from the result

  std::vector<ExamplePrediction> right, wrong, least_sure;
  std::string explanation;  // what the examples' heat maps are: "Grad-CAM of conv2d_2"
  // Every test image, small, with what was predicted and what is right, as document 004 prints them. The report shows
  // the first few hundred, the pages beside it and the PDF all.
  std::vector<ExamplePrediction> contact_sheet;
  // Names of the files beside the report that begin with every test image and with every mistake; empty: none, since
  // the report shows them all.
  std::string sheet_page, mistakes_page;

  std::vector<CountRow> counts;
  std::vector<SkippedImage> skipped;
  LeakCheck leak_check;

  std::string model_summary;         // preformatted
  std::optional<Roofline> roofline;  // of a training step; none: not measured
  std::vector<PhaseTime> phases;
  std::vector<Note> notes;
  std::string configuration;  // JSON
};

struct EvaluationOptions {
  int positive = 1;                        // of two classes: whose sensitivity, specificity, precision and F1 are told
  BootstrapOptions bootstrap{.draws = 0};  // with draws, figures carry intervals
};

// Evaluates one part of the data for the report: confusion matrix, scores, curves and figures. `probabilities` holds
// one value a sample (of class 1) for two classes, else class_names.size() a sample; the spans hold class numbers.
// Throws Error(data) for spans that do not match, labels out of range or probabilities outside [0, 1].
EvaluationResult evaluation_result(std::string name, double loss, std::span<const std::int32_t> truth,
                                   std::span<const std::int32_t> predicted, std::span<const float> probabilities,
                                   std::span<const std::string> class_names, const EvaluationOptions& options = {});

// Samples whose class and probability of the class to be found are known.
struct ScoredSamples {
  std::span<const std::int32_t> truth;
  std::span<const float> scores;
};

// The model's own decision, Youden's threshold, and those for sensitivities of 90, 95 and 99 %, chosen on `choose` and
// counted on `count`. Where `choose` is empty, or holds one class only, they are chosen on `count` and the table says
// so. No rows where `count` holds one class only.
ThresholdTable threshold_table(std::string class_name, std::int32_t positive, const OperatingPoint& own_decision,
                               const ScoredSamples& count, std::string chosen_on, const ScoredSamples& choose);

// The evaluation counted by patient; patients[i] names that of sample i. No result where no patient is named. Throws as
// evaluation_result.
PatientResult patient_result(std::span<const std::string> patients, std::span<const std::int32_t> truth,
                             std::span<const float> probabilities, std::span<const std::string> class_names,
                             const EvaluationOptions& options);

// Whether Chart.js is in this build, and which version or why not; one line for `curie info`.
bool has_chart_js();
std::string chart_js_status();

// The page: UTF-8, one file, no reference to anything outside itself. With `interactive` its charts are drawn by the
// embedded Chart.js; otherwise, and in print, they are static SVG drawings. Every text is escaped. Throws Error(usage)
// for a report that contradicts itself: counts of another number of classes, pixels that do not match their size, a
// configuration that is not JSON, `interactive` without Chart.js.
std::string render_html(const RunReport& report, bool interactive = has_chart_js());

// render_html to a file that is whole or not there.
void write_report(const std::filesystem::path& path, const RunReport& report);

// The baselines that reach at least the headline result's accuracy, "always the commonest class" among them, the best
// first. Empty is what one hopes for.
std::vector<Baseline> better_baselines(const RunReport& report);
// "always Normal": what a model scores that never looks at the image.
Baseline majority_baseline(const EvaluationResult& result);

}  // namespace curie
