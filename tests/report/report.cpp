#include "report/report.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "report/assets.h"
#include "report/demo_run.h"
#include "report/markup.h"
#include "tensor/error.h"
#include "tensor/files.h"

namespace curie {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// The page without Chart.js, whose own text would answer many a search.
std::string own_part(std::string page) {
  const std::size_t at = embedded::kChartJs.empty() ? std::string::npos : page.find(embedded::kChartJs);
  if (at != std::string::npos) page.erase(at, embedded::kChartJs.size());
  return page;
}

std::vector<bool> modes() { return has_chart_js() ? std::vector<bool>{false, true} : std::vector<bool>{false}; }

// Well-formed, and nothing that a browser would fetch.
markup::Page check_page(const std::string& page) {
  markup::Page read = markup::read(page);
  CHECK(read.problem == "");
  for (const markup::Element& element : read.elements) {
    CHECK(element.name != "link");
    CHECK(element.name != "iframe");
    for (const auto& attribute : element.attributes) {
      const std::string& key = attribute.first;
      const std::string& value = attribute.second;
      CAPTURE(key);
      CAPTURE(value.substr(0, 80));
      if (key == "src") CHECK(value.substr(0, 22) == "data:image/png;base64,");
      if (key == "href") CHECK(value.substr(0, 1) == "#");
      CHECK(key.substr(0, 2) != "on");
      CHECK(key != "srcset");
      if (key == "style") CHECK_FALSE(contains(value, "url("));
    }
  }
  const std::string own = own_part(page);
  for (const std::string_view reference : {"http:", "https:", "url(", "@import", "//cdn"}) {
    CAPTURE(reference);
    CHECK_FALSE(contains(own, reference));
  }
  CHECK(contains(own, "default-src 'none'"));
  return read;
}

TEST_CASE("the page is well-formed, refers to nothing outside, and holds what the run did") {
  const RunReport report = demo::run();
  for (const bool interactive : modes()) {
    CAPTURE(interactive);
    const std::string page = render_html(report, interactive);
    const markup::Page read = check_page(page);
    const std::string own = own_part(page);
    for (const std::string& part :
         {report.title, report.recipe, report.command_line, report.started, report.device, report.stopping.reason,
          report.model_summary, to_text(report.results[0].scores), to_text(report.results[1].scores),
          report.counts[3].step, report.skipped[1].path, report.skipped[1].reason, report.leak_check.text,
          report.phases[0].detail, report.notes[0].text, report.wrong[0].source}) {
      CHECK(contains(own, part));
    }
    CHECK(contains(own, "Test accuracy"));
    CHECK(contains(own, "F1 of <bdi>COVID</bdi>"));
    CHECK(contains(own, "Patience 4 is a lottery here."));
    CHECK(contains(own, "<td>13,808</td>"));
    CHECK(contains(own, "  &quot;batch_size&quot;: 256"));
    CHECK(contains(own, "Synthetic phantom images, not patients."));
    CHECK(contains(own, "Not a diagnosis."));
    const auto count = [&read](std::string_view name) {
      return std::count_if(read.elements.begin(), read.elements.end(),
                           [name](const markup::Element& element) { return element.name == name; });
    };
    CHECK(count("img") == 18 + 6 + 48);  // examples, the heat maps beside the wrong ones, the contact sheet
    CHECK(count("section") == 7);
    CHECK(count("canvas") == 0);
    CHECK(count("svg") == 12);  // six charts, each with a clipped inner drawing
    CHECK(count("script") == (interactive ? 3 : 0));
    CHECK(*read.elements.front().attribute("data-charts") == (interactive ? "pending" : "static"));
  }
}

TEST_CASE("the banner stands on pages of phantoms only") {
  RunReport report = demo::run();
  report.synthetic = false;
  CHECK_FALSE(contains(render_html(report, false), "Synthetic phantom images"));
}

TEST_CASE("hostile names stay text") {
  const std::string hostile = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{style}}\xFF&";
  RunReport report = demo::run();
  report.title = report.recipe = report.description = report.command_line = report.started = hostile;
  report.version = report.device = report.model_summary = report.leak_check.text = hostile;
  report.class_names = {hostile, hostile + "2"};
  report.stopping.reason = hostile;
  for (EvaluationResult& result : report.results) {
    result.name = hostile;
    for (ClassScores& row : result.scores.classes) row.name = hostile;
  }
  for (std::vector<ExamplePrediction>* group : {&report.right, &report.wrong, &report.least_sure}) {
    for (ExamplePrediction& example : *group) example.truth = example.predicted = example.source = hostile;
  }
  for (CountRow& row : report.counts) row.step = hostile;
  for (SkippedImage& image : report.skipped) image.path = image.reason = hostile;
  for (PhaseTime& phase : report.phases) phase.name = phase.detail = hostile;
  for (Note& note : report.notes) note.title = note.text = hostile;
  report.configuration = R"({"</script><b>": "</script><!-- \" '"})";
  const RunReport harmless = demo::run();
  for (const bool interactive : modes()) {
    const std::string page = render_html(report, interactive);
    const markup::Page read = check_page(page);
    CHECK_FALSE(contains(own_part(page), "alert(1)</script>"));
    CHECK_FALSE(contains(own_part(page), "<img src=x"));
    CHECK(contains(own_part(page), "{{style}}"));
    // Not one element more than a page of harmless names has, but for "taken for" in the captions of mistakes.
    const auto elements = [](const markup::Page& one) {
      return std::count_if(one.elements.begin(), one.elements.end(), [](const markup::Element& element) {
        return element.name == "script" || element.name == "img" || element.name == "div" || element.name == "td";
      });
    };
    CHECK(elements(read) == elements(markup::read(render_html(harmless, interactive))));
  }
}

