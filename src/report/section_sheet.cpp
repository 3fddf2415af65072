#include <fmt/format.h>

#include <algorithm>

#include "report/html.h"
#include "report/picture_pages.h"
#include "report/png.h"
#include "report/sections.h"

namespace curie {
namespace {

constexpr int kThumbnail = 64;  // pixels of the longer side

// The tiles of the page: all in their order, or, where they are too many, mistakes first.
std::vector<const ExamplePrediction*> chosen(const std::vector<ExamplePrediction>& sheet) {
  std::vector<const ExamplePrediction*> tiles;
  for (const ExamplePrediction& one : sheet) tiles.push_back(&one);
  if (tiles.size() <= kTilesOfReport) return tiles;
  std::stable_partition(tiles.begin(), tiles.end(),
                        [](const ExamplePrediction* one) { return one->truth != one->predicted; });
  tiles.resize(kTilesOfReport);
  return tiles;
}

std::string where_the_rest_is(const RunReport& report) {
  if (report.contact_sheet.size() <= kTilesOfReport) return "";
  const std::string shown =
      fmt::format(" {} are shown, mistakes first, to keep this page light", html::thousands(kTilesOfReport));
  if (report.sheet_page.empty()) return shown + ".";
  return shown + fmt::format(R"(; <a href="{0}">all of them</a> are in {0} beside this file.)",
                             html::escape(report.sheet_page));
}

}  // namespace

std::string sheet_tile(const ExamplePrediction& example) {
  const Picture whole{example.width, example.height, example.channels, example.pixels};
  const Picture thumbnail = at_most(whole, kThumbnail);
  return fmt::format(
      R"(<figure class="tile {}" title="{}"><img src="{}" width="{}" height="{}" alt="" loading="lazy"><figcaption><span>Label Predict</span>)"
      R"( {}<br><span>Label Correct</span> {}</figcaption></figure>)",
      example.truth == example.predicted ? "right" : "wrong", html::escape(example.source), png_data_uri(thumbnail),
      thumbnail.width, thumbnail.height, html::name(example.predicted), html::name(example.truth));
}

std::string contact_sheet_html(const RunReport& report) {
  const std::vector<ExamplePrediction>& sheet = report.contact_sheet;
  if (sheet.empty()) return "";
  const auto total = static_cast<std::int64_t>(sheet.size());
  const auto wrong = std::count_if(sheet.begin(), sheet.end(),
                                   [](const ExamplePrediction& one) { return one.truth != one.predicted; });
  const std::vector<const ExamplePrediction*> tiles = chosen(sheet);
  std::string page = R"(<section id="contact-sheet"><h2>Contact sheet</h2>)";
  page += fmt::format(R"(<p class="muted">{} with the label that was predicted and the correct one; {} wrong.{}</p>)",
                      html::plural(total, "test image"), html::thousands(wrong), where_the_rest_is(report));
  page.append(R"(<div class="sheet">)").append(kMistakesOnly);
  for (const ExamplePrediction* one : tiles) page += sheet_tile(*one);
  return page + "</div></section>";
}

}  // namespace curie
