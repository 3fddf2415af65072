// A made-up run for the tests of the report: made-up figures and drawn pictures, the same at every call.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "report/report.h"
#include "tensor/random.h"

namespace curie::demo {

// A thorax of sorts: two dark lungs between ribs, and a haze over the lower lobes that grows with `haze`.
inline std::vector<std::uint8_t> thorax(int side, double haze, std::uint64_t seed) {
  const RandomStream noise{.seed = seed};
  std::vector<std::uint8_t> pixels;
  for (int row = 0; row < side; ++row) {
    for (int column = 0; column < side; ++column) {
      const double x = 2.0 * (column + 0.5) / side - 1, y = 2.0 * (row + 0.5) / side - 1;
      const auto ellipse = [x, y](double cx, double cy, double rx, double ry) {
        const double r = std::hypot((x - cx) / rx, (y - cy) / ry);
        return 1 / (1 + std::exp(14 * (r - 1)));
      };
      const double lungs = ellipse(-0.42, 0.02, 0.32, 0.62) + ellipse(0.42, 0.02, 0.30, 0.60);
      const double ribs = 0.5 + 0.5 * std::sin(19 * (y + 0.35 * x * x));
      double value = 0.72 * ellipse(0, 0.1, 0.98, 1.2) - 0.47 * lungs + 0.08 * lungs * ribs;
      value += 0.25 * ellipse(0.12, 0.35, 0.26, 0.30) + 0.12 * ellipse(0, 0, 0.1, 1.2);
      value += haze * lungs * (0.25 + 0.3 * ellipse(-0.4, 0.4, 0.35, 0.3) + 0.2 * ellipse(0.45, 0.3, 0.3, 0.3));
      value += 0.03 * normal(noise, pixels.size());
      pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0))));
    }
  }
  return pixels;
}

inline ExamplePrediction example(bool covid, bool right, double probability, int number) {
  const std::string names[] = {"Normal", "COVID"};
  return {.width = 64,
          .height = 64,
          .channels = 1,
          .pixels = thorax(64, covid ? 0.9 : 0.1, static_cast<std::uint64_t>(number)),
          .truth = names[covid],
          .predicted = names[covid == right],
          .probability = probability,
          .source = std::string(names[covid]) + "/phantom-" + std::to_string(1000 + 37 * number) + ".png"};
}

// Scores of two overlapping groups, `apart` standard deviations from each other.
inline EvaluationResult result(const std::string& name, double loss, int normals, int covids, double apart) {
  const RandomStream stream{.seed = 20, .stream = static_cast<std::uint32_t>(normals)};
  std::vector<std::int32_t> truth, predicted;
  std::vector<float> probabilities;
  for (int i = 0; i < normals + covids; ++i) {
    truth.push_back(i >= normals);
    const double logit = (i >= normals ? apart : -apart) + normal(stream, static_cast<std::uint64_t>(i));
    probabilities.push_back(static_cast<float>(1 / (1 + std::exp(-2 * logit))));
    predicted.push_back(probabilities.back() > 0.5f);
  }
  return evaluation_result(name, loss, truth, predicted, probabilities, std::vector<std::string>{"Normal", "COVID"},
                           {.positive = 1, .bootstrap = {.draws = name == "Test" ? 200 : 0}});
}

// The same for many classes: the logit of the truth stands `apart` standard deviations above the others.
inline EvaluationResult result(const std::string& name, double loss, const std::vector<int>& counts, double apart,
                               const std::vector<std::string>& class_names) {
  const RandomStream stream{.seed = 21, .stream = static_cast<std::uint32_t>(counts[0])};
  const auto classes = static_cast<std::int32_t>(counts.size());
  std::vector<std::int32_t> truth, predicted;
  std::vector<float> probabilities;
  for (std::int32_t label = 0; label < classes; ++label) {
    for (int i = 0; i < counts[static_cast<std::size_t>(label)]; ++i) {
      std::vector<double> odds;
      double sum = 0;
      for (std::int32_t k = 0; k < classes; ++k) {
        odds.push_back(std::exp(normal(stream, probabilities.size() + odds.size()) + (k == label ? apart : 0)));
        sum += odds.back();
      }
      truth.push_back(label);
      predicted.push_back(static_cast<std::int32_t>(std::max_element(odds.begin(), odds.end()) - odds.begin()));
      for (const double one : odds) probabilities.push_back(static_cast<float>(one / sum));
    }
  }
  return evaluation_result(name, loss, truth, predicted, probabilities, class_names,
                           {.positive = 0, .bootstrap = {.draws = name == "Test" ? 200 : 0}});
}

