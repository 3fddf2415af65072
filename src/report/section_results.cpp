#include <fmt/format.h>

#include <cmath>

#include "report/html.h"
#include "report/sections.h"
#include "report/stopping.h"

namespace curie {
namespace {

using html::escape;

std::string patience_table(const StoppingStory& story, const StoppingRecord& stopping) {
  std::string rows;
  for (const PatienceOutcome& outcome : story.outcomes) {
    const std::string patience = outcome.from == outcome.to ? fmt::format("{}", outcome.from)
                                                            : fmt::format("{} to {}", outcome.from, outcome.to);
    const bool own = outcome.to == stopping.patience;
    rows += fmt::format("<tr{}><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                        own ? R"( class="own")" : "", patience,
                        outcome.stopped ? fmt::format("after epoch {}", outcome.last_epoch) : std::string("not at all"),
                        outcome.best_epoch, html::fixed(outcome.best_value, 4), html::percent(outcome.val_accuracy));
  }
  return fmt::format(
      R"(<div class="scroll"><table class="numbers"><caption>This run, had its patience been smaller</caption><thead><tr>)"
      R"(<th scope="col">Patience</th><th scope="col">Stopped</th><th scope="col">Best epoch</th>)"
      R"(<th scope="col">{} there</th><th scope="col">val. accuracy</th></tr></thead><tbody>{}</tbody></table></div>)",
      escape(stopping.monitor), rows);
}

std::string stopping_card(const RunReport& report) {
  const std::optional<StoppingStory> story = stopping_story(report.history, report.stopping);
  if (!story) return "";
  std::string card =
      fmt::format(R"(<div class="card stopping"><div><h3>Early stopping, patience {}</h3>)", report.stopping.patience);
  for (const std::string& paragraph : story->paragraphs) card += "<p>" + escape(paragraph) + "</p>";
  return card + "</div>" + patience_table(*story, report.stopping) + "</div>";
}

std::string history_table(const RunReport& report) {
  const std::optional<int> best = best_epoch(report.history, report.stopping);
  std::string rows;
  for (const EpochRecord& record : report.history) {
    rows += fmt::format(
        R"(<tr{}><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>)",
        best == record.epoch ? R"( class="own")" : "", record.epoch, html::fixed(record.loss, 4),
        html::percent(record.accuracy), html::fixed(record.val_loss, 4), html::percent(record.val_accuracy),
        std::isfinite(record.learning_rate) ? fmt::format("{:.3g}", record.learning_rate)
                                            : html::fixed(record.learning_rate, 0),
        html::duration(record.seconds));
  }
  return R"(<details class="card"><summary>Every epoch in numbers</summary><div class="scroll"><table class="numbers">)"
         R"(<thead><tr><th scope="col">Epoch</th><th scope="col">loss</th><th scope="col">accuracy</th>)"
         R"(<th scope="col">val. loss</th><th scope="col">val. accuracy</th><th scope="col">rate</th>)"
         R"(<th scope="col">time</th></tr></thead><tbody>)" +
         rows + "</tbody></table></div></details>";
}

std::string result_card(const EvaluationResult& result, std::span<const std::string> class_names) {
  std::string subtitle =
      fmt::format("{} of {} right, {}", html::thousands(result.confusion.correct()),
                  html::plural(result.scores.support, "image"), html::percent(result.scores.accuracy));
  if (std::isfinite(result.loss)) subtitle += ", loss " + html::fixed(result.loss, 4);
  return fmt::format(R"(<div class="card result"><h3>{}</h3><p class="muted">{}</p>{}<pre>{}</pre></div>)",
                     escape(result.name), subtitle, confusion_html(result.confusion, class_names),
                     escape(to_text(result.scores)));
}

}  // namespace

std::string confusion_html(const ConfusionMatrix& matrix, std::span<const std::string> class_names) {
  std::string head, body;
  for (const std::string& column : class_names) head += R"(<th scope="col">)" + html::name(column) + "</th>";
  for (int truth = 0; truth < matrix.classes; ++truth) {
    body += R"(<tr><th scope="row">)" + html::name(class_names[static_cast<std::size_t>(truth)]) + "</th>";
    const std::int64_t total = matrix.truth_total(truth);
    for (int predicted = 0; predicted < matrix.classes; ++predicted) {
      const std::int64_t count = matrix.at(truth, predicted);
      const double share = total == 0 ? 0 : static_cast<double>(count) / static_cast<double>(total);
      body += fmt::format(R"(<td class="{}{}" style="--share:{:.3f}"><b>{}</b><span>{}</span></td>)",
                          truth == predicted ? "hit" : "miss", share > 0.5 ? " deep" : "", share,
                          html::thousands(count), total == 0 ? html::percent(kUnknown) : html::percent(share));
    }
    body += "</tr>";
  }
  return fmt::format(
      R"(<div class="scroll"><table class="confusion" style="--classes:{}">)"
      R"(<caption>Rows are the truth, columns the prediction; the shade is the share of the row.</caption>)"
      R"(<thead><tr><td></td>{}</tr></thead><tbody>{}</tbody></table></div>)",
      matrix.classes, head, body);
}

std::string learning_html(const RunReport& report, const std::vector<Chart>& charts) {
  if (report.history.empty()) return "";
  std::string page = fmt::format(R"(<section id="learning"><h2>Learning</h2><div class="charts{}">)",
                                 charts.size() == 3 ? " three" : "");
  for (const Chart& chart : charts) page += to_figure(chart);
  return page + "</div>" + stopping_card(report) + history_table(report) + "</section>";
}

std::string results_html(const RunReport& report, const std::vector<Chart>& charts) {
  if (report.results.empty()) return "";
  std::string page = R"(<section id="results"><h2>Results</h2><div class="results">)";
  // The headline result first: what the model does on images it has not seen.
  for (auto result = report.results.rbegin(); result != report.results.rend(); ++result)
    page += result_card(*result, report.class_names);
  page += "</div>" + figures_html(report) + R"(<div class="results">)";
  for (const Chart& chart : charts) page += to_figure(chart);
  return page + "</div></section>";
}

}  // namespace curie
