#include "report/picture_pages.h"

#include <doctest/doctest.h>

#include "report/demo_run.h"
#include "report/markup.h"
#include "support/temporary_folder.h"
#include "support/throws.h"
#include "tensor/files.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

int count(const std::string& text, const std::string& part) {
  int times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
  return times;
}

PicturePages mistakes() {
  return {.stem = "mistakes", .heading = "Every <mistake>", .text = "A & B", .report = "report.html", .each = 3};
}

// Each named by its number, with a heat map.
std::vector<ExamplePrediction> numbered(std::size_t from, std::size_t count) {
  std::vector<ExamplePrediction> examples;
  for (std::size_t i = from; i < from + count; ++i) {
    examples.push_back(demo::example(true, false, 0.9, static_cast<int>(i)));
    examples.back().source = "number-" + std::to_string(i) + "<.png";
    examples.back().explanation = demo::explained(examples.back());
  }
  return examples;
}

TEST_CASE("pages hold every picture once, lead to each other and back, and are asked for one by one") {
  const TemporaryFolder folder;
  const RunReport report = demo::run();
  std::vector<std::pair<std::size_t, std::size_t>> asked;
  const std::string first =
      write_picture_pages(folder.path(), report, mistakes(), 8, [&](std::size_t from, std::size_t n) {
        asked.emplace_back(from, n);
        return numbered(from, n);
      });
  CHECK(first == "mistakes.html");
  CHECK(asked == std::vector<std::pair<std::size_t, std::size_t>>{{0, 3}, {3, 3}, {6, 2}});
  std::string all;
  for (const char* name : {"mistakes.html", "mistakes-2.html", "mistakes-3.html"}) {
    const std::string page = read_text(folder / name);
    const markup::Page read = markup::read(page);
    CHECK_MESSAGE(read.problem.empty(), read.problem);
    CHECK(contains(page, "<h1>Every &lt;mistake&gt;</h1><p class=\"lead\">A &amp; B</p>"));
    CHECK(contains(page, "Synthetic phantom images, not patients."));
    CHECK(contains(page, "Not a diagnosis."));
    CHECK(contains(page, "<a href=\"report.html\">Report</a>"));
    CHECK(contains(page, std::string("<a href=\"") + name + "\" aria-current=\"page\">"));
    CHECK(count(page, "aria-current") == 2);  // the style sheet names it once
    CHECK(count(page, "where the model looked") == (contains(name, "-3") ? 2 : 3));
    for (const markup::Element& element : read.elements) {
      const std::string* link = element.attribute("href");
      if (link != nullptr && *link != "report.html") CHECK(fs::exists(folder / *link));
    }
    all += page;
  }
  for (int i = 0; i < 8; ++i) CHECK(count(all, "alt=\"number-" + std::to_string(i) + "&lt;.png\"") == 1);
  CHECK(folder.files() == 3);

  // A later run of fewer mistakes leaves no page of the earlier one.
  CHECK(write_picture_pages(folder.path(), report, mistakes(), 4, numbered) == "mistakes.html");
  CHECK(folder.files() == 2);
  CHECK(write_picture_pages(folder.path(), report, mistakes(), 0, numbered).empty());
  CHECK(folder.files() == 0);
}

TEST_CASE("pages of tiles have the contact sheet's labels; what cannot be written or drawn is a clear error") {
  const TemporaryFolder folder;
  RunReport report = demo::run();
  report.synthetic = false;
  PicturePages pages = mistakes();
  pages.tiles = true;
  pages.each = 100;
  write_picture_pages(folder.path(), report, pages, 48, [&](std::size_t, std::size_t) { return report.contact_sheet; });
  const std::string page = read_text(folder / "mistakes.html");
  CHECK(count(page, "Label Predict") == 48);
  CHECK(contains(page, "mistakes only"));
  CHECK_FALSE(contains(page, "Synthetic phantom images"));
  CHECK_ERROR([&] { write_picture_pages(folder / "missing", report, pages, 1, numbered); }, file, "missing");
  CHECK_ERROR(
      [&] {
        write_picture_pages(folder.path(), report, pages, 1, [](std::size_t from, std::size_t n) {
          std::vector<ExamplePrediction> broken = numbered(from, n);
          broken[0].pixels.pop_back();
          return broken;
        });
      },
      usage, "4096 values");
}

}  // namespace
}  // namespace curie