// Heat over the lower left of the picture.
inline Picture explained(const ExamplePrediction& example) {
  HeatMap map{4, 4, {}};
  for (int i = 0; i < 16; ++i) map.values.push_back(i / 4 >= 2 && i % 4 < 2 ? 0.9f : 0.08f * static_cast<float>(i % 3));
  return overlaid({example.width, example.height, example.channels, example.pixels}, map);
}

// Thresholds chosen on one drawn part and counted on another.
inline ThresholdTable thresholds() {
  const RandomStream stream{.seed = 22};
  std::vector<std::int32_t> truth;
  std::vector<float> scores;
  for (std::uint64_t i = 0; i < 900; ++i) {
    truth.push_back(i % 4 == 0);
    scores.push_back(static_cast<float>(1 / (1 + std::exp(-2 * (normal(stream, i) + (truth.back() ? 1.6 : -1.6))))));
  }
  const auto part = [&](std::size_t from, std::size_t count) {
    return ScoredSamples{std::span(truth).subspan(from, count), std::span(scores).subspan(from, count)};
  };
  const ScoredSamples count = part(0, 450);
  return threshold_table("COVID", 1, operating_point(count.truth, count.scores, 0.5), count, "validation part",
                         part(450, 450));
}

inline std::vector<EpochRecord> history(int epochs) {
  const RandomStream stream{.seed = 4};
  std::vector<EpochRecord> records;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    const double fall = std::exp(-epoch / 6.5);
    const double jitter = 0.014 * normal(stream, static_cast<std::uint64_t>(epoch));
    records.push_back({.epoch = epoch,
                       .loss = 0.085 + 0.58 * fall + jitter / 4,
                       .accuracy = 0.972 - 0.31 * fall - jitter / 6,
                       .val_loss = 0.135 + 0.52 * fall + 0.0006 * epoch + jitter,
                       .val_accuracy = 0.955 - 0.26 * fall - jitter / 2,
                       .learning_rate = 1e-3,
                       .seconds = 7.4 + jitter * 10});
  }
  return records;
}