TEST_CASE("what a run does not have leaves no trace") {
  RunReport report;
  report.title = "Nothing";
  for (const bool interactive : modes()) {
    const std::string page = render_html(report, interactive);
    const markup::Page read = check_page(page);
    CHECK_FALSE(contains(page, "<section"));
    CHECK_FALSE(contains(page, "<nav"));
    CHECK_FALSE(contains(page, R"(<dl class="headline">)"));
  }
  report = demo::run();
  report.right.clear();
  report.wrong.clear();
  CHECK(contains(render_html(report, false), "<h3>Least sure</h3>"));
  CHECK_FALSE(contains(render_html(report, false), "<h3>Wrong</h3>"));
  report.least_sure.clear();
  CHECK_FALSE(contains(render_html(report, false), "#examples\""));
  report.skipped.clear();
  CHECK_FALSE(contains(render_html(report, false), "skipped</summary>"));
  check_page(render_html(report, false));
}

TEST_CASE("four classes, colour pictures, unknown figures and a loss that is not finite") {
  RunReport report = demo::run();
  report.class_names = {"COVID", "Lung_Opacity", "Normal", "Viral Pneumonia"};
  report.positive_class = -1;
  report.counts = {{"Loaded", {3616, 6012, 10192, 1345}}, {"Nothing", {0, 0, 0, 0}}};
  const std::vector<std::int32_t> truth{0, 1, 2, 3, 2}, predicted{0, 1, 2, 2, 1};
  std::vector<float> probabilities;
  for (const std::int32_t label : predicted) {
    for (std::int32_t k = 0; k < 4; ++k) probabilities.push_back(k == label ? 0.7f : 0.1f);
  }
  report.results = {evaluation_result("Test", INFINITY, truth, predicted, probabilities, report.class_names)};
  report.history[3] = {.epoch = 4, .loss = INFINITY};
  report.stopping.patience = 0;
  report.right = {{.width = 2,
                   .height = 1,
                   .channels = 3,
                   .pixels = {1, 2, 3, 4, 5, 6},
                   .truth = "a",
                   .predicted = "a",
                   .source = "b"}};
  for (const bool interactive : modes()) {
    const std::string page = render_html(report, interactive);
    check_page(page);
    CHECK(contains(page, "Macro F1"));
    CHECK(contains(page, "Viral Pneumonia, AUC"));
    CHECK_FALSE(contains(own_part(page), "nan"));
    CHECK_FALSE(contains(own_part(page), "inf,"));
    CHECK_FALSE(contains(page, "Early stopping, patience"));
  }
}

TEST_CASE("figures carry intervals, thresholds say where they were chosen, patients are counted") {
  RunReport report = demo::run();
  const std::string page = render_html(report, false);
  const Figure& sensitivity = *find_figure(report.results.back().figures, "sensitivity");
  CHECK(contains(page, fmt::format("{:.3f} to {:.3f}", sensitivity.interval.low, sensitivity.interval.high)));
  CHECK(contains(page, "Test figures, with intervals of 95"));
  CHECK(contains(page, "Percentiles over 200 samples drawn again"));
  CHECK(contains(page, "chosen on the validation part; the rows count what they do on the Test images"));
  CHECK(contains(page, "By patient"));
  CHECK(contains(page, "2,762 images of 852 patients"));
  CHECK(contains(page, "ridge regression on pixels"));
  CHECK(contains(page, "Beside each: Grad-CAM of conv2d_2"));
  CHECK(contains(page, "48 test images with the label that was predicted and the correct one; 4 wrong."));
  CHECK_FALSE(contains(page, "trivial baseline"));
  report.thresholds[0].chosen_on_results = true;
  CHECK(contains(render_html(report, false), "chosen on these very images, so the rows flatter"));
  // Without draws there are no intervals.
  report.results = {demo::result("Part", 0.1, 80, 40, 1.7)};
  CHECK_FALSE(contains(render_html(report, false), "with intervals"));
}

