#include "report/pdf.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "report/demo_run.h"
#include "support/temporary_folder.h"
#include "support/throws.h"
#include "tensor/files.h"

namespace curie {
namespace {

int count(const std::string& text, std::string_view part) {
  int times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
  return times;
}

TEST_CASE("the contact sheet is a PDF of every image") {
  const TemporaryFolder folder;
  RunReport report = demo::run();
  if (!has_pdf()) {
    CHECK_ERROR([&] { write_contact_sheet(folder / "sheet.pdf", report); }, usage, "libcairo2-dev");
    return;
  }
  CHECK(pdf_status().substr(0, 6) == "Cairo ");
  // One picture that is not square and in colour, and names that a PDF must cut or replace.
  report.contact_sheet[1] = {.width = 2,
                             .height = 1,
                             .channels = 3,
                             .pixels = {255, 0, 0, 0, 0, 255},
                             .truth = "\xFF(\\)",
                             .predicted = std::string(300, 'x') + "\xE5\x81\xA5",
                             .source = ""};
  write_contact_sheet(folder / "sheet.pdf", report);
  const std::string pdf = read_text(folder / "sheet.pdf");
  CHECK(pdf.substr(0, 5) == "%PDF-");
  CHECK(pdf.find("%%EOF") != std::string::npos);
  CHECK(count(pdf, "/Subtype /Image") == 48);
  // Where Poppler is there, what a reader sees.
  if (std::system("command -v pdftotext >/dev/null 2>&1") != 0) return;
  const std::string command =
      "pdftotext -layout '" + (folder / "sheet.pdf").string() + "' '" + (folder / "sheet.txt").string() + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  const std::string text = read_text(folder / "sheet.txt");
  CHECK(count(text, "Label Predict") == 48);
  CHECK(count(text, "Label Correct") == 48);
  CHECK(count(text, "page 2 of 2") == 1);
  CHECK(count(text, "48 test images with the predicted and the correct label, 5 wrong") == 2);
  CHECK(count(text, "Synthetic phantom images") == 2);
  CHECK(count(text, "Not a diagnosis") == 2);
}

TEST_CASE("a sheet that cannot be drawn or written is a clear error") {
  if (!has_pdf()) return;
  const TemporaryFolder folder;
  RunReport report = demo::run();
  CHECK_ERROR([&] { write_contact_sheet(folder / "missing" / "sheet.pdf", report); }, file, "missing");
  report.contact_sheet[2].pixels.pop_back();
  CHECK_ERROR([&] { write_contact_sheet(folder / "sheet.pdf", report); }, usage, "expected 4096 values");
  report.contact_sheet.clear();
  CHECK_ERROR([&] { write_contact_sheet(folder / "sheet.pdf", report); }, usage, "at least one image");
  CHECK(folder.files() == 0);
}

}  // namespace
}  // namespace curie
