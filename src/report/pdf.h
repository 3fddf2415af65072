// The contact sheet for printing.
#pragma once

#include <filesystem>
#include <string>

#include "report/report.h"

namespace curie {

// Whether Cairo is in this build, and which version or why not; one line for `curie info`.
bool has_pdf();
std::string pdf_status();

// Every image of report.contact_sheet with "Label Predict" and "Label Correct" on A4 pages: a file that is whole or not
// there. Throws Error(usage) in a build without Cairo or for a sheet without images, Error(file) when it cannot be
// written.
void write_contact_sheet(const std::filesystem::path& path, const RunReport& report);

}  // namespace curie
