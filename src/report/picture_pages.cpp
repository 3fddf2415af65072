#include "report/picture_pages.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/html.h"
#include "report/sections.h"
#include "tensor/files.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

std::string file_name(const PicturePages& pages, std::size_t page) {
  return page == 0 ? pages.stem + ".html" : fmt::format("{}-{}.html", pages.stem, page + 1);
}

std::string header(const RunReport& report, const PicturePages& pages) {
  std::string page =
      fmt::format(R"(<header><div class="width"><p class="overline">{}</p><h1>{}</h1><p class="lead">{}</p>)",
                  html::escape(report.title), html::escape(pages.heading), html::escape(pages.text));
  if (report.synthetic) page += std::string(kSyntheticBanner);
  return page + "</div></header>";
}

std::string links(const PicturePages& pages, std::size_t own, std::size_t count) {
  std::string text = fmt::format(R"(<a href="{}">Report</a>)", html::escape(pages.report));
  for (std::size_t page = 0; page < count; ++page) {
    const std::string mark = page == own ? R"( aria-current="page")" : "";
    text += fmt::format(R"(<a href="{}"{}>{}</a>)", html::escape(file_name(pages, page)), mark, page + 1);
  }
  return R"(<nav aria-label="Pages"><div class="width">)" + text + "</div></nav>";
}

std::string pictures(const PicturePages& pages, const std::vector<ExamplePrediction>& examples) {
  const bool explained = std::any_of(examples.begin(), examples.end(),
                                     [](const ExamplePrediction& one) { return !one.explanation.empty(); });
  std::string section = fmt::format(R"(<section class="pictures"><div class="{}">)", pages.tiles ? "sheet"
                                                                                     : explained ? "examples explained"
                                                                                                 : "examples");
  if (pages.tiles) section += std::string(kMistakesOnly);
  for (const ExamplePrediction& one : examples) section += pages.tiles ? sheet_tile(one) : example_card(one);
  return section + "</div></section>";
}

std::string render(const RunReport& report, const PicturePages& pages, std::size_t page, std::size_t count,
                   const std::vector<ExamplePrediction>& examples) {
  const std::string title = html::escape(pages.heading + ", " + report.title), head = header(report, pages);
  const std::string navigation = links(pages, page, count), sections = pictures(pages, examples);
  const std::string footer = footer_html(report.version, false);
  return page_html({.title = title,
                    .header = head,
                    .navigation = navigation,
                    .sections = sections,
                    .footer = footer,
                    .scripts = {}});
}

}  // namespace

std::string write_picture_pages(const fs::path& folder, const RunReport& report, const PicturePages& pages,
                                std::size_t total, const PictureSource& source) {
  const std::size_t count = (total + pages.each - 1) / pages.each;
  const std::size_t each = count == 0 ? 0 : (total + count - 1) / count;  // of equal length, but for the last
  for (std::size_t page = 0; page < count; ++page) {
    const std::size_t from = page * each;
    write_file(folder / file_name(pages, page),
               render(report, pages, page, count, source(from, std::min(each, total - from))));
  }
  for (std::size_t old = count; fs::remove(folder / file_name(pages, old)); ++old) {
  }
  return count == 0 ? std::string() : file_name(pages, 0);
}

}  // namespace curie