TEST_CASE("four classes have figures, tables and curves of their own, and the page says when a baseline wins") {
  const RunReport report = demo::four_classes();
  for (const bool interactive : modes()) {
    const std::string page = render_html(report, interactive);
    const std::string own = own_part(page);
    check_page(page);
    for (const char* part :
         {"Top-2 accuracy", "Macro specificity", "Test, class by class", "Viral Pneumonia, AP ",
          "each class against the rest", "probability of the predicted class",
          "A trivial baseline does better than this model:", "ridge regression on pixels reaches 99.0"}) {
      CAPTURE(part);
      CHECK(contains(own, part));
    }
    CHECK_FALSE(contains(own, "grey statistics only reaches"));
    CHECK_FALSE(contains(own, "Another threshold"));
    CHECK(contains(own, "Other thresholds, each class against the rest"));
    CHECK(contains(own, "Each threshold tells one class from all the others"));
    for (const std::string& name : report.class_names) {
      CHECK(contains(own, R"(<tr class="group-row"><th scope="rowgroup" colspan="8"><bdi>)" + name));
    }
    CHECK_FALSE(contains(own, "By patient"));
  }
}

TEST_CASE("baselines that reach the model's accuracy are told, the best first") {
  RunReport report;
  CHECK(better_baselines(report).empty());
  report = demo::run();
  CHECK(better_baselines(report).empty());
  CHECK(majority_baseline(report.results.back()).name == "always Normal");
  CHECK(majority_baseline(report.results.back()).accuracy == 2039.0 / 2762);
  report.baselines = {{.name = "a", .accuracy = report.results.back().scores.accuracy},
                      {.name = "b", .accuracy = kUnknown},
                      {.name = "c", .accuracy = 1}};
  const std::vector<Baseline> better = better_baselines(report);
  REQUIRE(better.size() == 2);
  CHECK(better[0].name == "c");
  CHECK(better[1].name == "a");
  report.baselines.resize(1);
  CHECK(contains(render_html(report, false), "A trivial baseline does as well as this model:"));
}

TEST_CASE("a long contact sheet is cut on the page, mistakes first") {
  RunReport report = demo::run();
  const ExamplePrediction right = demo::example(true, true, 0.9, 1), wrong = demo::example(true, false, 0.9, 2);
  report.contact_sheet.assign(650, right);
  report.contact_sheet.push_back(wrong);
  const std::string page = render_html(report, false);
  CHECK(
      contains(page, "651 test images with the label that was predicted and the correct one; 1 wrong. 300 are shown"));
  CHECK(page.find("class=\"tile wrong\"") < page.find("class=\"tile right\""));
  CHECK(contains(page, "to keep this page light.<"));
  CHECK_FALSE(contains(page, "href=\"contact-sheet.html\""));
  report.sheet_page = "contact-sheet.html";
  report.mistakes_page = "mistakes.html";
  const std::string linked = render_html(report, false);
  CHECK(contains(linked, "<a href=\"contact-sheet.html\">all of them</a> are in contact-sheet.html beside this file."));
  const ConfusionMatrix& confusion = report.results.back().confusion;
  CHECK(contains(linked, fmt::format("<a href=\"mistakes.html\">All {} mistakes</a> are in mistakes.html",
                                     confusion.total() - confusion.correct())));
  report.contact_sheet.clear();
  CHECK_FALSE(contains(render_html(report, false), "Contact sheet"));
}