inline RunReport run() {
  RunReport report;
  report.title = "COVID or normal, from 64 × 64 chest X-rays";
  report.recipe = "covid-cnn-64";
  report.description =
      "Three convolutions and two dense layers, 645,697 parameters, trained from scratch on images that SMOTE and "
      "random "
      "undersampling have balanced. Adam with rate 0.001, binary cross-entropy, batches of 256.";
  report.command_line = "curie train --recipe covid-cnn-64 --data phantoms --seed 1 --epochs 50 --batch-size 256";
  report.started = "2026-03-14 09:26:53";
  report.seconds = 201.4;
  report.version = "0.1.0";
  report.device = "CPU, 2 threads, AVX-512";
  report.synthetic = true;
  report.class_names = {"Normal", "COVID"};
  report.positive_class = 1;
  report.results = {result("Training", 0.0713, 5707, 5707, 1.95), result("Test", 0.1093, 2039, 723, 1.7)};
  report.history = history(24);
  report.stopping = {.reason = "val_loss did not improve for 4 epochs",
                     .monitor = "val_loss",
                     .higher_is_better = false,
                     .patience = 4,
                     .min_delta = 0,
                     .stopped_early = true,
                     .restored_best = false};
  // The history ends where its own patience says.
  for (std::size_t last = 5; last <= report.history.size(); ++last) {
    const auto begin = report.history.begin();
    const auto best = std::min_element(begin, begin + static_cast<std::ptrdiff_t>(last),
                                       [](const auto& a, const auto& b) { return a.val_loss < b.val_loss; });
    if (static_cast<std::size_t>(best - begin) + 5 == last) {
      report.history.resize(last);
      break;
    }
  }
  for (int i = 0; i < 6; ++i) {
    report.wrong.push_back(example(i % 2 == 0, false, 0.97 - 0.06 * i, i));
    report.least_sure.push_back(example(i % 3 == 0, i % 2 == 0, 0.502 + 0.006 * i, 10 + i));
    report.right.push_back(example(i % 2 == 1, true, 0.999 - 0.004 * i, 20 + i));
  }
  for (ExamplePrediction& one : report.wrong) one.explanation = explained(one);
  report.explanation = "Grad-CAM of conv2d_2";
  for (int i = 0; i < 48; ++i) report.contact_sheet.push_back(example(i % 3 == 0, i % 11 != 5, 0.9, 40 + i));
  report.thresholds = {thresholds()};
  report.patients = {.images = 2762, .result = result("Test", 0.1, 612, 240, 1.9)};
  report.baselines = {{.name = "ridge regression on pixels", .accuracy = 0.871, .detail = "32 x 32 grey"}};
  report.counts = {{"Loaded", {10192, 3616}},
                   {"Test part", {2039, 723}},
                   {"Training part", {8153, 2893}},
                   {"After SMOTE", {8153, 5707}},
                   {"After undersampling", {5707, 5707}},
                   {"Training", {5136, 5136}},
                   {"Validation", {571, 571}}};
  report.skipped = {{"COVID/notes.txt", "not an image"}, {"Normal/Normal-4711.png", "truncated: 1,204 of 9,876 bytes"}};
  report.leak_check = {false,
                       "388 of the 1,142 validation images are synthetic children of training images, because the "
                       "document splits after SMOTE. The validation figures are therefore too good; the test part "
                       "shares no image with training."};
  report.model_summary =
      "Layer (type)                 Output Shape              Param #\n"
      "=================================================================\n"
      "conv2d (Conv2D)              (None, 62, 62, 32)        320\n"
      "max_pooling2d (MaxPooling2D) (None, 31, 31, 32)        0\n"
      "dropout (Dropout)            (None, 31, 31, 32)        0\n"
      "conv2d_1 (Conv2D)            (None, 29, 29, 64)        18496\n"
      "dense_1 (Dense)              (None, 1)                 65\n"
      "=================================================================\n"
      "Total params: 645,697";
  report.phases = {{"Load images", 11.5, "13,808 images, 1,201 a second"},
                   {"Split and resample", 2.2, "2,814 synthetic images"},
                   {"Train", 178.3, ""},
                   {"Evaluate", 8.1, "14,176 images"},
                   {"Write the report", 0.9, ""}};
  report.notes = {{"Validation after SMOTE",
                   "The document takes the validation part from the resampled images. The recipe follows it, so "
                   "validation figures are optimistic; read the test figures."},
                  {"Threshold", "An image counts as COVID when its probability is above one half."}};
  report.configuration =
      R"({"recipe":"covid-cnn-64","seed":1,"batch_size":256,"optimizer":{"name":"adam","learning_rate":0.001}})";
  return report;
}

// Four classes, colour pictures, a model that a baseline beats.
inline RunReport four_classes() {
  RunReport report = run();
  report.title = "Four kinds of chest X-ray, 128 × 128";
  report.recipe = "radiography-lenet-128";
  report.class_names = {"COVID", "Lung_Opacity", "Normal", "Viral Pneumonia"};
  report.positive_class = -1;
  report.results = {result("Training", 0.61, {700, 1200, 2000, 270}, 2.0, report.class_names),
                    result("Test", 0.74, {160, 260, 430, 60}, 1.6, report.class_names)};
  report.stopping = {.reason = "All 10 epochs were run", .monitor = "val_loss"};
  report.history.resize(10);
  for (std::vector<ExamplePrediction>* group :
       {&report.right, &report.wrong, &report.least_sure, &report.contact_sheet}) {
    std::size_t number = 0;
    for (ExamplePrediction& one : *group) {
      const bool right = one.truth == one.predicted;
      one.truth = report.class_names[number % 4];
      one.predicted = report.class_names[right ? number % 4 : (number + 1 + number / 4 % 3) % 4];
      ++number;
    }
  }
  report.counts = {{"Loaded", {3616, 6012, 10192, 1345}},
                   {"Training", {2532, 4210, 7134, 941}},
                   {"Validation", {542, 901, 1529, 202}},
                   {"Test", {542, 901, 1529, 202}}};
  const ThresholdTable drawn = thresholds();
  report.thresholds.assign(report.class_names.size(), drawn);
  for (std::size_t i = 0; i < report.class_names.size(); ++i) {
    report.thresholds[i].class_name = report.class_names[i];
    report.thresholds[i].rows[0].point = own_decision(report.results.back().confusion, static_cast<int>(i));
  }
  report.patients = {};
  report.baselines = {{.name = "ridge regression on pixels", .accuracy = 0.99, .detail = "32 x 32 grey"},
                      {.name = "grey statistics only", .accuracy = 0.42}};
  return report;
}

}  // namespace curie::demo
