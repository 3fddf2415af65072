#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "report/html.h"
#include "report/png.h"
#include "report/sections.h"

namespace curie {
namespace {

using html::escape;

std::string example_group(std::string_view title, std::string_view text,
                          const std::vector<ExamplePrediction>& examples) {
  if (examples.empty()) return "";
  const bool explained = std::any_of(examples.begin(), examples.end(),
                                     [](const ExamplePrediction& example) { return !example.explanation.empty(); });
  std::string group = fmt::format(R"(<h3>{}</h3><p class="muted">{}</p><div class="examples{}">)", title, text,
                                  explained ? " explained" : "");
  for (const ExamplePrediction& example : examples) group += example_card(example);
  return group + "</div>";
}

std::string share_bar(const CountRow& row, std::int64_t widest) {
  std::string parts;
  for (std::size_t i = 0; i < row.counts.size(); ++i) {
    parts += fmt::format(R"(<i class="series-{}" style="width:{:.2f}%"></i>)", i % 6,
                         widest == 0 ? 0.0 : 100.0 * static_cast<double>(row.counts[i]) / static_cast<double>(widest));
  }
  return R"(<span class="bar stacked" aria-hidden="true">)" + parts + "</span>";
}

std::int64_t total(const CountRow& row) {
  return std::accumulate(row.counts.begin(), row.counts.end(), std::int64_t{0});
}

std::string counts_table(const RunReport& report) {
  if (report.counts.empty()) return "";
  std::int64_t widest = 0;
  for (const CountRow& row : report.counts) widest = std::max(widest, total(row));
  std::string head, body;
  for (std::size_t i = 0; i < report.class_names.size(); ++i) {
    head += fmt::format(R"(<th scope="col"><span class="key series-{}"></span>{}</th>)", i % 6,
                        html::name(report.class_names[i]));
  }
  for (const CountRow& row : report.counts) {
    body += R"(<tr><th scope="row">)" + escape(row.step) + "</th>";
    for (const std::int64_t count : row.counts) body += "<td>" + html::thousands(count) + "</td>";
    body +=
        fmt::format(R"(<td>{}</td><td class="wide">{}</td></tr>)", html::thousands(total(row)), share_bar(row, widest));
  }
  return R"(<div class="card"><h3>Images of each class, step by step</h3><div class="scroll"><table class="numbers counts">)"
         R"(<thead><tr><th scope="col">Step</th>)" +
         head + R"(<th scope="col">Total</th><td class="wide"></td></tr></thead><tbody>)" + body +
         "</tbody></table></div></div>";
}

std::string leak_card(const LeakCheck& check) {
  if (check.text.empty()) return "";
  return fmt::format(R"(<div class="card check {}"><h3>{}</h3><p>{}</p></div>)", check.clean ? "good" : "bad",
                     check.clean ? "No leak between the parts" : "Leak between the parts", escape(check.text));
}

std::string skipped_list(const std::vector<SkippedImage>& skipped) {
  constexpr std::size_t kShown = 200;
  if (skipped.empty()) return "";
  std::string rows;
  for (std::size_t i = 0; i < std::min(skipped.size(), kShown); ++i) {
    rows += fmt::format("<li><bdi class=\"path\">{}</bdi> <span class=\"muted\">{}</span></li>",
                        escape(skipped[i].path), escape(skipped[i].reason));
  }
  if (skipped.size() > kShown) {
    rows += fmt::format("<li>and {} more</li>", html::thousands(static_cast<std::int64_t>(skipped.size() - kShown)));
  }
  return fmt::format(R"(<details class="card"><summary>{} skipped</summary><ul class="skipped">{}</ul></details>)",
                     html::plural(static_cast<std::int64_t>(skipped.size()), "file"), rows);
}

std::string phases_card(const RunReport& report) {
  double sum = 0, longest = 0;
  for (const PhaseTime& phase : report.phases) {
    sum += phase.seconds;
    longest = std::max(longest, phase.seconds);
  }
  if (report.phases.empty()) return "";
  std::string rows;
  for (const PhaseTime& phase : report.phases) {
    rows += fmt::format(
        R"(<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td class="wide"><span class="bar"><i style="width:{:.1f}%"></i>)"
        R"(</span>{}</td></tr>)",
        escape(phase.name), html::duration(phase.seconds), html::percent(sum > 0 ? phase.seconds / sum : 0),
        longest > 0 ? 100 * phase.seconds / longest : 0.0,
        phase.detail.empty() ? std::string() : "<small class=\"muted\">" + escape(phase.detail) + "</small>");
  }
  return R"(<div class="card"><h3>Where the time went</h3><div class="scroll"><table class="numbers phases"><tbody>)" +
         rows + "</tbody></table></div></div>";
}

}  // namespace

std::string example_card(const ExamplePrediction& example) {
  const bool right = example.truth == example.predicted;
  const std::string verdict = right ? html::name(example.truth)
                                    : fmt::format("{} <span class=\"taken\">taken for</span> {}",
                                                  html::name(example.truth), html::name(example.predicted));
  const std::string source = escape(example.source);
  const std::string image = fmt::format(R"(<img src="{}" width="{}" height="{}" alt="{}">)",
                                        png_data_uri(example.pixels, example.width, example.height, example.channels),
                                        example.width, example.height, source);
  const Picture& explanation = example.explanation;
  const std::string pictures =
      explanation.empty()
          ? image
          : fmt::format(
                R"(<div class="pair">{}<img src="{}" width="{}" height="{}" alt="where the model looked"></div>)",
                image, png_data_uri(explanation), explanation.width, explanation.height);
  return fmt::format(
      R"(<figure class="card example {}">{}<figcaption>)"
      R"(<p class="verdict">{}</p><p class="belief"><span class="bar"><i style="width:{:.1f}%"></i></span>{}</p>)"
      R"(<p class="source" title="{}"><bdi>{}</bdi></p></figcaption></figure>)",
      right ? "right" : "wrong", pictures, verdict, 100 * std::clamp(example.probability, 0.0, 1.0),
      html::percent(example.probability), source, source);
}

std::string examples_html(const RunReport& report) {
  const std::string heat = report.explanation.empty() ? std::string()
                                                      : " Beside each: " + escape(report.explanation) +
                                                            ", the places that spoke for the class that was predicted.";
  const std::string all =
      report.mistakes_page.empty() || report.results.empty()
          ? std::string()
          : fmt::format(
                R"( <a href="{0}">All {1} mistakes</a> are in {0} beside this file.)", escape(report.mistakes_page),
                html::thousands(report.results.back().confusion.total() - report.results.back().confusion.correct()));
  const std::string groups =
      example_group("Wrong", "The mistakes the model was surest of." + heat + all, report.wrong) +
      example_group("Least sure", "Nearest to the decision threshold, right or not.", report.least_sure) +
      example_group("Right", "The bar is the probability given to the predicted class.", report.right);
  return groups.empty() ? "" : R"(<section id="examples"><h2>Examples</h2>)" + groups + "</section>";
}

std::string data_html(const RunReport& report) {
  const std::string cards = counts_table(report) + leak_card(report.leak_check) + skipped_list(report.skipped);
  return cards.empty() ? "" : R"(<section id="data"><h2>Data</h2>)" + cards + "</section>";
}

std::string model_html(const RunReport& report) {
  if (report.model_summary.empty()) return "";
  return R"(<section id="model"><h2>Model</h2><div class="card"><pre>)" + escape(report.model_summary) +
         "</pre></div></section>";
}

std::string run_html(const RunReport& report) {
  std::string cards = phases_card(report);
  if (!report.notes.empty()) {
    std::string notes;
    for (const Note& note : report.notes) {
      notes += fmt::format("<dt>{}</dt><dd>{}</dd>", escape(note.title), escape(note.text));
    }
    cards += R"(<div class="card"><h3>Worth knowing</h3><dl class="notes">)" + notes + "</dl></div>";
  }
  if (!report.command_line.empty()) {
    cards +=
        R"(<div class="card"><h3>Command</h3><pre class="command">)" + escape(report.command_line) + "</pre></div>";
  }
  if (!report.configuration.empty()) {
    const std::string json = nlohmann::ordered_json::parse(report.configuration).dump(2);
    cards += R"(<details class="card"><summary>Configuration</summary><pre>)" + escape(json) + "</pre></details>";
  }
  return cards.empty() ? "" : R"(<section id="run"><h2>Run</h2>)" + cards + "</section>";
}

}  // namespace curie
