// Odd and damaged files from real collections, where they are at hand: no patient's image is part of this repository.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "data/image.h"
#include "pictures.h"
#include "support/xrays.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

Image decode(const fs::path& path) { return decode_image(read_file(path), path.filename().string()); }

TEST_CASE("odd files of real collections decode to the extents and channels of their list") {
  const fs::path folder = xrays("odd");
  if (folder.empty()) return;
  const std::map<std::string, int> channels = {{"L", 1}, {"RGB", 3}, {"RGBA", 3}, {"P", 3}};
  std::istringstream list(read_text(folder / "README.csv"));
  std::string line;
  std::getline(list, line);
  int decoded = 0;
  while (std::getline(list, line)) {
    std::vector<std::string> fields;
    std::istringstream row(line);
    for (std::string field; std::getline(row, field, ',');) fields.push_back(field);
    if (fields.size() < 6 || fields[0].find('*') != std::string::npos) continue;
    CAPTURE(fields[0]);
    try {
      const Image image = decode(folder / fields[0]);
      CHECK(fmt::format("{}x{}", image.width, image.height) == fields[5]);
      CHECK(image.channels == channels.at(fields[4]));
      ++decoded;
    } catch (const Error& error) {
      // Line ends were rewritten in these two: whether anything readable is left is up to the decoder.
      CHECK(fields[0].find("crlf_damaged") != std::string::npos);
      CHECK(error.kind() == ErrorKind::data);
    }
  }
  CHECK(decoded >= 18);
}

TEST_CASE("synthetic odd files decode, or say what is wrong with them") {
  const fs::path folder = xrays("odd");
  if (folder.empty()) return;
  const std::map<std::string, std::string> faults = {
      {"badcrc_rgba.png", "wrong checksum of the IDAT chunk"},
      {"empty.jpg", "the file is empty"},
      {"text_named.png", "found text that begins with \"not an image\""},
      {"truncated_base444.jpg", "truncated JPEG image"},
      {"truncated_rgba.png", "truncated PNG image"},
  };
  int seen = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "synthetic")) {
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    ++seen;
    if (const auto fault = faults.find(name); fault != faults.end()) {
      const Thrown thrown = error_of([&] { decode(entry.path()); });
      CHECK(thrown.kind == ErrorKind::data);
      CHECK(thrown.says(name + ": "));
      CHECK(thrown.says(fault->second));
      continue;
    }
    const Image image = decode(entry.path());
    CHECK(image.width == 224);
    CHECK(image.height == 224);
  }
  CHECK(seen >= static_cast<int>(faults.size()));
}

}  // namespace
}  // namespace curie
