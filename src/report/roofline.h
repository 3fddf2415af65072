// A training step's profile as a page: the roofline with a dot for each kernel, and the table behind it.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace curie {

// What a kernel did in one step. A kernel without arithmetic has no place in the figure and stands in the table only.
struct RooflineKernel {
  std::string name, shape, part;  // "conv2d_forward", "n256 14x14x64 ...", "conv2d_2"
  double operations = 0.0, bytes = 0.0, seconds = 0.0;
  double least_seconds = 0.0;  // that the roof allows; 0: it does not say
  std::string bound;           // "arithmetic", "memory", "launch"
};

struct Roofline {
  std::string title;                    // "covid-cnn-64 at batch 256"
  std::string device;                   // whose roof it is
  std::vector<std::string> lines = {};  // about the step, shown above the figure
  double operations_per_second = 0.0, bytes_per_second = 0.0;
  double step_seconds = 0.0;  // all kernels and what lies between them
  std::vector<RooflineKernel> kernels;
};

// The figure alone: both axes logarithmic, operations for each byte against operations a second; the area of a dot
// grows with its kernel's share of the step, and its words come up under the pointer. Throws Error(usage) for a roof or
// a time that is not positive.
std::string roofline_figure(const Roofline& roofline);
// Figure and table.
std::string roofline_section(const Roofline& roofline);
// A self-contained page of the same style as a run's report; and the page as a file that is whole or not there.
std::string roofline_page(const Roofline& roofline, const std::string& version);
void write_roofline(const std::filesystem::path& path, const Roofline& roofline, const std::string& version);

}  // namespace curie
