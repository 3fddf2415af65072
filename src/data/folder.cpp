#include "data/folder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "tensor/error.h"
#include "tensor/text.h"

namespace curie {
namespace {

namespace fs = std::filesystem;

constexpr std::pair<std::string_view, Part> kPartNames[] = {{"train", Part::train},
                                                            {"val", Part::validation},
                                                            {"valid", Part::validation},
                                                            {"validation", Part::validation},
                                                            {"test", Part::test}};

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

// The one name that matches, first to the letter, then by its plain form.
std::optional<std::string> match(const std::string& wanted, const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
  std::vector<std::string> similar;
  std::copy_if(names.begin(), names.end(), std::back_inserter(similar),
               [&](const std::string& name) { return plain_name(name) == plain_name(wanted); });
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

// A class within a folder: all of its images, or those with a word in their names.
struct Kind {
  int label;
  std::string word;  // plain; empty: all
};

struct ClassFolder {
  std::string path;  // relative to the root
  Part part;
  std::vector<Kind> kinds;
};

// Whether a file's name has the word between characters that are no letters: "virus" in person1_virus_6.jpeg.
bool has_word(const std::string& file, const std::string& word) {
  const std::string name = lower_case(file);
  const auto letter = [&](std::size_t at) { return at < name.size() && name[at] >= 'a' && name[at] <= 'z'; };
  for (std::size_t at = name.find(word); at != std::string::npos; at = name.find(word, at + 1)) {
    if (!letter(at - 1) && !letter(at + word.size())) return true;  // at - 1 of 0 is beyond every end
  }
  return false;
}

// The label of a file, if exactly one kind claims it.
std::optional<int> label_of(const ClassFolder& folder, const std::string& file) {
  std::optional<int> label;
  for (const Kind& kind : folder.kinds) {
    if (!kind.word.empty() && !has_word(file, kind.word)) continue;
    if (label) return std::nullopt;
    label = kind.label;
  }
  return label;
}

// The folders of the classes that lie directly in root / where. `missing` gets the classes that are not there.
std::vector<ClassFolder> find_classes(const fs::path& root, const std::string& where, Part part,
                                      const std::vector<std::string>& classes, std::vector<std::string>& missing) {
  const std::vector<std::string> names = list(root / where).folders;
  std::vector<ClassFolder> folders;
  const auto add = [&](const std::string& name, const Kind& kind, const std::string& wanted) {
    const std::string path = where.empty() ? name : where + "/" + name;
    const auto known =
        std::find_if(folders.begin(), folders.end(), [&](const ClassFolder& folder) { return folder.path == path; });
    if (known == folders.end()) {
      folders.push_back({path, part, {kind}});
      return;
    }
    const bool apart = std::none_of(known->kinds.begin(), known->kinds.end(), [&](const Kind& other) {
      return other.word.empty() || kind.word.empty() || other.word == kind.word;
    });
    CURIE_CHECK(apart, usage, "class \"{}\" is named twice, or holds another class: both are in the folder {}", wanted,
                path);
    known->kinds.push_back(kind);
  };
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const std::string& wanted = classes[label];
    if (const std::optional<std::string> whole = match(wanted, names)) {
      add(*whole, {static_cast<int>(label), ""}, wanted);
      continue;
    }
    const std::size_t gap = wanted.find_last_of(" _");
    const bool two_words = gap != std::string::npos && gap > 0 && gap + 1 < wanted.size();
    const std::optional<std::string> above = two_words ? match(wanted.substr(0, gap), names) : std::nullopt;
    if (above) {
      add(*above, {static_cast<int>(label), lower_case(wanted.substr(gap + 1))}, wanted);
    } else {
      missing.push_back(wanted);
    }
  }
  return folders;
}

std::set<std::string> folders_with_images(const fs::path& folder) {
  std::set<std::string> names;
  for (const std::string& name : list(folder).folders) {
    if (holds_images(folder / name) || fs::is_directory(folder / name / "images")) names.insert(name);
  }
  return names;
}

struct PartFolder {
  std::string name;
  Part part;
};

// Folders of the root that are parts, in the order of Part. Empty unless one holds folders with images.
std::vector<PartFolder> find_parts(const fs::path& root, const Listing& listing) {
  std::vector<PartFolder> parts;
  for (const auto& [wanted, part] : kPartNames) {
    for (const std::string& name : listing.folders) {
      if (lower_case(name) != wanted) continue;
      if (!folders_with_images(root / name).empty()) parts.push_back({name, part});
    }
  }
  return parts;
}

// The folders of all classes, in the root or in its parts; decides the names of the classes.
std::vector<ClassFolder> locate_classes(FolderScan& scan, const Listing& listing) {
  const fs::path& root = scan.root;
  const std::vector<PartFolder> parts = find_parts(root, listing);
  if (!scan.options.classes.empty() || parts.empty()) {
    scan.class_names = scan.options.classes.empty() ? listing.folders : scan.options.classes;
    std::vector<std::string> missing;
    std::vector<ClassFolder> folders = find_classes(root, "", Part::whole, scan.class_names, missing);
    if (missing.empty()) return folders;  // the classes lie in the root, whatever else does
    CURIE_CHECK(!parts.empty(), data, "{}: expected a folder of class \"{}\", found {}{}", root.string(), missing[0],
                enumerate(listing.folders), suggestion(missing[0], listing.folders));
  } else {
    std::set<std::string> names;
    for (const PartFolder& part : parts) names.merge(folders_with_images(root / part.name));
    scan.class_names.assign(names.begin(), names.end());
  }
  std::vector<ClassFolder> folders;
  std::map<std::string, std::size_t> absences;  // from how many parts a class is missing
  for (const PartFolder& part : parts) {
    std::vector<std::string> missing;
    const std::vector<ClassFolder> found = find_classes(root, part.name, part.part, scan.class_names, missing);
    folders.insert(folders.end(), found.begin(), found.end());
    for (const std::string& name : missing) ++absences[name];
  }
  for (const auto& [name, count] : absences) {
    const std::vector<std::string> there = list(root / parts[0].name).folders;
    CURIE_CHECK(count < parts.size(), data,
                "{}: expected a folder of class \"{}\" in a part of the data set, found {} in {}{}", root.string(),
                name, enumerate(there), parts[0].name, suggestion(name, there));
  }
  return folders;
}

// Adds the images of one folder to those of their classes.
void add_images(FolderScan& scan, const ClassFolder& folder, const std::vector<std::optional<int>>& limits,
                std::vector<std::vector<FolderScan::File>>& by_label) {
  std::string path = folder.path;
  Listing listing = list(scan.root / path);
  const std::optional<std::string> images = match("images", listing.folders);
  if (images && holds_images(scan.root / path / *images)) {
    for (const std::string& file : listing.files) scan.ignored.push_back(path + "/" + file);
    for (const std::string& other : listing.folders) {
      if (other != *images) scan.ignored.push_back(path + "/" + other);
    }
    path += "/" + *images;
    listing = list(scan.root / path);
  }
  for (const std::string& other : listing.folders) scan.ignored.push_back(path + "/" + other);
  std::map<int, int> found;
  for (const std::string& file : listing.files) {
    const std::optional<int> label = has_image_name(file) ? label_of(folder, file) : std::nullopt;
    if (!label) {
      scan.ignored.push_back(path + "/" + file);
      continue;
    }
    const auto at = static_cast<std::size_t>(*label);
    if (!limits[at] || found[*label] < *limits[at]) by_label[at].push_back({path + "/" + file, *label, folder.part});
    ++found[*label];
  }
}

std::vector<std::optional<int>> limits_of(const FolderScan& scan) {
  std::vector<std::optional<int>> limits(scan.class_names.size());
  for (const auto& [name, limit] : scan.options.limits) {
    const std::optional<std::string> known = match(name, scan.class_names);
    CURIE_CHECK(known.has_value(), usage, "limit {}={}: expected one of the classes {}{}", name, limit,
                enumerate(scan.class_names), suggestion(name, scan.class_names));
    CURIE_CHECK(limit >= 1, usage, "limit {}={}: expected at least 1 image", name, limit);
    const auto at = std::find(scan.class_names.begin(), scan.class_names.end(), *known) - scan.class_names.begin();
    limits[static_cast<std::size_t>(at)] = limit;
  }
  return limits;
}

// A class of which no image was found, though its folder is there.
[[noreturn]] void refuse_empty(const FolderScan& scan, int label, const std::vector<ClassFolder>& folders,
                               const Listing& root) {
  const auto kind_of = [&](const ClassFolder& folder) {
    return std::find_if(folder.kinds.begin(), folder.kinds.end(),
                        [&](const Kind& kind) { return kind.label == label; });
  };
  const auto folder = std::find_if(folders.begin(), folders.end(), [&](const ClassFolder& candidate) {
    return kind_of(candidate) != candidate.kinds.end();
  });
  const Listing listing = list(scan.root / folder->path);
  const std::string& word = kind_of(*folder)->word;
  const std::string with = word.empty() ? "" : fmt::format(", with the word \"{}\" in their names", word);
  throw_error(
      ErrorKind::data,
      fmt::format("{}: expected PNG, JPEG or BMP images of class \"{}\"{}, found {} other files and {} folders; "
                  "add images, remove the folder, or name the classes to use{}",
                  (scan.root / folder->path).string(), scan.class_names[static_cast<std::size_t>(label)], with,
                  listing.files.size(), listing.folders.size(), hint(scan.root, root)));
}

}  // namespace

bool has_image_name(const fs::path& path) {
  static constexpr std::array<std::string_view, 7> kEndings = {".png",  ".jpg", ".jpeg", ".jpe",
                                                               ".jfif", ".bmp", ".dib"};
  return std::find(kEndings.begin(), kEndings.end(), lower_case(path.extension().string())) != kEndings.end();
}

std::string_view name_of(Part part) {
  static constexpr std::array<std::string_view, 4> kNames = {"whole", "train", "validation", "test"};
  return kNames[static_cast<std::size_t>(part)];
}

Part part_named(const std::string& folder) {
  for (const auto& [name, part] : kPartNames) {
    if (lower_case(folder) == name) return part;
  }
  return Part::whole;
}

std::string FolderScan::ignored_images() const {
  std::vector<std::string> images;
  std::copy_if(ignored.begin(), ignored.end(), std::back_inserter(images),
               [](const std::string& name) { return has_image_name(name); });
  if (images.empty()) return "";
  return fmt::format(
      "{} image files belong to none of the classes {} by their place and name and are left out, the "
      "first: {}",
      images.size(), enumerate(class_names), images.front());
}

std::vector<int> FolderScan::class_counts() const {
  std::vector<int> counts(class_names.size(), 0);
  for (const File& file : files) ++counts[static_cast<std::size_t>(file.label)];
  return counts;
}

std::vector<int> FolderScan::class_counts(Part part) const {
  std::vector<int> counts(class_names.size(), 0);
  for (const File& file : files) counts[static_cast<std::size_t>(file.label)] += file.part == part ? 1 : 0;
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
  const std::vector<ClassFolder> folders = locate_classes(scan, listing);
  CURIE_CHECK(scan.class_names.size() >= 2, data, "{}: expected at least two classes, found one, \"{}\"{}",
              root.string(), scan.class_names.front(), hint(root, listing));
  const std::vector<std::optional<int>> limits = limits_of(scan);
  const bool none = std::none_of(folders.begin(), folders.end(), [&](const ClassFolder& folder) {
    return holds_images(root / folder.path) || fs::is_directory(root / folder.path / "images");
  });
  CURIE_CHECK(!none, data, "{}: expected one folder of images per class; none of its folders holds any: {}{}",
              root.string(), enumerate(listing.folders), hint(root, listing));

  std::vector<std::vector<FolderScan::File>> by_label(scan.class_names.size());
  for (const ClassFolder& folder : folders) add_images(scan, folder, limits, by_label);
  for (std::size_t label = 0; label < by_label.size(); ++label) {
    if (by_label[label].empty()) refuse_empty(scan, static_cast<int>(label), folders, listing);
    scan.files.insert(scan.files.end(), by_label[label].begin(), by_label[label].end());
  }
  return scan;
}

}  // namespace curie
