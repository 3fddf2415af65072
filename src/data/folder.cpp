#include "data/folder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>

#include "tensor/error.h"
#include "tensor/text.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

struct Listing {
  std::vector<std::string> folders, files;  // names, sorted bytewise, without hidden ones
};

Listing list(const fs::path& folder) {
  Listing listing;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    std::string name = entries->path().filename().string();
    if (name.starts_with('.')) continue;
    std::error_code unknown;  // a link to nothing counts as a file, and is reported when it is read
    (entries->is_directory(unknown) ? listing.folders : listing.files).push_back(std::move(name));
  }
  CURIE_CHECK(!error, file, "{}: cannot list the folder: {}", folder.string(), error.message());
  // Directory order differs between file systems and between runs.
  std::sort(listing.folders.begin(), listing.folders.end());
  std::sort(listing.files.begin(), listing.files.end());
  return listing;
}

// "a, b, c and 12 more"
std::string enumerate(const std::vector<std::string>& names, std::size_t most = 8) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
  return text;
}

// The one name that matches, first to the letter, then without regard to case.
std::optional<std::string> match(const std::string& wanted, const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
  std::vector<std::string> similar;
  std::copy_if(names.begin(), names.end(), std::back_inserter(similar),
               [&](const std::string& name) { return lower_case(name) == lower_case(wanted); });
  CURIE_CHECK(similar.size() <= 1, usage, "class \"{}\" could be any of the folders {}: name it exactly", wanted,
              enumerate(similar));
  if (similar.empty()) return std::nullopt;
  return similar.front();
}

bool holds_images(const fs::path& folder) {
  const Listing listing = list(folder);
  const auto image = [](const std::string& name) { return has_image_name(name); };
  return std::any_of(listing.files.begin(), listing.files.end(), image);
}

// A data set is often one level further down, or the user named one of its classes.
std::string hint(const fs::path& root, const Listing& listing) {
  for (const std::string& name : listing.folders) {
    const Listing inner = list(root / name);
    const auto is_class = [&](const std::string& folder) { return holds_images(root / name / folder); };
    if (std::count_if(inner.folders.begin(), inner.folders.end(), is_class) >= 2) {
      return fmt::format("; \"{}\" looks like a data set", (root / name).string());
    }
  }
  if (holds_images(root)) return "; it holds images itself: name the folder above it";
  return "";
}

void check_root(const fs::path& root) {
  std::error_code error;
  const fs::file_status status = fs::status(root, error);
  CURIE_CHECK(fs::exists(status), data, "{}: expected a folder with one folder per class, it does not exist",
              root.string());
  CURIE_CHECK(fs::is_directory(status), data, "{}: expected a folder with one folder per class, it is a file",
              root.string());
}

// Adds the images of one class, which lies at root / folder.
void add_class(FolderScan& scan, const std::string& folder, int label, std::optional<int> limit) {
  std::string relative = folder;
  Listing listing = list(scan.root / relative);
  const std::optional<std::string> images = match("images", listing.folders);
  if (images && holds_images(scan.root / relative / *images)) {
    for (const std::string& file : listing.files) scan.ignored.push_back(relative + "/" + file);
    for (const std::string& other : listing.folders) {
      if (other != *images) scan.ignored.push_back(relative + "/" + other);
    }
    relative += "/" + *images;
    listing = list(scan.root / relative);
  }
  for (const std::string& other : listing.folders) scan.ignored.push_back(relative + "/" + other);
  int found = 0;
  for (const std::string& file : listing.files) {
    if (!has_image_name(file)) {
      scan.ignored.push_back(relative + "/" + file);
      continue;
    }
    if (!limit || found < *limit) scan.files.push_back({relative + "/" + file, label});
    ++found;
  }
  CURIE_CHECK(found > 0, data,
              "{}: expected PNG, JPEG or BMP images of class \"{}\", found {} other files and {} folders; add images, "
              "remove the folder, or name the classes to use{}",
              (scan.root / relative).string(), scan.class_names[static_cast<std::size_t>(label)], listing.files.size(),
              listing.folders.size(), hint(scan.root, list(scan.root)));
}

}  // namespace

bool has_image_name(const fs::path& path) {
  static constexpr std::array<std::string_view, 7> kEndings = {".png",  ".jpg", ".jpeg", ".jpe",
                                                               ".jfif", ".bmp", ".dib"};
  return std::find(kEndings.begin(), kEndings.end(), lower_case(path.extension().string())) != kEndings.end();
}

std::vector<int> FolderScan::class_counts() const {
  std::vector<int> counts(class_names.size(), 0);
  for (const File& file : files) ++counts[static_cast<std::size_t>(file.label)];
  return counts;
}

FolderScan scan_class_folders(const fs::path& root, const ScanOptions& options) {
  check_root(root);
  const Listing listing = list(root);
  CURIE_CHECK(!listing.folders.empty(), data, "{}: expected one folder per class, found no folder and {} files{}",
              root.string(), listing.files.size(), hint(root, listing));

  FolderScan scan;
  scan.root = root;
  scan.options = options;
  scan.class_names = options.classes.empty() ? listing.folders : options.classes;
  std::vector<std::string> folders;
  for (const std::string& name : scan.class_names) {
    const std::optional<std::string> folder = match(name, listing.folders);
    CURIE_CHECK(folder.has_value(), data, "{}: expected a folder of class \"{}\", found {}{}", root.string(), name,
                enumerate(listing.folders), suggestion(name, listing.folders));
    CURIE_CHECK(std::find(folders.begin(), folders.end(), *folder) == folders.end(), usage,
                "class \"{}\" is named twice", name);
    folders.push_back(*folder);
  }
  CURIE_CHECK(folders.size() >= 2, data, "{}: expected at least two classes, found one, \"{}\"{}", root.string(),
              scan.class_names.front(), hint(root, listing));

  std::vector<std::optional<int>> limits(folders.size());
  for (const auto& [name, limit] : options.limits) {
    const std::optional<std::string> known = match(name, scan.class_names);
    CURIE_CHECK(known.has_value(), usage, "limit {}={}: expected one of the classes {}{}", name, limit,
                enumerate(scan.class_names), suggestion(name, scan.class_names));
    CURIE_CHECK(limit >= 1, usage, "limit {}={}: expected at least 1 image", name, limit);
    const auto at = std::find(scan.class_names.begin(), scan.class_names.end(), *known) - scan.class_names.begin();
    limits[static_cast<std::size_t>(at)] = limit;
  }
  const bool none = std::none_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    return holds_images(root / folder) || fs::is_directory(root / folder / "images");
  });
  CURIE_CHECK(!none, data, "{}: expected one folder of images per class; none of its folders holds any: {}{}",
              root.string(), enumerate(listing.folders), hint(root, listing));
  for (std::size_t label = 0; label < folders.size(); ++label) {
    add_class(scan, folders[label], static_cast<int>(label), limits[label]);
  }
  return scan;
}

}  // namespace curie
