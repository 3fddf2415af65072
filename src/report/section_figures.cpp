#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/html.h"
#include "report/sections.h"

namespace curie {
namespace {

using html::escape;

// A value in [0, 1] and its interval as a mark and a whisker on a line from 0 to 1.
std::string whisker(const Figure& figure) {
  if (!std::isfinite(figure.value)) return "";
  const auto place = [](double value) { return 100 * std::clamp(value, 0.0, 1.0); };
  std::string span;
  if (figure.interval.known()) {
    span = fmt::format(R"(<i style="left:{:.2f}%;width:{:.2f}%"></i>)", place(figure.interval.low),
                       place(figure.interval.high) - place(figure.interval.low));
  }
  return fmt::format(R"(<span class="whisker" aria-hidden="true">{}<b style="left:{:.2f}%"></b></span>)", span,
                     place(figure.value));
}

std::string interval_text(const Interval& interval) {
  return interval.known() ? fmt::format("{:.3f} to {:.3f}", interval.low, interval.high) : std::string();
}

std::string figures_card(const RunReport& report) {
  const EvaluationResult& last = report.results.back();
  if (last.figures.empty()) return "";
  const bool intervals =
      std::any_of(last.figures.begin(), last.figures.end(), [](const Figure& f) { return f.interval.known(); });
  std::string others, rows;
  for (std::size_t i = 0; i + 1 < report.results.size(); ++i) {
    others += R"(<th scope="col">)" + escape(report.results[i].name) + "</th>";
  }
  for (const Figure& figure : last.figures) {
    rows +=
        fmt::format(R"(<tr><th scope="row">{}{}</th><td><b>{}</b></td>)", escape(figure.label),
                    figure.lower_is_better ? R"( <small>lower is better</small>)" : "", html::fixed(figure.value, 3));
    if (intervals) rows += "<td class=\"interval\">" + interval_text(figure.interval) + "</td>";
    rows += "<td class=\"wide\">" + whisker(figure) + "</td>";
    for (std::size_t i = 0; i + 1 < report.results.size(); ++i) {
      const Figure* other = find_figure(report.results[i].figures, figure.key);
      rows += "<td>" + html::fixed(other == nullptr ? kUnknown : other->value, 3) + "</td>";
    }
    rows += "</tr>";
  }
  const std::string confidence = fmt::format("{:g}\u202F%", 100 * last.bootstrap.confidence);
  std::string caption;
  if (intervals) {
    caption = fmt::format(
        "<caption>Percentiles over {} samples drawn again from these images{}. They tell how much another test set of "
        "this size would change the figures, and nothing about another seed, another split or another "
        "hospital.</caption>",
        html::thousands(last.bootstrap.draws), last.bootstrap.stratified ? ", class by class" : "");
  }
  return fmt::format(
      R"(<div class="card figures"><h3>{0} figures{1}</h3><div class="scroll"><table class="numbers"><thead><tr>)"
      R"(<th scope="col">Figure</th><th scope="col">{0}</th>{2}<td class="wide"></td>{3}</tr></thead>)"
      R"(<tbody>{4}</tbody>{5}</table></div></div>)",
      escape(last.name), intervals ? ", with intervals of " + confidence : std::string(),
      intervals ? R"(<th scope="col">interval</th>)" : "", others, rows, caption);
}

std::string classes_card(const RunReport& report) {
  const EvaluationResult& last = report.results.back();
  if (last.confusion.classes <= 2) return "";
  std::string rows;
  for (std::size_t i = 0; i < last.scores.classes.size(); ++i) {
    const ClassScores& one = last.scores.classes[i];
    rows += fmt::format(
        "<tr><th scope=\"row\"><span class=\"key series-{}\"></span>{}</th><td>{}</td><td>{}</td><td>{}"
        "</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        i % 6, html::name(one.name), html::fixed(one.scores.recall, 3),
        html::fixed(last.confusion.specificity(static_cast<int>(i)), 3), html::fixed(one.scores.precision, 3),
        html::fixed(one.scores.f1, 3), html::fixed(i < last.roc.size() ? last.roc[i].auc : kUnknown, 3),
        html::fixed(i < last.precision_recall.size() ? last.precision_recall[i].average_precision : kUnknown, 3),
        html::thousands(one.support));
  }
  return fmt::format(
      R"(<div class="card figures"><h3>{}, class by class</h3><div class="scroll"><table class="numbers"><thead><tr>)"
      R"(<th scope="col">Class against the rest</th><th scope="col">sensitivity</th><th scope="col">specificity</th>)"
      R"(<th scope="col">precision</th><th scope="col">F1</th><th scope="col">ROC-AUC</th><th scope="col">PR-AUC</th>)"
      R"(<th scope="col">images</th></tr></thead><tbody>{}</tbody></table></div></div>)",
      escape(last.name), rows);
}

std::string threshold_rows(const ThresholdTable& table) {
  std::string rows;
  for (const ThresholdRow& row : table.rows) {
    const OperatingPoint& at = row.point;
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td>{}</td></tr>",
        escape(row.name), html::fixed(at.threshold, 3), html::percent(at.sensitivity()),
        html::percent(at.specificity()), html::percent(at.precision()), html::percent(at.negative_predictive_value()),
        html::thousands(at.false_negatives), html::thousands(at.false_positives));
  }
  return rows;
}

std::string thresholds_caption(const RunReport& report, const ThresholdTable& table) {
  const bool of_many = report.class_names.size() > 2;
  std::string caption =
      of_many
          ? "Each threshold tells one class from all the others; as trained, the likeliest class wins, whatever its "
            "probability. "
          : "";
  if (table.chosen_on_results) {
    return caption +
           "The thresholds were chosen on these very images, so the rows flatter: on new images they keep their "
           "promise less well.";
  }
  return caption + fmt::format(
                       "The thresholds were chosen on the {}; the rows count what they do on the {} images. The "
                       "predictive values hold for this mix of classes only.",
                       escape(table.chosen_on), escape(report.results.back().name));
}

std::string thresholds_card(const RunReport& report) {
  std::string rows, caption, title = "Other thresholds, each class against the rest";
  for (const ThresholdTable& table : report.thresholds) {
    if (table.rows.empty()) continue;
    if (caption.empty()) caption = thresholds_caption(report, table);
    if (report.class_names.size() > 2) {
      rows += fmt::format(R"(<tr class="group-row"><th scope="rowgroup" colspan="8">{}</th></tr>)",
                          html::name(table.class_name));
    } else {
      title = "Another threshold for " + html::name(table.class_name);
    }
    rows += threshold_rows(table);
  }
  if (rows.empty()) return "";
  return fmt::format(
      R"(<div class="card figures"><h3>{}</h3><div class="scroll"><table class="numbers"><thead><tr>)"
      R"(<th scope="col">Chosen for</th><th scope="col">threshold</th><th scope="col">sensitivity</th>)"
      R"(<th scope="col">specificity</th><th scope="col">pos. pred. value</th><th scope="col">neg. pred. value</th>)"
      R"(<th scope="col">missed</th><th scope="col">false alarms</th></tr></thead><tbody>{}</tbody><caption>{}</caption>)"
      R"(</table></div></div>)",
      title, rows, caption);
}

std::string patients_card(const RunReport& report) {
  const PatientResult& patients = report.patients;
  if (patients.result.confusion.classes == 0) return "";
  const EvaluationResult& last = report.results.back();
  std::string rows;
  for (const Figure& figure : patients.result.figures) {
    const Figure* image = find_figure(last.figures, figure.key);
    rows += fmt::format(R"(<tr><th scope="row">{}</th><td><b>{}</b></td><td class="interval">{}</td><td>{}</td></tr>)",
                        escape(figure.label), html::fixed(figure.value, 3), interval_text(figure.interval),
                        html::fixed(image == nullptr ? kUnknown : image->value, 3));
  }
  return fmt::format(
      R"(<div class="card figures"><h3>By {0}</h3><p class="muted">{1} of {2}, one case a {0}: the mean probability of its )"
      R"(images decides.</p><div class="scroll"><table class="numbers"><thead><tr><th scope="col">Figure</th>)"
      R"(<th scope="col">by {0}</th><th scope="col">interval</th><th scope="col">by image</th></tr></thead>)"
      R"(<tbody>{3}</tbody></table></div></div>)",
      escape(patients.unit), html::plural(patients.images, "image"),
      html::plural(patients.result.confusion.total(), patients.unit), rows);
}

std::string baselines_card(const RunReport& report) {
  if (report.baselines.empty()) return "";
  const EvaluationResult& last = report.results.back();
  std::vector<Baseline> all{majority_baseline(last)};
  all.insert(all.end(), report.baselines.begin(), report.baselines.end());
  all.push_back({"this model", last.scores.accuracy, ""});
  std::stable_sort(all.begin(), all.end(),
                   [](const Baseline& a, const Baseline& b) { return a.accuracy < b.accuracy; });
  std::string rows;
  for (const Baseline& one : all) {
    rows += fmt::format(
        R"(<tr{}><th scope="row">{}</th><td>{}</td><td class="wide"><span class="bar"><i style="width:{:.1f}%"></i></span>)"
        R"({}</td></tr>)",
        one.name == "this model" ? R"( class="own")" : "", escape(one.name), html::percent(one.accuracy),
        100 * std::clamp(one.accuracy, 0.0, 1.0),
        one.detail.empty() ? std::string() : "<small class=\"muted\">" + escape(one.detail) + "</small>");
  }
  return R"(<div class="card figures"><h3>Against what needs no network</h3><div class="scroll"><table class="numbers phases">)"
         R"(<thead><tr><th scope="col">Accuracy of</th><td></td><td class="wide"></td></tr></thead><tbody>)" +
         rows + "</tbody></table></div></div>";
}

}  // namespace

std::string figures_html(const RunReport& report) {
  return figures_card(report) + classes_card(report) + thresholds_card(report) + patients_card(report) +
         baselines_card(report);
}

std::string baseline_banner(const RunReport& report) {
  const std::vector<Baseline> better = better_baselines(report);
  if (better.empty()) return "";
  const EvaluationResult& last = report.results.back();
  return fmt::format(
      R"(<p class="banner" role="note"><strong>A trivial baseline does {} this model:</strong> {} reaches {} on the )"
      R"({} images, the model {}. Whatever the model has learned, it is not worth its parameters here.</p>)",
      better.front().accuracy > last.scores.accuracy ? "better than" : "as well as", escape(better.front().name),
      html::percent(better.front().accuracy), escape(last.name), html::percent(last.scores.accuracy));
}

}  // namespace curie
