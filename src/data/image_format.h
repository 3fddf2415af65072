// What kind of image file a block of bytes is, and whether the file is whole. The decoder fills what is missing at the
// end of a file with grey or black and reports success, so this is checked before it runs.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace curie {

enum class ImageFormat { png, jpeg, bmp };

std::string_view name_of(ImageFormat format);  // "PNG", "JPEG", "BMP"

// The format by content. Throws Error(data), which names the file and what was found instead: nothing, text, another
// format.
ImageFormat image_format(std::span<const std::byte> file, std::string_view name);

// Throws Error(data) unless the file's structure is complete: a PNG's chunks up to IEND with right checksums, a JPEG's
// segments and scans up to its end marker, a BMP's rows. Bytes after the end are ignored.
void check_whole(ImageFormat format, std::span<const std::byte> file, std::string_view name);

}  // namespace curie
