#include "report/pdf.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/html.h"
#include "tensor/error.h"
#include "tensor/files.h"

#ifdef CURIE_WITH_CAIRO

#include <cairo-pdf.h>

#include <memory>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CURIE_LEAK_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CURIE_LEAK_SANITIZER
#endif

#ifdef CURIE_LEAK_SANITIZER
// Fontconfig keeps a kilobyte of patterns for the life of the process, out of the leak checker's sight.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\n"; }
#endif

namespace curie {
namespace {

// Points, 1/72 inch.
constexpr double kPageWidth = 595.28, kPageHeight = 841.89;  // A4
constexpr double kMargin = 36, kGap = 8, kHeader = 52, kFooter = 22;
constexpr int kColumns = 6;
constexpr double kSide = (kPageWidth - 2 * kMargin - (kColumns - 1) * kGap) / kColumns;
constexpr double kLine = 8.5, kCaption = 2 * kLine + 5;
constexpr int kRows =
    static_cast<int>((kPageHeight - 2 * kMargin - kHeader - kFooter + kGap) / (kSide + kCaption + kGap));
constexpr int kPerPage = kColumns * kRows;

struct Color {
  double r, g, b;
};
constexpr Color kInk{0.09, 0.13, 0.17}, kMuted{0.36, 0.41, 0.47}, kBad{0.73, 0.23, 0.20}, kGood{0.11, 0.49, 0.33};

struct Release {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using Surface = std::unique_ptr<cairo_surface_t, Release>;
using Context = std::unique_ptr<cairo_t, Release>;

void check(cairo_status_t status, const char* doing) {
  CURIE_CHECK(status == CAIRO_STATUS_SUCCESS, file, "contact sheet: {}: {}", doing, cairo_status_to_string(status));
}

class Sheet {
 public:
  explicit Sheet(const RunReport& report)
      : report_(report),
        surface_(cairo_pdf_surface_create_for_stream(append, &bytes_, kPageWidth, kPageHeight)),
        context_(cairo_create(surface_.get())) {
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_TITLE, html::clean(report.title).c_str());
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_CREATOR, "Curie");
  }

  std::string finish() {
    const int images = static_cast<int>(report_.contact_sheet.size());
    const int pages = (images + kPerPage - 1) / kPerPage;
    for (int page = 0; page < pages; ++page) {
      frame(page, pages);
      const int last = std::min(images, (page + 1) * kPerPage);
      for (int i = page * kPerPage; i < last; ++i)
        tile(i - page * kPerPage, report_.contact_sheet[static_cast<std::size_t>(i)]);
      cairo_show_page(context_.get());
    }
    check(cairo_status(context_.get()), "drawing");
    context_.reset();
    cairo_surface_finish(surface_.get());
    check(cairo_surface_status(surface_.get()), "writing");
    return std::move(bytes_);
  }

