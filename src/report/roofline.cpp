#include "report/roofline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "report/charts.h"
#include "report/html.h"
#include "report/report.h"
#include "report/sections.h"
#include "tensor/error.h"
#include "tensor/files.h"

namespace curie {
namespace {

using html::escape;

constexpr double kWidth = 760, kHeight = 440;
constexpr double kLeft = 70, kRight = 20, kTop = 18, kBottom = 48;

// A logarithmic axis over whole decades.
struct Decades {
  int first = 0, last = 1;
  double share(double value) const { return (std::log10(value) - first) / (last - first); }
};

Decades decades_over(double low, double high) {
  Decades decades{.first = static_cast<int>(std::floor(std::log10(low))),
                  .last = static_cast<int>(std::ceil(std::log10(high)))};
  if (decades.last == decades.first) ++decades.last;
  return decades;
}

// 0.01, 1, 100, 1k, 1M
std::string power_of_ten(int power) {
  if (power < 0) return fmt::format("{:.{}f}", std::pow(10.0, power), -power);
  constexpr std::array<const char*, 5> kUnits = {"", "k", "M", "G", "T"};
  const auto unit = static_cast<std::size_t>(std::min(power / 3, 4));
  return fmt::format("{:.0f}{}", std::pow(10.0, power - 3 * static_cast<int>(unit)), kUnits[unit]);
}

struct Canvas {
  Decades x, y;
  double at_x(double value) const { return kLeft + x.share(value) * (kWidth - kLeft - kRight); }
  double at_y(double value) const { return kHeight - kBottom - y.share(value) * (kHeight - kTop - kBottom); }
};

double intensity(const RooflineKernel& kernel) { return kernel.operations / kernel.bytes; }
double rate(const RooflineKernel& kernel) { return kernel.operations / kernel.seconds; }

// Where there is arithmetic, and a place for it.
std::vector<RooflineKernel> drawn(const Roofline& roofline) {
  std::vector<RooflineKernel> kernels;
  std::copy_if(roofline.kernels.begin(), roofline.kernels.end(), std::back_inserter(kernels),
               [](const RooflineKernel& k) { return k.operations > 0.0 && k.bytes > 0.0 && k.seconds > 0.0; });
  return kernels;
}

Canvas canvas_for(const Roofline& roofline, const std::vector<RooflineKernel>& kernels) {
  const double ridge = roofline.operations_per_second / roofline.bytes_per_second;
  double least_x = ridge, most_x = ridge, least_y = roofline.operations_per_second, most_y = least_y;
  for (const RooflineKernel& kernel : kernels) {
    least_x = std::min(least_x, intensity(kernel));
    most_x = std::max(most_x, intensity(kernel));
    least_y = std::min(least_y, rate(kernel));
    most_y = std::max(most_y, rate(kernel));
  }
  return {.x = decades_over(least_x / 1.5, most_x * 1.5), .y = decades_over(least_y / 1.5, most_y * 1.5)};
}

std::string line(std::string_view kind, double x1, double y1, double x2, double y2) {
  return fmt::format(R"(<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", kind, x1, y1, x2, y2);
}
std::string text(double x, double y, std::string_view anchor, std::string_view content) {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)", x, y, anchor, escape(content));
}

std::string axes(const Canvas& canvas) {
  std::string svg;
  for (int power = canvas.y.first; power <= canvas.y.last; ++power) {
    const double y = canvas.at_y(std::pow(10.0, power));
    svg += line("grid", kLeft, y, kWidth - kRight, y) + text(kLeft - 8, y + 4, "end", power_of_ten(power));
  }
  for (int power = canvas.x.first; power <= canvas.x.last; ++power) {
    const double x = canvas.at_x(std::pow(10.0, power));
    svg += line("grid", x, kTop, x, kHeight - kBottom) + text(x, kHeight - kBottom + 18, "middle", power_of_ten(power));
  }
  svg += line("axis", kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom);
  svg += text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", "operations for each byte that must move");
  return svg +
         fmt::format(
             R"svg(<text transform="translate(16 {:.1f}) rotate(-90)" text-anchor="middle">operations a second</text>)svg",
             (kTop + kHeight - kBottom) / 2);
}

std::string roof_lines(const Roofline& roofline, const Canvas& canvas) {
  const double most = roofline.operations_per_second;
  const double ridge = most / roofline.bytes_per_second;
  // The slope leaves the picture at its left or at its lower edge.
  double left = std::pow(10.0, canvas.x.first);
  left = std::max(left, std::pow(10.0, canvas.y.first) / roofline.bytes_per_second);
  const double right = std::pow(10.0, canvas.x.last);
  return line("roof", canvas.at_x(left), canvas.at_y(left * roofline.bytes_per_second), canvas.at_x(ridge),
              canvas.at_y(most)) +
         line("roof", canvas.at_x(ridge), canvas.at_y(most), canvas.at_x(right), canvas.at_y(most)) +
         text(canvas.at_x(right) - 4, canvas.at_y(most) - 7, "end",
              fmt::format("{:.0f} GFLOP/s, {:.1f} GB/s", most * 1e-9, roofline.bytes_per_second * 1e-9));
}

std::string of_roof(const RooflineKernel& kernel) {
  return kernel.least_seconds > 0.0 ? fmt::format("{:.0f} %", kernel.least_seconds / kernel.seconds * 100.0)
                                    : "\xe2\x80\x93";
}

int color_of(const std::string& bound) { return bound == "arithmetic" ? 0 : bound == "memory" ? 1 : 3; }

std::string dot(const RooflineKernel& kernel, double step_seconds, const Canvas& canvas) {
  const double share = kernel.seconds / step_seconds;
  const double radius = 4.0 + 16.0 * std::sqrt(std::min(share, 1.0));
  const std::string words = fmt::format(
      "{}\n{}\n{}\n{:.3f} ms, {:.0f} % of the step\n{:.1f} GFLOP/s, {:.1f} GB/s\n{} of the roof, bound by {}",
      kernel.name, kernel.shape, kernel.part, kernel.seconds * 1e3, share * 100.0, rate(kernel) * 1e-9,
      kernel.bytes / kernel.seconds * 1e-9, of_roof(kernel), kernel.bound);
  return fmt::format(
      R"(<circle class="kernel series-{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}" tabindex="0"><title>{}</title></circle>)",
      color_of(kernel.bound), canvas.at_x(intensity(kernel)), canvas.at_y(rate(kernel)), radius, escape(words));
}

std::string legend() {
  std::string items;
  for (const char* bound : {"arithmetic", "memory", "launch"}) {
    items += fmt::format(R"(<span><span class="key series-{}"></span>bound by {}</span>)", color_of(bound), bound);
  }
  return R"(<div class="legend">)" + items + "</div>";
}

std::string kernel_row(const RooflineKernel& kernel, double step_seconds) {
  return fmt::format(
      R"(<tr><th scope="row">{}<br><small>{}</small><br><small>{}</small></th><td>{:.3f}</td><td>{:.1f} %</td><td>{:.3f}</td><td>{:.1f}</td><td>{:.1f}</td><td>{:.1f}</td><td>{}</td><td>{}</td></tr>)",
      escape(kernel.name), escape(kernel.shape), escape(kernel.part), kernel.seconds * 1e3,
      kernel.seconds / step_seconds * 100.0, kernel.operations * 1e-9, kernel.bytes * 1e-6, rate(kernel) * 1e-9,
      kernel.bytes / kernel.seconds * 1e-9, of_roof(kernel), escape(kernel.bound));
}

std::string kernel_table(const Roofline& roofline) {
  std::string rows;
  double seconds = 0.0;
  for (const RooflineKernel& kernel : roofline.kernels) {
    rows += kernel_row(kernel, roofline.step_seconds);
    seconds += kernel.seconds;
  }
  const double rest = roofline.step_seconds - seconds;
  rows +=
      fmt::format(R"(<tr><th scope="row">between them</th><td>{:.3f}</td><td>{:.1f} %</td><td colspan="6"></td></tr>)"
                  R"(<tr><th scope="row">the step</th><td>{:.3f}</td><td>100 %</td><td colspan="6"></td></tr>)",
                  rest * 1e3, rest / roofline.step_seconds * 100.0, roofline.step_seconds * 1e3);
  return R"(<div class="card"><h3>Kernels</h3><div class="scroll"><table class="numbers"><thead><tr><th>Kernel</th>)"
         R"(<th>ms</th><th>Share</th><th>GFLOP</th><th>MB</th><th>GFLOP/s</th><th>GB/s</th>)"
         R"(<th>Of its roof</th><th>Bound by</th></tr></thead><tbody>)" +
         rows + "</tbody></table></div></div>";
}

}  // namespace

