#include <fmt/format.h>

#include <algorithm>

#include "report/html.h"
#include "report/png.h"
#include "report/sections.h"

namespace curie {
namespace {

constexpr int kThumbnail = 64;  // pixels of the longer side
constexpr std::size_t kMostTiles = 600;

std::string tile(const ExamplePrediction& example) {
  const Picture whole{example.width, example.height, example.channels, example.pixels};
  const Picture thumbnail = at_most(whole, kThumbnail);
  return fmt::format(
      R"(<figure class="tile {}" title="{}"><img src="{}" width="{}" height="{}" alt=""><figcaption><span>Label Predict</span>)"
      R"( {}<br><span>Label Correct</span> {}</figcaption></figure>)",
      example.truth == example.predicted ? "right" : "wrong", html::escape(example.source), png_data_uri(thumbnail),
      thumbnail.width, thumbnail.height, html::name(example.predicted), html::name(example.truth));
}

// The tiles of the page: all in their order, or, where they are too many, mistakes first.
std::vector<const ExamplePrediction*> chosen(const std::vector<ExamplePrediction>& sheet) {
  std::vector<const ExamplePrediction*> tiles;
  for (const ExamplePrediction& one : sheet) tiles.push_back(&one);
  if (tiles.size() <= kMostTiles) return tiles;
  std::stable_partition(tiles.begin(), tiles.end(),
                        [](const ExamplePrediction* one) { return one->truth != one->predicted; });
  tiles.resize(kMostTiles);
  return tiles;
}

}  // namespace

std::string contact_sheet_html(const RunReport& report) {
  const std::vector<ExamplePrediction>& sheet = report.contact_sheet;
  if (sheet.empty()) return "";
  const auto total = static_cast<std::int64_t>(sheet.size());
  const auto wrong = std::count_if(sheet.begin(), sheet.end(),
                                   [](const ExamplePrediction& one) { return one.truth != one.predicted; });
  const std::vector<const ExamplePrediction*> tiles = chosen(sheet);
  std::string page = R"(<section id="contact-sheet"><h2>Contact sheet</h2>)";
  page +=
      fmt::format(R"(<p class="muted">{} with the label that was predicted and the correct one; {} wrong.{}</p>)",
                  html::plural(total, "test image"), html::thousands(wrong),
                  tiles.size() == sheet.size() ? std::string()
                                               : fmt::format(" {} are shown, mistakes first, to keep this page light.",
                                                             html::thousands(static_cast<std::int64_t>(tiles.size()))));
  page += R"(<div class="sheet"><label class="only"><input type="checkbox"> mistakes only</label>)";
  for (const ExamplePrediction* one : tiles) page += tile(*one);
  return page + "</div></section>";
}

}  // namespace curie
