#include "data/image_format.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "data/crc32.h"
#include "tensor/error.h"

namespace curie {
namespace {

using namespace std::string_view_literals;
using Bytes = std::span<const std::byte>;

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

bool holds(Bytes file, std::size_t offset, std::string_view signature) {
  return file.size() >= offset + signature.size() && text_of(file.subspan(offset, signature.size())) == signature;
}

std::uint32_t byte_at(Bytes bytes, std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); }
std::uint32_t big16(Bytes bytes, std::size_t i) { return byte_at(bytes, i) << 8 | byte_at(bytes, i + 1); }
std::uint32_t big32(Bytes bytes, std::size_t i) { return big16(bytes, i) << 16 | big16(bytes, i + 2); }
std::uint32_t little16(Bytes bytes, std::size_t i) { return byte_at(bytes, i) | byte_at(bytes, i + 1) << 8; }
std::uint32_t little32(Bytes bytes, std::size_t i) { return little16(bytes, i) | little16(bytes, i + 2) << 16; }

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view what;
};

constexpr std::array kOtherFormats = {
    Signature{0, "GIF8"sv, "a GIF image"},
    Signature{0, "II*\0"sv, "a TIFF image"},
    Signature{0, "MM\0*"sv, "a TIFF image"},
    Signature{128, "DICM"sv, "a DICOM file"},
    Signature{8, "WEBP"sv, "a WebP image"},
    Signature{4, "ftyp"sv, "an HEIF or AVIF image or a video"},
    Signature{0, "%PDF"sv, "a PDF document"},
    Signature{0, "PK\3\4"sv, "a ZIP archive"},
    Signature{0, "\x1f\x8b"sv, "a gzip archive"},
    Signature{0, "version https://git-lfs"sv, "a Git LFS pointer: fetch the real file with 'git lfs pull'"},
};

std::string describe(Bytes file) {
  for (const Signature& other : kOtherFormats) {
    if (holds(file, other.offset, other.bytes)) return std::string(other.what);
  }
  const std::string_view head = text_of(file.first(std::min<std::size_t>(file.size(), 40)));
  const bool is_text = std::all_of(head.begin(), head.end(), [](char c) {
    const auto code = static_cast<unsigned char>(c);
    return std::isprint(code) != 0 || std::isspace(code) != 0;
  });
  if (is_text) return fmt::format("text that begins with \"{}\"", head.substr(0, head.find_first_of("\r\n")));
  std::string bytes;
  for (std::size_t i = 0; i < std::min<std::size_t>(file.size(), 8); ++i) {
    bytes += fmt::format("{}{:02x}", i == 0 ? "" : " ", byte_at(file, i));
  }
  return fmt::format("a file that begins with the bytes {}", bytes);
}

[[noreturn]] void truncated(ImageFormat format, Bytes file, std::string_view name, std::string_view missing) {
  throw_error(ErrorKind::data, fmt::format("{}: truncated {} image: its {} bytes end before {}", name, name_of(format),
                                           file.size(), missing));
}

[[noreturn]] void damaged(ImageFormat format, std::string_view name, std::string_view how) {
  throw_error(ErrorKind::data, fmt::format("{}: damaged {} image: {}", name, name_of(format), how));
}

