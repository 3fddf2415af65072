// The pictures of a run: examples for its report, the contact sheet, and pages beside the report for what is too much
// for it.
#pragma once

#include "recipes/run_report.h"

namespace curie {

// Right ones, those the model was least sure of, the surest mistakes with their Grad-CAM, and every test image small.
void add_examples(const RunFacts& facts, RunReport& report);

// Writes the pages beside the report and names them in it:
//   contact-sheet.html, contact-sheet-2.html, ...  every test image, where the report cannot show all
//   mistakes.html, mistakes-2.html, ...            every mistake with its Grad-CAM, likewise, the surest first
// Heat maps are computed for a page at a time, in batches of bounded memory.
void write_pages(const RunFacts& facts, RunReport& report);

}  // namespace curie
