// Data sets on disk as one folder per class: DIR/COVID/a.png, DIR/Normal/b.jpg, ..., or in parts, each with a folder
// per class: DIR/train/NORMAL/a.jpeg, DIR/test/PNEUMONIA/b.jpeg, ...
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace curie {

// Which part of a data set its makers put a file in; `whole` where there are no parts.
enum class Part { whole, train, validation, test };

std::string_view name_of(Part part);  // "whole", "train", "validation", "test"
// Of a folder train, val, valid, validation or test, in any case; whole for other names.
Part part_named(const std::string& folder);

struct ScanOptions {
  std::vector<std::string> classes = {};   // which, and in which order; empty: every folder, sorted by name
  std::map<std::string, int> limits = {};  // the first N files of a class, in sorted order, of each part
};

struct FolderScan {
  struct File {
    std::string source;  // relative to the root: "COVID/COVID-11.jpg", "test/NORMAL/IM-0001-0001.jpeg"
    int label = 0;       // index into class_names
    Part part = Part::whole;
  };

  std::filesystem::path root;
  ScanOptions options;
  std::vector<std::string> class_names;
  std::vector<File> files;           // by class, then part (train, validation, test), then bytewise by name
  std::vector<std::string> ignored;  // relative to the root: what is inside class folders and belongs to no class

  std::vector<int> class_counts() const;
  std::vector<int> class_counts(Part part) const;
  bool has_parts() const { return !files.empty() && files.front().part != Part::whole; }
  // How many image files were passed over since no class claims them, and which is the first; empty: none.
  std::string ignored_images() const;
};

// Finds the images without opening them.
// - Names of classes are matched without regard to case, and taking an underscore for a space; they appear in the
// result
//   as `options.classes` spells them.
// - A class folder that holds an `images` folder (as the COVID-19 Radiography Database has beside `masks`) stands for
//   that.
// - A wanted class that has no folder of its own may be a kind within one, told by the files' names: "PNEUMONIA VIRUS"
//   is, in the folder PNEUMONIA, the files with the word virus in their names, as in Kermany's chest X-rays.
// - Where the root's folders are parts (train, test, val, valid, validation, in any case) and hold the class folders,
// every
//   file knows its part. A class may be missing from a part, not from all.
// Hidden files are passed over. Throws Error that says what was looked for and what is there: usage for unknown classes
// and limits, data for a folder that cannot be a data set (missing, no class folders, one class, a class without
// images).
FolderScan scan_class_folders(const std::filesystem::path& root, const ScanOptions& options = {});

// By the name's ending, in any case: png, jpg, jpeg, jpe, jfif, bmp, dib.
bool has_image_name(const std::filesystem::path& path);

}  // namespace curie