void check_png(Bytes file, std::string_view name) {
  constexpr std::size_t kOverhead = 12;  // length, type and checksum of a chunk
  bool first = true;
  bool pixels = false;
  for (std::size_t at = 8;;) {
    if (file.size() - at < kOverhead) truncated(ImageFormat::png, file, name, "the IEND chunk");
    const std::size_t length = big32(file, at);
    const std::string_view type = text_of(file.subspan(at + 4, 4));
    const bool named =
        std::all_of(type.begin(), type.end(), [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
    if (!named) damaged(ImageFormat::png, name, fmt::format("no chunk begins at byte {}", at));
    if (first != (type == "IHDR")) damaged(ImageFormat::png, name, "the first chunk, and no other, must be IHDR");
    if (length > file.size() - at - kOverhead) {
      truncated(ImageFormat::png, file, name, fmt::format("the end of the {} chunk at byte {}", type, at));
    }
    // A capital first letter: a chunk that the picture depends on.
    const bool critical = std::isupper(static_cast<unsigned char>(type[0])) != 0;
    if (critical && crc32(file.subspan(at + 4, length + 4)) != big32(file, at + 8 + length)) {
      damaged(ImageFormat::png, name, fmt::format("wrong checksum of the {} chunk at byte {}", type, at));
    }
    pixels = pixels || type == "IDAT";
    if (type == "IEND") break;
    first = false;
    at += kOverhead + length;
  }
  if (!pixels) damaged(ImageFormat::png, name, "no IDAT chunk, so no pixels");
}

// Huffman tables as the decoder assumes them: at most 255 codes (its table of short codes marks "none" by 255), none
// of them longer than the bits that the shorter ones leave.
void check_huffman_tables(Bytes segment, std::string_view name) {
  while (!segment.empty()) {
    if (segment.size() < 17) damaged(ImageFormat::jpeg, name, "a Huffman table ends early");
    std::uint32_t codes = 0;
    std::uint32_t used = 0;  // in units of a 16-bit code
    for (std::size_t length = 1; length <= 16; ++length) {
      codes += byte_at(segment, length);
      used += byte_at(segment, length) << (16 - length);
    }
    if (codes > 255 || used > 65536 || segment.size() < 17 + codes) {
      damaged(ImageFormat::jpeg, name, "an impossible Huffman table");
    }
    segment = segment.subspan(17 + codes);
  }
}

void check_frame(std::uint32_t marker, Bytes segment, std::string_view name) {
  CURIE_CHECK(marker <= 0xC2, data,
              "{}: expected a baseline or progressive JPEG, found a lossless, hierarchical or arithmetic-coded one",
              name);
  if (segment.size() < 6) damaged(ImageFormat::jpeg, name, "its frame header ends early");
  CURIE_CHECK(byte_at(segment, 0) == 8, data, "{}: expected a JPEG of 8 bits a sample, found {} bits", name,
              byte_at(segment, 0));
}

// From `at`, the position of the next marker's code (the byte after its 0xFF), or the file's size. Inside a scan,
// 0xFF 0x00 is a data byte and restart markers belong to the data.
std::size_t next_marker(Bytes file, std::size_t at) {
  while (at < file.size()) {
    const void* found = std::memchr(file.data() + at, 0xFF, file.size() - at);
    if (found == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - file.data()) + 1;
    while (at < file.size() && byte_at(file, at) == 0xFF) ++at;  // fill bytes
    if (at == file.size()) break;
    const std::uint32_t code = byte_at(file, at);
    if (code != 0 && !(code >= 0xD0 && code <= 0xD7)) return at;
    ++at;
  }
  return file.size();
}

void check_jpeg(Bytes file, std::string_view name) {
  bool scanned = false;
  bool framed = false;
  for (std::size_t at = next_marker(file, 2);; at = next_marker(file, at)) {
    if (at == file.size()) truncated(ImageFormat::jpeg, file, name, "the end marker");
    const std::uint32_t marker = byte_at(file, at++);
    if (marker == 0xD9) break;     // end of image
    if (marker == 0x01) continue;  // no segment follows
    if (marker == 0xD8) damaged(ImageFormat::jpeg, name, "a second image begins inside the first");
    if (file.size() - at < 2) truncated(ImageFormat::jpeg, file, name, "the end marker");
    const std::size_t length = big16(file, at);
    if (length < 2) damaged(ImageFormat::jpeg, name, fmt::format("a segment of {} bytes at byte {}", length, at));
    if (length > file.size() - at) truncated(ImageFormat::jpeg, file, name, "the end of a segment");
    const Bytes segment = file.subspan(at + 2, length - 2);
    if (marker == 0xC4) {
      check_huffman_tables(segment, name);
    } else if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC8 && marker != 0xCC) {
      if (framed) damaged(ImageFormat::jpeg, name, "it has two frame headers");
      check_frame(marker, segment, name);
      framed = true;
    }
    scanned = scanned || marker == 0xDA;
    at += length;
  }
  if (!framed || !scanned) damaged(ImageFormat::jpeg, name, "it ends before any pixel");
}

void check_bmp(Bytes file, std::string_view name) {
  if (file.size() < 34) truncated(ImageFormat::bmp, file, name, "the pixels");
  const std::uint64_t first_pixel = little32(file, 10);
  const bool old_header = little32(file, 14) == 12;
  const std::uint64_t width = old_header ? little16(file, 18) : little32(file, 18);
  const auto height = std::abs(old_header ? std::int64_t{little16(file, 20)}
                                          : std::int64_t{static_cast<std::int32_t>(little32(file, 22))});
  const std::uint64_t bits = little16(file, old_header ? 24 : 28);
  const std::uint32_t compression = old_header ? 0 : little32(file, 30);
  if (compression == 1 || compression == 2) {
    throw_error(ErrorKind::data, fmt::format("{}: expected a BMP image without compression, found run lengths", name));
  }
  const std::uint64_t row = (width * bits + 31) / 32 * 4;  // rows are padded to four bytes
  // Not above 2^35 bytes a row and 2^31 rows, so the product is tested by division.
  const std::uint64_t room = file.size() > first_pixel ? file.size() - first_pixel : 0;
  if (row > 0 && room / row < static_cast<std::uint64_t>(height)) {
    truncated(ImageFormat::bmp, file, name, fmt::format("its {} rows of {} bytes", height, row));
  }
}

}  // namespace

std::string_view name_of(ImageFormat format) {
  switch (format) {
    case ImageFormat::png:
      return "PNG";
    case ImageFormat::jpeg:
      return "JPEG";
    case ImageFormat::bmp:
      return "BMP";
  }
  return "unknown";
}

ImageFormat image_format(Bytes file, std::string_view name) {
  CURIE_CHECK(!file.empty(), data, "{}: expected a PNG, JPEG or BMP image, the file is empty", name);
  if (holds(file, 0, "\x89PNG\r\n\x1a\n"sv)) return ImageFormat::png;
  if (holds(file, 0, "\xff\xd8\xff"sv)) return ImageFormat::jpeg;
  // Two letters alone would take text for a BMP: the two reserved fields are zero in every real file.
  if (holds(file, 0, "BM"sv) && holds(file, 6, "\0\0\0\0"sv)) return ImageFormat::bmp;
  throw_error(ErrorKind::data, fmt::format("{}: expected a PNG, JPEG or BMP image, found {}", name, describe(file)));
}

void check_whole(ImageFormat format, Bytes file, std::string_view name) {
  switch (format) {
    case ImageFormat::png:
      return check_png(file, name);
    case ImageFormat::jpeg:
      return check_jpeg(file, name);
    case ImageFormat::bmp:
      return check_bmp(file, name);
  }
}

}  // namespace curie
