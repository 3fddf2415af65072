// Pages of pictures beside a report, so that it stays small however many images were tested: every test image, every
// mistake with its heat map.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "report/report.h"

namespace curie {

// Images of the contact sheet that the report itself shows: a megabyte or two.
inline constexpr std::size_t kTilesOfReport = 300;

struct PicturePages {
  std::string stem;     // "mistakes": mistakes.html, mistakes-2.html, ...
  std::string heading;  // "Every mistake"
  std::string text;     // a sentence under it
  std::string report;   // the report's file name, which the pages lead back to
  bool tiles = false;   // small ones with "Label Predict" and "Label Correct"; else cards as the report's examples
  std::size_t each = 100;  // pictures of a page, at most
};

// `count` of them from `from` on; asked for one page at a time, so that no more than a page is held in memory.
using PictureSource = std::function<std::vector<ExamplePrediction>(std::size_t from, std::size_t count)>;

// Writes the pages of `total` pictures into the folder, each a file that is whole or not there and refers to the other
// pages alone, and removes further pages of that stem that an earlier run left. Gives the first page's name; empty
// where there is nothing to show. The title and the phantoms' banner are the report's. Throws Error(file) where nothing
// can be written, Error(usage) for pixels that do not match their size.
std::string write_picture_pages(const std::filesystem::path& folder, const RunReport& report, const PicturePages& pages,
                                std::size_t total, const PictureSource& source);

}  // namespace curie
