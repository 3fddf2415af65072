// Every mistake of a run with its Grad-CAM, beside the report where they are too many for it.
#include <doctest/doctest.h>

#include <filesystem>

#include "recipes/run.h"
#include "support/quiet.h"
#include "support/temporary_folder.h"
#include "tensor/files.h"

using namespace curie;

namespace {

namespace fs = std::filesystem;

int count(const std::string& text, const std::string& part) {
  int times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
  return times;
}

}  // namespace

TEST_CASE("every misclassified test image has its heat map") {
  const Quiet quiet;
  const TemporaryFolder folder;
  RunOptions options;
  options.out = folder / "run";
  options.epochs = 1;  // of four steps: it has learned next to nothing
  options.limits = {{"Normal", 900}, {"COVID", 650}};
  options.backend.threads = 2;
  options.use_cache = false;
  options.verbose = Verbosity::silent;
  const RunOutcome outcome = run_recipe(options);
  int tested = 0, right = 0;
  const nlohmann::json& confusion = outcome.metrics.at("test").at("confusion");
  for (std::size_t truth = 0; truth < 2; ++truth) {
    for (std::size_t predicted = 0; predicted < 2; ++predicted) {
      const int images = confusion.at(truth).at(predicted).get<int>();
      tested += images;
      if (truth == predicted) right += images;
    }
  }
  const int wrong = tested - right;
  REQUIRE(tested > 300);
  REQUIRE(wrong > 96);  // more than a page
  std::string mistakes, sheet;
  for (const fs::directory_entry& entry : fs::directory_iterator(options.out)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("mistakes") && name.ends_with(".html")) mistakes += read_text(entry.path());
    if (name.starts_with("contact-sheet") && name.ends_with(".html")) sheet += read_text(entry.path());
  }
  CHECK(count(mistakes, "where the model looked") == wrong);
  CHECK(count(mistakes, "<figure class=\"card example wrong\">") == wrong);
  CHECK(count(mistakes, "<figure class=\"card example right\">") == 0);
  CHECK(count(sheet, "<figure class=\"tile wrong\"") == wrong);
  CHECK(count(sheet, "<figure class=\"tile right\"") == right);
  const std::string report = read_text(outcome.report);
  CHECK(count(report, "where the model looked") == 24);
  CHECK(count(report, "<a href=\"mistakes.html\">All " + std::to_string(wrong) + " mistakes</a>") == 1);
  CHECK(count(report, "<a href=\"contact-sheet.html\">") == 1);
}