std::string roofline_figure(const Roofline& roofline) {
  CURIE_CHECK(roofline.operations_per_second > 0.0 && roofline.bytes_per_second > 0.0 && roofline.step_seconds > 0.0,
              usage, "roofline: expected a roof and a step's time above 0, got {} operations/s, {} bytes/s and {} s",
              roofline.operations_per_second, roofline.bytes_per_second, roofline.step_seconds);
  std::vector<RooflineKernel> kernels = drawn(roofline);
  const Canvas canvas = canvas_for(roofline, kernels);
  std::string svg = axes(canvas) + roof_lines(roofline, canvas);
  // Small dots last, so that none is hidden.
  std::stable_sort(kernels.begin(), kernels.end(),
                   [](const RooflineKernel& a, const RooflineKernel& b) { return a.seconds > b.seconds; });
  for (const RooflineKernel& kernel : kernels) svg += dot(kernel, roofline.step_seconds, canvas);
  const std::size_t without = roofline.kernels.size() - kernels.size();
  const std::string left_out =
      without == 0
          ? ""
          : fmt::format(R"(<p class="muted">{} without arithmetic {} in the table only.</p>)",
                        html::plural(static_cast<std::int64_t>(without), "kernel"), without == 1 ? "is" : "are");
  return fmt::format(
      R"(<figure class="card roofline"><h3>Roofline</h3>{}<svg viewBox="0 0 {} {}" role="img" aria-label="Roofline: operations a second against operations for each byte">{}</svg>{}</figure>)",
      legend(), kWidth, kHeight, svg, left_out);
}

std::string roofline_section(const Roofline& roofline) {
  std::string lines;
  for (const std::string& line : roofline.lines) lines += "<p class=\"muted\">" + escape(line) + "</p>";
  return R"(<section id="roofline"><h2>Where a step's time goes</h2>)" + lines + roofline_figure(roofline) +
         kernel_table(roofline) + "</section>";
}

std::string roofline_page(const Roofline& roofline, const std::string& version) {
  const std::string header = fmt::format(
      R"(<header><div class="width"><p class="overline">Curie profiles a training step</p><h1>{}</h1><p class="lead">{}</p></div></header>)",
      escape(roofline.title), escape(roofline.device));
  const std::string sections = roofline_section(roofline), footer = footer_html(version, false);
  return page_html({.title = "Curie profiles a training step",
                    .header = header,
                    .navigation = {},
                    .sections = sections,
                    .footer = footer,
                    .scripts = {}});
}

void write_roofline(const std::filesystem::path& path, const Roofline& roofline, const std::string& version) {
  write_file(path, roofline_page(roofline, version));
}

}  // namespace curie