 private:
  static cairo_status_t append(void* closure, const unsigned char* data, unsigned size) {
    static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), size);
    return CAIRO_STATUS_SUCCESS;
  }

  void font(double size, bool bold, const Color& color) {
    cairo_select_font_face(context_.get(), "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(context_.get(), size);
    cairo_set_source_rgb(context_.get(), color.r, color.g, color.b);
  }

  double width(const std::string& text) {
    cairo_text_extents_t extents;
    cairo_text_extents(context_.get(), text.c_str(), &extents);
    return extents.x_advance;
  }

  // In the font set last, cut to fit; returns where it ends.
  double write(double x, double y, const std::string& raw, double room) {
    std::string text = html::clean(raw);
    if (width(text) > room) {
      const std::string ellipsis = "\xE2\x80\xA6";
      while (!text.empty() && width(text + ellipsis) > room) {
        do {
          const bool inside = (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80;  // of a UTF-8 sequence
          text.pop_back();
          if (!inside) break;
        } while (!text.empty());
      }
      text += ellipsis;
    }
    cairo_move_to(context_.get(), x, y);
    cairo_show_text(context_.get(), text.c_str());
    return x + width(text);
  }

  void frame(int page, int pages) {
    constexpr double kRoom = kPageWidth - 2 * kMargin;
    const auto& sheet = report_.contact_sheet;
    const auto wrong = std::count_if(sheet.begin(), sheet.end(),
                                     [](const ExamplePrediction& one) { return one.truth != one.predicted; });
    font(14, true, kInk);
    write(kMargin, kMargin + 12, report_.title, kRoom);
    font(8.5, false, kMuted);
    write(kMargin, kMargin + 26,
          fmt::format("{}, {}: {} with the predicted and the correct label, {} wrong.", report_.recipe, report_.started,
                      html::plural(static_cast<std::int64_t>(sheet.size()), "test image"),
                      html::thousands(static_cast<std::int64_t>(wrong))),
          kRoom);
    if (report_.synthetic) write(kMargin, kMargin + 37, "Synthetic phantom images, not patients.", kRoom);
    write(kMargin, kPageHeight - kMargin, "Not a diagnosis. This sheet describes a software experiment.", kRoom - 80);
    const std::string number = fmt::format("page {} of {}", page + 1, pages);
    write(kPageWidth - kMargin - width(number), kPageHeight - kMargin, number, kRoom);
  }

  void tile(int place, const ExamplePrediction& one) {
    const double x = kMargin + place % kColumns * (kSide + kGap);
    const double y = kMargin + kHeader - 8 + place / kColumns * (kSide + kCaption + kGap);
    cairo_t* context = context_.get();
    cairo_set_source_rgb(context, 0, 0, 0);
    cairo_rectangle(context, x, y, kSide, kSide);
    cairo_fill(context);
    picture(one, x, y);
    const bool right = one.truth == one.predicted;
    if (!right) {
      cairo_set_source_rgb(context, kBad.r, kBad.g, kBad.b);
      cairo_set_line_width(context, 1.5);
      cairo_rectangle(context, x, y, kSide, kSide);
      cairo_stroke(context);
    }
    label(x, y + kSide + kLine, "Label Predict ", one.predicted, right ? kGood : kBad);
    label(x, y + kSide + 2 * kLine, "Label Correct ", one.truth, kInk);
  }

  void label(double x, double y, const std::string& what, const std::string& name, const Color& color) {
    font(6.5, false, kMuted);
    const double end = write(x, y, what, kSide);
    font(6.5, true, color);
    write(end, y, name, x + kSide - end);
  }

  void picture(const ExamplePrediction& one, double x, double y) {
    const Surface image(cairo_image_surface_create(CAIRO_FORMAT_RGB24, one.width, one.height));
    check(cairo_surface_status(image.get()), "making an image");
    cairo_surface_flush(image.get());
    unsigned char* const rows = cairo_image_surface_get_data(image.get());
    const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(image.get()));
    const auto channels = static_cast<std::size_t>(one.channels);
    for (std::size_t row = 0; row < static_cast<std::size_t>(one.height); ++row) {
      for (std::size_t column = 0; column < static_cast<std::size_t>(one.width); ++column) {
        const std::uint8_t* pixel = &one.pixels[(row * static_cast<std::size_t>(one.width) + column) * channels];
        const std::uint32_t r = pixel[0], g = pixel[channels == 3 ? 1 : 0], b = pixel[channels == 3 ? 2 : 0];
        reinterpret_cast<std::uint32_t*>(rows + row * stride)[column] = r << 16 | g << 8 | b;
      }
    }
    cairo_surface_mark_dirty(image.get());
    const double scale = kSide / std::max(one.width, one.height);
    cairo_save(context_.get());
    cairo_translate(context_.get(), x + (kSide - one.width * scale) / 2, y + (kSide - one.height * scale) / 2);
    cairo_scale(context_.get(), scale, scale);
    cairo_set_source_surface(context_.get(), image.get(), 0, 0);
    cairo_paint(context_.get());
    cairo_restore(context_.get());
  }

  const RunReport& report_;
  std::string bytes_;
  Surface surface_;
  Context context_;
};

}  // namespace

bool has_pdf() { return true; }
std::string pdf_status() { return fmt::format("Cairo {}, writes the contact sheet as a PDF", cairo_version_string()); }

void write_contact_sheet(const std::filesystem::path& path, const RunReport& report) {
  CURIE_CHECK(!report.contact_sheet.empty(), usage, "contact sheet: expected at least one image, got none");
  for (const ExamplePrediction& one : report.contact_sheet) {
    const auto values = static_cast<std::int64_t>(one.width) * one.height * one.channels;
    CURIE_CHECK(one.width >= 1 && one.height >= 1 && (one.channels == 1 || one.channels == 3) &&
                    static_cast<std::int64_t>(one.pixels.size()) == values,
                usage, "contact sheet: expected {} values for {} x {} pixels of {} channels, got {}", values, one.width,
                one.height, one.channels, one.pixels.size());
  }
  write_file(path, Sheet(report).finish());
}

}  // namespace curie

#else

namespace curie {

bool has_pdf() { return false; }
std::string pdf_status() {
  return "not in this build (Cairo not found, or CURIE_PDF=OFF; Debian: libcairo2-dev); no contact-sheet.pdf";
}

void write_contact_sheet(const std::filesystem::path& path, const RunReport&) {
  throw_error(ErrorKind::usage, fmt::format("{}: this build writes no PDF: {}", path.string(), pdf_status()));
}

}  // namespace curie

#endif