TEST_CASE("thresholds are chosen on one part and counted on another") {
  const std::vector<std::int32_t> truth{0, 0, 1, 1}, other{1, 0, 1, 0}, one_class{1, 1, 1, 1};
  const std::vector<float> scores{.1f, .4f, .6f, .9f}, others{.8f, .3f, .7f, .2f};
  const OperatingPoint decided = operating_point(truth, scores, 0.5);
  const ThresholdTable table = threshold_table("x", 1, decided, {truth, scores}, "validation part", {other, others});
  REQUIRE(table.rows.size() == 5);
  CHECK_FALSE(table.chosen_on_results);
  CHECK(table.rows[0].name == "as trained");
  CHECK(table.rows[0].point.threshold == 0.5);
  CHECK(table.rows[0].point.accuracy() == 1);
  // On the other part .7 finds every positive; here only .9 is above it.
  CHECK(table.rows[1].point.threshold == static_cast<double>(.7f));
  CHECK(table.rows[4].point.sensitivity() == 0.5);
  for (const std::vector<std::int32_t>& choose : {one_class, std::vector<std::int32_t>{}}) {
    const ThresholdTable own =
        threshold_table("x", 1, decided, {truth, scores}, "y", {choose, std::span(scores).first(choose.size())});
    CHECK(own.chosen_on_results);
    CHECK(own.rows[4].point.threshold == static_cast<double>(.6f));
  }
  CHECK(threshold_table("x", 1, decided, {one_class, scores}, "y", {}).rows.empty());
}

TEST_CASE("patients are counted once, and not at all where none is named") {
  const std::vector<std::string> patients{"a", "a", "b", ""}, nobody(4), names{"no", "yes"};
  const std::vector<std::int32_t> truth{1, 1, 0, 1};
  const std::vector<float> scores{.9f, .2f, .4f, .3f};
  const PatientResult cases = patient_result(patients, truth, scores, names, {});
  CHECK(cases.images == 4);
  CHECK(cases.result.confusion.total() == 3);  // a: .55, b: .4 and the one without a name: .3
  CHECK(cases.result.confusion.at(1, 1) == 1);
  CHECK(cases.result.confusion.at(0, 0) == 1);
  CHECK(patient_result(nobody, truth, scores, names, {}).result.confusion.classes == 0);
  CHECK(patient_result({}, truth, scores, names, {}).result.confusion.classes == 0);
}

TEST_CASE("long lists of skipped files end in a count") {
  RunReport report = demo::run();
  report.skipped.assign(1234, {"x.png", "damaged"});
  const std::string page = render_html(report, false);
  CHECK(contains(page, "1,234 files skipped"));
  CHECK(contains(page, "and 1,034 more"));
}

TEST_CASE("a report that contradicts itself is refused") {
  const auto refused = [](const auto& change) {
    RunReport report = demo::run();
    change(report);
    CHECK_THROWS_AS(render_html(report, false), Error);
  };
  refused([](RunReport& report) { report.class_names.push_back("third"); });
  refused([](RunReport& report) { report.positive_class = 2; });
  refused([](RunReport& report) { report.counts[0].counts.pop_back(); });
  refused([](RunReport& report) { report.wrong[0].pixels.pop_back(); });
  refused([](RunReport& report) { report.wrong[0].channels = 2; });
  refused([](RunReport& report) { report.configuration = "{recipe: 1}"; });
  refused([](RunReport& report) { report.stopping.monitor = "val_auc"; });
  refused([](RunReport& report) { report.results[0].roc.resize(3); });
  if (!has_chart_js()) CHECK_THROWS_AS(render_html(demo::run(), true), Error);
}

TEST_CASE("an evaluation needs one probability a sample, or one a class") {
  const std::vector<std::string> two{"a", "b"}, three{"a", "b", "c"};
  const std::vector<std::int32_t> labels{0, 1};
  const std::vector<float> one_each{0.2f, 0.8f}, three_each{.5f, .3f, .2f, .1f, .8f, .1f};
  CHECK(evaluation_result("x", 0, labels, labels, one_each, two).roc.size() == 1);
  CHECK(evaluation_result("x", 0, labels, labels, one_each, two).roc[0].auc == 1);
  CHECK(evaluation_result("x", 0, labels, labels, three_each, three).roc.size() == 3);
  CHECK_THROWS_AS(evaluation_result("x", 0, labels, labels, three_each, two), Error);
  CHECK_THROWS_AS(evaluation_result("x", 0, labels, labels, one_each, three), Error);
}

TEST_CASE("the file holds the page") {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "curie-test-report.html";
  const RunReport report = demo::run();
  write_report(path, report);
  CHECK(read_text(path) == render_html(report));
  std::filesystem::remove(path);
  CHECK_THROWS_AS(write_report(path / "missing" / "report.html", report), Error);
}

TEST_CASE("Chart.js is named with its version or its absence") {
  const std::string status = chart_js_status();
  CHECK(contains(status, has_chart_js() ? "Chart.js 3." : "not found"));
  if (has_chart_js()) CHECK(status.substr(status.size() - 10) == ", embedded");
  CHECK_FALSE(contains(embedded::kChartJs, "</script"));
}

}  // namespace
}  // namespace curie
